"""When the next bytes may go, so that a rate is kept. Pure.

Bytes are due one after another at the rate. A sender that comes late (a sleep that was too long, a
core that was busy) may make up for at most `SLACK` of it: without that every delay would lower the
rate, and with more of it a pause would be followed by a burst that no line has.
"""

from dataclasses import dataclass

SLACK = 0.005
"""Seconds. At 200 MB/s a megabyte, an eighth of what is asked for at once."""


@dataclass
class Pace:
    """`rate` in bytes a second; `due` is when the next bytes may go, on the caller's clock."""

    rate: float
    due: float

    def take(self, size: int, *, now: float) -> float:
        """Seconds to wait before `size` bytes are sent."""
        begin = max(self.due, now - SLACK)
        self.due = begin + size / self.rate
        return max(0.0, begin - now)
