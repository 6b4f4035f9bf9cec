"""What checkov, trivy and bandit find: in the chart with each profile of values, in what the
operator makes of the examples with the chart's platform settings, in the Dockerfiles and in the
code.

Findings that are left as they are stand in suppressions.yaml, each with its reason; the budget for
the others is 0.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e import chart
from e2e.cluster import tools
from e2e.security import toolbox
from e2e.security.figures import Figure, at_most, none_of
from e2e.security.workloads import EXAMPLES, SHA
from modelservice_operator import settings
from modelservice_operator.api import parse_service
from modelservice_operator.desired.plan import plan
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.situation import assess
from modelservice_operator.view import View

SUPPRESSIONS = Path(__file__).with_name("suppressions.yaml")
SOURCES = (chart.ROOT / "operator", chart.ROOT / "runtime")
INSTANCE = "app.kubernetes.io/instance"
NOW = 1_800_000_000.0
SEVERE = 2  # rules; the best comparable operator has five findings of these severities

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """`where` is chart, children, dockerfiles or code; `subject` says which part of it."""

    tool: str
    rule: str
    where: str
    subject: str
    severity: str = ""

    def __str__(self) -> str:
        return f"{self.tool} {self.rule} {self.severity} {self.where}: {self.subject}"


@dataclass(frozen=True)
class Suppression:
    """Findings of a rule that are left, and why."""

    tool: str
    rule: str
    where: str
    reason: str
    subject: str = ""

    def covers(self, finding: Finding) -> bool:
        same = (self.tool, self.rule, self.where) == (finding.tool, finding.rule, finding.where)
        return same and self.subject in finding.subject


@dataclass(frozen=True)
class Report:
    """What one tool found, out of `looked` checks or lines."""

    tool: str
    findings: tuple[Finding, ...]
    looked: int


def suppressions() -> list[Suppression]:
    """Those of suppressions.yaml."""
    return [Suppression(**one) for one in yaml.safe_load(SUPPRESSIONS.read_text())]


def measure() -> Iterator[Figure]:
    """Scan everything."""
    with tempfile.TemporaryDirectory(prefix="modelservice-scan-") as name:
        directory = Path(name)
        profiles = lay_out(directory)
        reports = [checkov(directory), trivy(directory), bandit()]
    known = suppressions()
    for report in reports:
        yield judged(report, known=known)
    findings = [finding for report in reports for finding in report.findings]
    yield none_of("suppressions that suppress nothing", stale(known, findings), of=len(known))
    severe = {
        finding.rule
        for finding in findings
        if finding.severity in {"HIGH", "CRITICAL"} and finding.where == "chart"
    }
    yield at_most(
        f"rules of severity high or critical, {profiles} profiles, before suppressions",
        len(severe),
        budget=SEVERE,
    )


def judged(report: Report, *, known: Sequence[Suppression]) -> Figure:
    """The findings of a tool that nothing suppresses."""
    left = [
        str(finding)
        for finding in report.findings
        if not any(suppression.covers(finding) for suppression in known)
    ]
    rules = {one.rule for one in known if one.tool == report.tool}
    name = f"findings of {report.tool} ({len(rules)} rules suppressed with reasons)"
    return none_of(name, left, of=report.looked, least=1000)


def stale(known: Iterable[Suppression], findings: Sequence[Finding]) -> list[str]:
    """Suppressions whose finding has gone."""
    return [
        f"{one.tool} {one.rule} {one.where} {one.subject}"
        for one in known
        if not any(one.covers(finding) for finding in findings)
    ]


def lay_out(directory: Path) -> int:
    """Write what is scanned, a folder for each subject; the number of profiles."""
    helm = tools.binary("helm")
    rendered = {
        name: chart.manifests(helm, "--set=crds.install=false", values=values)
        for name, values in {"default": {}, **chart.OPTIONS}.items()
    }
    rendered["development"] = chart.manifests(helm, "--set=crds.install=false", chart.DEVELOPMENT)
    for name, manifests in rendered.items():
        # Each another installation: a NetworkPolicy of one must not count for another's pods.
        text = yaml.safe_dump_all(manifests).replace(chart.NAMESPACE, f"{name}-system")
        text = text.replace(f"{INSTANCE}: {chart.RELEASE}", f"{INSTANCE}: {name}")
        _write(directory / "chart" / name / "manifests.yaml", text)
    platform = settings.platform(_platform(rendered["default"]))
    children = yaml.safe_dump_all(list(made(platform)))
    _write(directory / "children" / "all" / "manifests.yaml", children)
    for source in SOURCES:
        target = directory / "dockerfiles" / source.name / "Dockerfile"
        target.parent.mkdir(parents=True)
        shutil.copyfile(source / "Dockerfile", target)
    return len(rendered)


def made(platform: Platform) -> Iterator[Manifest]:
    """The children that the operator wants for the examples, before and after their check."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            if manifest["kind"] != "ModelService":
                continue
            manifest["metadata"] |= {"namespace": "team", "uid": "uid", "generation": 1}
            for checked in (False, True):
                for model in manifest["spec"]["models"] if checked else ():
                    if "source" in model:
                        model["source"]["sha256"] = SHA
                service, view = parse_service(manifest), View(service=manifest)
                situation = assess(service, view=view, platform=platform, now=NOW)
                for child in plan(situation, platform=platform, now=NOW):
                    yield child.manifest


