"""Testing the tester: seeded mistakes in a copy of the operator, each of which a plan must catch.

`python -m e2e.faults --mutants` plays a few plans with the operator as it is, which must pass, and
with each mistake until one of its plans catches it. A mistake that nobody catches is a hole in the
suite; one whose text is not in the operator any more is an error.
"""
