"""A cluster of the user's needs a store of the user's, and is told what is missing."""

import pytest

from e2e.cluster.problem import Problem
from e2e.demo.surroundings import SECRET_KEYS, given


def test_a_store_from_the_environment() -> None:
    environment = {name: name.lower() for name in SECRET_KEYS}
    storage = given(environment | {"HOME": "/root"})
    assert storage.secret == environment
    assert storage.endpoint == "aws_endpoint_url"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Problem, match="AWS_SECRET_ACCESS_KEY, AWS_REGION"):
        given({"AWS_ACCESS_KEY_ID": "a", "AWS_ENDPOINT_URL": "http://s3.example.com"})
