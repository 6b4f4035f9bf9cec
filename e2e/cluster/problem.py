"""The one error that people see: what is wrong, and what to do about it, in one line."""


class Problem(Exception):  # noqa: N818 - it is told to a person, who reads no class names
    """Something outside this program that a person has to put right.

    `details` are lines shown below (the end of a log, say).
    """

    def __init__(self, what: str, *, advice: str, details: str = "") -> None:
        super().__init__(what, advice)
        self.what = what
        self.advice = advice
        self.details = details

    def __str__(self) -> str:
        line = f"{self.what}; {self.advice}"
        return f"{line}\n{self.details}" if self.details else line
