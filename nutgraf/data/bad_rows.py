"""Rows that cannot be used: named, counted, and fatal unless they may be skipped."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

from nutgraf.errors import ConfigError, DataError

__all__ = ["BadRow", "BadRowLog"]

SHOWN = 10
"""Bad rows that are named in full."""
_RULE = "Every row must hold the fields that are read, as text"


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=4)


class BadRow(NamedTuple):
    """A row that cannot be used.

    Attributes:
        file: the file as the user named it.
        line: line (text files) or row (parquet), from 1.
        reason: what is wrong with it.
    """

    file: str
    line: int
    reason: str


class BadRowLog:
    """Counts bad rows and keeps the first ten.

    Args:
        policy: "fail": after the tenth bad row, or at the end of the file, a DataError
            names them; "skip": they are left out and counted.
        section: of the settings that name policy and fields, such as "data.", for
            messages.
        rule: what every row must be, a sentence without its full stop.

    Attributes:
        count: number of bad rows so far.
        shown: the first ten.
        good: number of usable rows so far.

    Raises:
        ConfigError: the policy is unknown.
    """

    def __init__(
        self, policy: str = "skip", section: str = "", rule: str = _RULE
    ) -> None:
        """Start at zero."""
        if policy not in ("fail", "skip"):
            raise ConfigError(
                f'{section}bad_rows must be "fail" or "skip". Received: {policy!r}. '
                'Leave it out for "fail".'
            )
        self.policy = policy
        self.section = section
        self.rule = rule
        self.count = 0
        self.good = 0
        self.shown: list[BadRow] = []

    def add(self, file: str, line: int, reason: str) -> None:
        """Note a bad row.

        Args:
            file: the file as the user named it.
            line: line or row number, from 1.
            reason: what is wrong with it.

        Raises:
            DataError: the policy is "fail" and this is the tenth.
        """
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(BadRow(file, line, reason))
        if self.count == SHOWN:
            self.check()

    def check(self) -> None:
        """Raise when there is a bad row that must not be skipped.

        Raises:
            DataError: the policy is "fail" and there is a bad row.
        """
        if self.count and self.policy == "fail":
            raise DataError(f"{self.rule}. Received: {self.report()}\n{self._advice()}")

    def _advice(self) -> str:
        """What to do; where no row is usable, leaving them out would leave nothing."""
        if self.good:
            return (
                f'Mend these rows, or set {self.section}bad_rows to "skip" to leave '
                "them out."
            )
        return (
            "None of them is usable: look at the form of the file, and at the names of "
            f"its fields. Where --help lists settings such as --{self.section}"
            "source_field, they name others."
        )

    def tell(self, report: Callable[[str], None] | None = None) -> None:
        """Say what was left out, if anything was.

        Args:
            report: called with the count and the first ten; None warns.
        """
        if self.count:
            (report or _warn)(f"left out {self.report()}")

    def report(self) -> str:
        """Return the count and the first ten bad rows, one a line.

        Example:
            >>> log = BadRowLog()
            >>> log.add("news.jsonl", 3, "`summary` is empty")
            >>> print(log.report())
            1 bad row among the first 1 rows:
              news.jsonl:3: `summary` is empty
        """
        total = self.count + self.good
        lines = [
            f"{self.count:,} bad row{'s' * (self.count != 1)} among the first "
            f"{total:,} rows:"
        ]
        lines += [f"  {row.file}:{row.line}: {row.reason}" for row in self.shown]
        if self.count > len(self.shown):
            lines.append(f"  and {self.count - len(self.shown):,} more")
        return "\n".join(lines)
