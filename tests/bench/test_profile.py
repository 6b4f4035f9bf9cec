"""What a sampled profile says."""

from e2e.bench.profile import Profile

STACKS = """\
main (modelservice_operator/__main__.py:20);run (uvloop/__init__.py:90);handle (kopf/_core/a.py:3) 2
main (modelservice_operator/__main__.py:20);run (uvloop/__init__.py:90);handle (kopf/_core/a.py:3);\
put (modelservice_operator/controller/store.py:80);dumps (json/__init__.py:231) 5
main (modelservice_operator/__main__.py:20);run (uvloop/__init__.py:90);write (ssl.py:9) 3
"""


def test_each_sample_counts_once_for_the_part_that_it_is_in() -> None:
    profile = Profile.read(STACKS.splitlines())
    assert profile.samples == 10
    assert profile.parts == {"kopf": 2, "controller": 5, "others": 3}
    assert profile.packages == {"kopf": 2, "json": 5, "ssl": 3}


def test_a_function_has_what_it_calls_too() -> None:
    profile = Profile.read(STACKS.splitlines())
    assert profile.own["handle (kopf/_core/a.py)"] == 2
    assert profile.total["handle (kopf/_core/a.py)"] == 7


def test_a_path_begins_with_the_package() -> None:
    line = "f (/opt/venv/lib/python3.13/site-packages/kopf/a.py:1) 1"
    assert Profile.read([line]).packages == {"kopf": 1}


def test_the_hottest_stand_first() -> None:
    text = Profile.read(STACKS.splitlines()).text()
    assert text.index("50.0 %  controller") < text.index("20.0 %  kopf")


def test_a_stack_that_changed_while_it_was_read_is_left_out() -> None:
    """The harm: a profile of a minute lost to one sample."""
    torn = ["main (modelservice_operator/__main__.py:20);run (, x", *STACKS.splitlines()]
    assert Profile.read(torn).samples == 10
