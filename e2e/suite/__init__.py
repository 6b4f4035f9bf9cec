"""End-to-end tests on a cluster with the chart installed: `make e2e`. A file is a behaviour.

Everything is real: the API server, the operator's image, Triton, training, object storage. Each run
has a namespace of its own. What ends processes or reads the audit log needs the embedded cluster
(the mark `embedded`) and is left out where KUBECONFIG names another one.
"""
