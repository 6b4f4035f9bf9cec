"""Findings count unless a suppression with a reason covers them, and none outlives its finding."""

from __future__ import annotations

from dataclasses import replace

from e2e.security.scanners import Finding, Report, Suppression, judged, stale, suppressions

FINDING = Finding("trivy", "KSV1", "chart", "default: Deployment operator", "LOW")
LEFT = Suppression("trivy", "KSV1", "chart", reason="so")


def test_a_suppression_covers_its_rule_in_its_place() -> None:
    assert LEFT.covers(FINDING)
    assert replace(LEFT, subject="Deployment").covers(FINDING)
    assert not replace(LEFT, subject="Job").covers(FINDING)
    for other in (
        replace(FINDING, rule="KSV2"),
        replace(FINDING, where="children"),
        replace(FINDING, tool="checkov"),
    ):
        assert not LEFT.covers(other)


def test_what_is_not_suppressed_is_not_met() -> None:
    report = Report("trivy", (FINDING,), looked=2000)
    assert judged(report, known=[LEFT]).met
    assert not judged(report, known=[]).met
    assert not judged(replace(report, looked=0), known=[LEFT]).met


def test_a_suppression_without_a_finding_is_told() -> None:
    assert stale([LEFT], [FINDING]) == []
    assert stale([LEFT], []) == ["trivy KSV1 chart "]


def test_each_suppression_has_a_reason() -> None:
    assert all(len(one.reason) > 5 for one in suppressions())
