"""Every error that SpeechAI raises on purpose, in one tree.

    SpeechAIError
    ├── UsageError              the command or the call was wrong: exit code 2
    │   └── ConfigurationError  a setting or a catalogue file is wrong
    ├── InputError              a file or its contents cannot be used; nothing was written
    ├── NotFound                a batch, job or account that is not there
    ├── NotAllowed              the state of a thing forbids the operation
    ├── Unavailable             MongoDB, Redis or Retell cannot be reached
    └── RetellError             Retell's answer to one request, split by what must happen next
        ├── RetellRefused       certainly not dialled, and the same request would be refused again
        │   ├── NumberRefused   this number cannot be called: retire it, go on with the next
        │   └── AccountRefused  key, credit or set-up: every call would be refused: suspend and alert
        ├── RetellLater         certainly not dialled: ask again after a wait, no attempt spent
        └── RetellUnknown       it may have been dialled: look it up before anything is dialled again

Messages are written for the operator: what is wrong, with which value, and what to do. They never hold a key,
a whole phone number or a whole national id. An expected refusal ("outside the hours") is a value, not an error.
"""

from __future__ import annotations


class SpeechAIError(Exception):
    """Base of all; `exit_code` is what the operator's command ends with."""

    exit_code = 1


class UsageError(SpeechAIError):
    """The command, its options or the arguments of a call are wrong."""

    exit_code = 2


class ConfigurationError(UsageError):
    """A setting or a catalogue file is wrong; the message names it, its value and what is allowed."""


class InputError(SpeechAIError):
    """A file cannot be read or used; the message names the file and, where there is one, row, column and value."""


class NotFound(SpeechAIError):
    """The batch, job or account asked for does not exist."""


class NotAllowed(SpeechAIError):
    """The state of the thing forbids the operation (a cancelled batch is not resumed)."""


class Unavailable(SpeechAIError):
    """MongoDB, Redis or Retell cannot be reached."""


class RetellError(SpeechAIError):
    """Retell's answer to one request. `status` is the HTTP status, None where no answer came."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RetellRefused(RetellError):
    """Certainly not dialled; the same request would be refused again."""


class NumberRefused(RetellRefused):
    """This one number cannot be called (format, country, do-not-call)."""


class AccountRefused(RetellRefused):
    """Key, credit, agent or caller number: every call would be refused."""


class RetellLater(RetellError):
    """Certainly not dialled; `retry_after_seconds` is Retell's wish, None where it sent none."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after_seconds = retry_after_seconds


class RetellUnknown(RetellError):
    """The call may have been placed: timeout, reset, 5xx, unreadable answer."""
