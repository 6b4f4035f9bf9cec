"""What the services answer, held against what is known: digits by labels, linear by arithmetic."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from e2e.cluster.problem import Problem
from e2e.data import linear
from e2e.data.parts import Parts
from e2e.demo import drawing, inference
from e2e.demo.bucket import Bucket
from e2e.demo.inference import Answers, Question
from e2e.demo.kinds import MODEL_VERSION
from e2e.demo.kubectl import Kubectl, Manifest
from e2e.demo.reach import reach

ACCURACY = 0.95
TOLERANCE = 1e-3
SHOWN = 4  # digits that are drawn


@dataclass(frozen=True)
class Verdict:
    """Whether a service answers as it should, and the lines that show it."""

    passed: bool
    lines: tuple[str, ...]


def question(service: Manifest) -> Question:
    """What to ask of a service's first model, from its status."""
    model = service["status"]["models"][0]
    return Question(
        model=model["name"], input=model["inputs"][0]["name"], output=model["outputs"][0]["name"]
    )


def ask(kubectl: Kubectl, service: Manifest, *, samples: np.ndarray) -> dict[str, Answers]:
    """The answers to `samples` over both protocols."""
    asked = question(service)
    with reach(kubectl, service["metadata"]["name"]) as (http, grpc):
        return {
            "HTTP": inference.ask(inference.over_http(http, question=asked), samples=samples),
            "gRPC": inference.ask(inference.over_grpc(grpc, question=asked), samples=samples),
        }


def digits(kubectl: Kubectl, service: Manifest, *, parts: Parts) -> Verdict:
    """Accuracy and latency on images that no part of the training has seen."""
    images, labels = parts.held
    answers = ask(kubectl, service, samples=images)
    lines, passed = [], True
    for protocol, found in answers.items():
        right = float((found.predictions.argmax(axis=1) == labels).mean())
        passed &= right >= ACCURACY
        lines.append(f"{protocol}  {len(labels)} images, accuracy {right:.3f}, {_latency(found)}")
    lines += ["", *_gallery(images, labels, scores=answers["HTTP"].predictions)]
    return Verdict(passed=passed, lines=tuple(lines))


def line(kubectl: Kubectl, service: Manifest, *, parts: Parts, bucket: Bucket) -> Verdict:
    """The served predictions beside those of the very same file, computed on this machine."""
    samples, _ = parts.held
    local = locally(_artifact(kubectl, service, bucket=bucket), samples=samples)
    weights, bias = linear.trained_locally(*parts.train)
    by_hand = samples @ weights[:, np.newaxis] + bias
    lines, passed = [], True
    for protocol, found in ask(kubectl, service, samples=samples).items():
        apart, from_hand = (
            float(np.abs(found.predictions - other).max()) for other in (local, by_hand)
        )
        passed &= apart <= TOLERANCE
        lines.append(
            f"{protocol}  {len(samples)} samples, {apart:.1e} at most from the same model run "
            f"locally, {from_hand:.1e} from numpy's training, {_latency(found)}"
        )
    return Verdict(passed=passed, lines=tuple(lines))


def locally(model: bytes, *, samples: np.ndarray) -> np.ndarray:
    """The first output of an ONNX model, by ONNX's own reference implementation."""
    evaluator = ReferenceEvaluator(onnx.load_from_string(model))
    outputs = evaluator.run(None, {evaluator.input_names[0]: samples})
    return np.asarray(outputs[0])


def _artifact(kubectl: Kubectl, service: Manifest, *, bucket: Bucket) -> bytes:
    """The file of the version that is served, found as a user would find it; its digest is right.

    Raises Problem where the served digest and the file differ.
    """
    served = service["status"]["models"][0]
    name = f"{service['metadata']['name']}-{served['name']}-{served['version']}"
    version = kubectl.get(MODEL_VERSION, name)
    if version is None:
        raise Problem(f"there is no ModelVersion {name}", advice="see `kubectl get mver`")
    data = bucket.read(version["spec"]["artifact"]["uri"])
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != served["digest"]:
        raise Problem(
            f"what {name} names is not what is served", advice=f"its digest is {served['digest']}"
        )
    return data


def _latency(found: Answers) -> str:
    return f"p50 {found.milliseconds(50):.1f} ms, p99 {found.milliseconds(99):.1f} ms"


def _gallery(images: np.ndarray, labels: np.ndarray, *, scores: np.ndarray) -> Iterator[str]:
    """A few images with their predictions, a wrong one among them if there is one."""
    predicted = scores.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)[:1]
    right = np.flatnonzero(predicted == labels)[: SHOWN - len(wrong)]
    chosen = [*right, *wrong]
    captions = [
        f"{predicted[index]} ({scores[index].max():.0%})"
        + (f", is {labels[index]}" if predicted[index] != labels[index] else "")
        for index in chosen
    ]
    yield from drawing.beside([images[index, 0] for index in chosen], captions=captions)
