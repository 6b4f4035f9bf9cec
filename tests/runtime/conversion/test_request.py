"""The document of a conversion is read as the operator writes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelservice_runtime.conversion.request import VARIABLE, Request, parse
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.conversion.examples import document


def parsed(**changes: Any) -> Request:
    return parse({VARIABLE: json.dumps(document(**changes))})


def test_a_request_is_complete() -> None:
    request = parsed()
    assert (request.namespace, request.service) == ("default", "digits")
    assert (request.model, request.run) == ("digits", "6f2c0d")
    assert request.source.uri == "s3://models/digits.keras"
    assert request.source.credentials == Path("/etc/modelservice/credentials/storage")
    assert request.source.format is None
    assert not request.source.stated
    assert not request.trust.required
    assert request.output.uri == "s3://models/default/digits/digits/6f2c0d/"
    assert request.allowed_networks == ()


def test_seals_and_trust_are_those_of_the_wanted_models() -> None:
    source = {
        "uri": "https://example.com/m.zip",
        "digest": "sha256:" + "0" * 64,
        "stated": True,
        "credentials": "",
        "format": "SavedModel",
        "encryption": {"key": "/etc/modelservice/seals/key/key"},
        "signature": {"name": "digits"},
    }
    trust = {"requireSignature": True, "publicKeys": ["pem"]}
    request = parsed(source=source, trust=trust, network={"allowedNetworks": ["10.0.0.0/8"]})
    assert request.source.stated
    assert request.source.credentials is None
    assert request.source.format == "SavedModel"
    assert request.source.terms.key == Path("/etc/modelservice/seals/key/key")
    assert (request.source.terms.stated, request.source.terms.named) == (True, "digits")
    assert (request.trust.required, request.trust.keys) == (True, ("pem",))
    assert request.allowed_networks == ("10.0.0.0/8",)


def test_fields_of_a_newer_operator_are_ignored() -> None:
    assert parsed(quantize={"to": "int8"}).run == "6f2c0d"


def test_the_intent_tells_for_whom_and_from_what() -> None:
    assert parsed().intent({"uri": "s3://models/digits.keras"}) == {
        "service": {"namespace": "default", "name": "digits"},
        "model": "digits",
        "run": "6f2c0d",
        "source": {"uri": "s3://models/digits.keras"},
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"apiVersion": "runtime.modelservice.io/v9"}, "apiVersion must be"),
        ({"run": None}, "run is missing"),
        ({"model": "../up"}, "not the name of a model"),
        ({"source": {"credentials": ""}}, "source.uri is missing"),
        ({"source": {"uri": "s3://a/b", "format": "ONNX"}}, "source.format must be one of Keras"),
        ({"output": {"uri": "s3://a/b"}}, "output.credentials is missing"),
        ({"trust": "all"}, "trust must be an object"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Failure, match=told) as caught:
        parsed(**changes)
    assert caught.value.reason is Reason.CONVERSION_FAILED


def test_without_a_request_it_fails_in_words() -> None:
    with pytest.raises(Failure, match=r"MODELSERVICE_CONVERSION .* not JSON"):
        parse({})