def checkov(directory: Path) -> Report:
    """Kubernetes manifests and Dockerfiles, by checkov."""
    answer = json.loads(
        _output(
            *(toolbox.program("checkov"), "--directory", directory, "--skip-download", "--quiet"),
            *("--framework", "kubernetes", "dockerfile", "--output", "json", "--compact"),
        )
    )
    findings = tuple(
        Finding(
            "checkov",
            check["check_id"],
            *_place(check["file_path"].lstrip("/"), subject=check["resource"]),
        )
        for part in answer
        for check in part["results"]["failed_checks"]
    )
    looked = sum(part["summary"]["passed"] + part["summary"]["failed"] for part in answer)
    return Report("checkov", findings, looked)


def trivy(directory: Path) -> Report:
    """The same, by trivy."""
    with tempfile.TemporaryDirectory(prefix="modelservice-trivy-") as cache:
        answer = json.loads(
            _output(
                *(toolbox.program("trivy"), "config", "--quiet", "--skip-check-update"),
                *("--cache-dir", cache, "--format", "json", directory),
            )
        )
    findings, looked = [], 0
    for result in answer["Results"]:
        looked += sum(result["MisconfSummary"].values())
        for found in result.get("Misconfigurations", ()):
            where, subject = _place(result["Target"], subject=found["Message"])
            findings.append(Finding("trivy", found["ID"], where, subject, found["Severity"]))
    return Report("trivy", tuple(findings), looked)


def bandit() -> Report:
    """The code that is shipped, by bandit."""
    answer = json.loads(
        _output(
            *(toolbox.program("bandit"), "--quiet", "--recursive", "--format", "json"), *SOURCES
        )
    )
    findings = tuple(
        Finding(
            "bandit",
            found["test_id"],
            "code",
            f"{Path(found['filename']).relative_to(chart.ROOT)}: {found['issue_text']}",
            found["issue_severity"],
        )
        for found in answer["results"]
    )
    return Report("bandit", findings, answer["metrics"]["_totals"]["loc"])


def _place(path: str, *, subject: str) -> tuple[str, str]:
    """A finding's `where` and `subject` from the file that it is in."""
    where, part, _ = path.split("/", 2)
    return where, f"{part}: {subject}"


def _platform(manifests: Iterable[Manifest]) -> Any:
    config = chart.only(list(manifests), kind="ConfigMap", name=f"{chart.RELEASE}-platform")
    return yaml.safe_load(config["data"]["platform.yaml"])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def _output(*command: str | Path) -> str:
    """Standard output; these tools say by their exit status that they found something."""
    done = subprocess.run(
        [str(word) for word in command], check=False, capture_output=True, text=True
    )
    if not done.stdout.strip():
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout
