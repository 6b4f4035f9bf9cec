"""The `Scaling` condition, from what the HorizontalPodAutoscaler says of itself."""

from __future__ import annotations

from modelservice_operator.desired.situation import Situation
from modelservice_operator.status.conditions import Condition
from modelservice_operator.view import View

KIND = "HorizontalPodAutoscaler"


def scaling(situation: Situation, *, view: View) -> Condition | None:
    """None where the spec asks for no autoscaling."""
    if situation.service.spec.autoscaling is None:
        return None
    if situation.service.spec.suspend:
        return _no("Suspended", "The service is suspended.")
    scaler = next((item for (kind, _), item in view.children.items() if kind == KIND), None)
    if scaler is None:
        return _no("Starting", "The autoscaler is being made.")
    told = {item.get("type"): item for item in scaler.status.get("conditions", ())}
    able, active = told.get("AbleToScale", {}), told.get("ScalingActive", {})
    if able.get("status") == "False":
        return _no(str(able.get("reason", "Failed")), "The autoscaler cannot set the size.")
    if active.get("status") == "True":
        return Condition("Scaling", True, "Active", "The autoscaler sets serving.replicas.")
    reason = str(active.get("reason", ""))
    if reason == "ScalingDisabled":
        return _no(reason, "serving.replicas is 0: set it to 1 or more to let the autoscaler work.")
    if reason.startswith("FailedGet"):
        return _no(
            reason,
            "The autoscaler gets no CPU metrics. Is metrics-server installed, and are pods ready?",
        )
    return _no("Starting", "The autoscaler has not looked at the service yet.")


def _no(reason: str, message: str) -> Condition:
    return Condition("Scaling", False, reason, message)
