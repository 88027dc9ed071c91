"""What one check of `speechai doctor` found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Grade(StrEnum):
    """How a check ended."""

    FINE = "ok"
    WARNING = "warning"
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the table."""

    grade: Grade
    subject: str
    finding: str
    remedy: str = ""

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "grade": self.grade.value.lower(),
            "subject": self.subject,
            "finding": self.finding,
            "remedy": self.remedy,
        }


def fine(subject: str, finding: str) -> Check:
    """Nothing to do."""
    return Check(grade=Grade.FINE, subject=subject, finding=finding)


def warning(subject: str, finding: str, remedy: str) -> Check:
    """Calling works, but somebody should know."""
    return Check(grade=Grade.WARNING, subject=subject, finding=finding, remedy=remedy)


def wrong(subject: str, finding: str, remedy: str) -> Check:
    """Calling does not work before this is mended."""
    return Check(grade=Grade.WRONG, subject=subject, finding=finding, remedy=remedy)
