"""What a sampled profile says: shares of the time by package and by function. Pure.

py-spy's raw format is a stack a line, outermost function first, and how often it was seen:

    main (app.py:1);run (controller/workers.py:90);dumps (json/__init__.py:231) 17
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TOP = 30
_FRAME = re.compile(r"^(?P<function>.+) \((?P<file>[^()]+?)(?::\d+)?\)$")
# Where a package begins in the path of a file.
_SITE = re.compile(
    r"^.*site-packages/|^.*/lib/python[\d.]+/|^.*/operator/(?=modelservice_operator/)"
)
_OURS, _KOPF = "modelservice_operator", "kopf"
# The outermost frames of every stack.
_ENTRY = "modelservice_operator/__main__.py"


@dataclass(frozen=True)
class Profile:
    """Samples in all; by package and function where they were taken; by function below it too.

    `parts` has each sample once, under the innermost of the operator's packages or kopf's that the
    stack has; under `others` those of the event loop and the sockets.
    """

    samples: int
    parts: Counter[str]
    packages: Counter[str]
    own: Counter[str]
    total: Counter[str]

    @classmethod
    def read(cls, lines: Iterable[str]) -> "Profile":
        """From py-spy's raw format."""
        samples = 0
        parts: Counter[str] = Counter()
        packages: Counter[str] = Counter()
        own: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for line in lines:
            stack, _, count_text = line.strip().rpartition(" ")
            if not stack or not count_text.isdigit():
                continue  # read while the program changed it: it is not stopped for a sample
            frames = [_frame(frame) for frame in stack.split(";")]
            count = int(count_text)
            samples += count
            parts[_part(frames)] += count
            packages[_package(frames[-1])] += count
            own[frames[-1]] += count
            for frame in set(frames):
                total[frame] += count
        return cls(samples, parts, packages, own, total)

    def text(self) -> str:
        """Three tables, the hottest first."""
        ours = Counter({k: v for k, v in self.total.items() if _package(k) in {_OURS, _KOPF}})
        parts = (
            ("By part of the operator, with the libraries that it calls", self.parts),
            ("By package, where the sample was taken", self.packages),
            ("By function, where the sample was taken", self.own),
            ("Functions of the operator and of kopf, with all that they call", ours),
        )
        return "\n".join(self._table(title, counts) for title, counts in parts)

    def _table(self, title: str, counts: Counter[str]) -> str:
        lines = [f"{title}", ""]
        lines += [f"{100 * n / self.samples:6.1f} %  {name}" for name, n in counts.most_common(TOP)]
        return "\n".join([*lines, ""])


def _part(frames: Sequence[str]) -> str:
    """`kopf`, or the operator's package (`controller`, `kube`, …), that the stack is in."""
    for frame in reversed(frames):
        package = _package(frame)
        if package == _KOPF:
            return package
        if package == _OURS and _ENTRY not in frame:
            match = _FRAME.match(frame)
            path = match["file"] if match else frame
            return path.split("/")[1].removesuffix(".py")
    return "others"


def _frame(text: str) -> str:
    """`function (package/file.py)`, without the line."""
    match = _FRAME.match(text)
    if match is None:
        return text
    return f"{match['function']} ({_SITE.sub('', match['file'])})"


def _package(frame: str) -> str:
    match = _FRAME.match(frame)
    file = match["file"] if match else frame
    return file.partition("/")[0].removesuffix(".py").partition(".")[0]
