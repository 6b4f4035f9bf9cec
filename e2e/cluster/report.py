"""What `python -m e2e.cluster` tells while it works: a line a step, with the time that it took.

On a terminal the running step is shown with a ticking clock; elsewhere (CI) a long step says every
half minute that it is alive. Everything goes to stderr: stdout carries answers only.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

ALIVE = 30.0  # seconds between signs of life of a long step, away from a terminal


def note(text: str) -> None:
    """One line of its own."""
    print(text, file=sys.stderr, flush=True)


class Step:
    """A running step; `detail` is shown beside its clock and may change at any time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def line(self) -> str:
        """What is told about the step now."""
        detail = f"  {self.detail}" if self.detail else ""
        return f"  {self.name:<28}{self.seconds:6.1f} s{detail}"


def _tick(step: Step, stop: threading.Event) -> None:
    terminal = sys.stderr.isatty()
    while not stop.wait(0.2 if terminal else ALIVE):
        if terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            sys.stderr.write("\r\x1b[K" + step.line()[: width - 1])
            sys.stderr.flush()
        else:
            note(step.line() + " …")


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Tell that `name` is being done, and when it is done how long it took."""
    running, stop = Step(name), threading.Event()
    clock = threading.Thread(target=_tick, args=(running, stop), daemon=True)
    clock.start()
    outcome = "failed"
    try:
        yield running
        outcome = ""
    finally:
        stop.set()
        clock.join()
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        note(f"{running.line()}  {outcome}".rstrip())
