"""One error for what the user of the command line can mend: place, problem and fix.

Errors of the API are `objects.ApiError`; a bug stays a traceback.
"""

from pathlib import Path


class InputError(Exception):
    """Bad input or an unfit machine; ends the program with exit code 2 and one message."""

    def __init__(self, problem: str, *, place: Path | str | None = None, fix: str | None = None):
        super().__init__(problem)
        self.problem = problem
        self.place = place
        self.fix = fix

    def __str__(self) -> str:
        head = self.problem if self.place is None else f"{self.place}: {self.problem}"
        return head if self.fix is None else f"{head}\n  fix: {self.fix}"
