"""The checks behind `speechai doctor`: settings, MongoDB, Redis, workers, beat, Retell, disk and clock.

Enters the environment; leaves one line a check, with what to do where something is wrong. No check prints a secret, and
a check whose server is away is left out: the server's own line says so.
"""

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


def examine() -> list[Check]:
    """All checks, in the order in which one would mend things."""
    from config.settings import SettingsError
    from speechai.cli import doctor_retell, doctor_servers
    from speechai.cli.session import load, publish
    from speechai.embedded import addresses_for
    from speechai.errors import SpeechAIError

    found = doctor_servers.machine()
    try:
        settings = load()
    except SettingsError as error:
        return [*found, wrong("settings", str(error), "correct the variables in the environment or in .env")]
    found += [*doctor_servers.settings_checks(settings), *doctor_retell.retell_checks(settings)]
    try:
        with addresses_for(settings) as complete:
            publish(complete)
            return found + doctor_servers.server_checks(complete)
    except SpeechAIError as error:
        return [*found, wrong("embedded servers", str(error), "see the message")]
