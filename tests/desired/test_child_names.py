"""Names of children are valid, bounded, and distinct where what they stand for is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.desired import child_names

DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
SERVICES = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
MODELS = st.from_regex(r"[A-Za-z0-9._-]{1,63}", fullmatch=True)


@given(service=SERVICES, model=MODELS, number=st.integers(1, 9_999_999))
def test_every_name_is_a_dns_label(service: str, model: str, number: int) -> None:
    for name in (
        child_names.training_job(service=service, model=model, run="0123456789"),
        child_names.model_version(service=service, model=model, number=number),
        child_names.check_job(service=service, check_hash="0123456789"),
        child_names.revision(service=service, revision_hash="0123456789"),
        child_names.singleton(namespace="n" * 63, name=service, role="serving"),
    ):
        assert DNS_LABEL.fullmatch(name), name
    assert re.fullmatch(
        r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?", child_names.label_value(model)
    )


@given(service=SERVICES, models=st.lists(MODELS, min_size=2, max_size=2, unique=True))
def test_two_models_never_share_a_name(service: str, models: list[str]) -> None:
    if len(service) <= 32:  # beyond that only a few characters are left for the model
        first, second = (
            child_names.model_version(service=service, model=model, number=1) for model in models
        )
        assert first != second


def test_short_names_stay_as_they_are() -> None:
    assert (
        child_names.model_version(service="digits", model="digits", number=3) == "digits-digits-3"
    )
    job = child_names.training_job(service="digits", model="digits", run="6f2c0d0000")
    assert job == "digits-digits-train-6f2c0d0000"
