"""What Retell's disconnection reasons mean for a campaign, from `config/catalogue/outcomes.toml`.

Enters a reason as Retell sent it and what the analysis of the call says of it, leaves one `OutcomeRow`; a reason that
the table does not know has the safe row `unknown`: the attempt counts, nothing is dialled again at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from speechai.catalogue import read_catalogue
from speechai.errors import ConfigurationError


class Outcome(StrEnum):
    """How one call ended, in the campaign's words."""

    CONVERSATION = "conversation"
    THIRD_PARTY = "third_party"
    """Somebody talked, and it was not the person who was called."""
    TRANSFERRED = "transferred"
    CALLBACK = "callback"
    DO_NOT_CALL = "do_not_call"
    SILENT_LINE = "silent_line"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    BAD_NUMBER = "bad_number"
    REFUSED_BY_TRUNK = "refused_by_trunk"
    CAPACITY = "capacity"
    ACCOUNT_TROUBLE = "account_trouble"
    PROVIDER_ERROR = "provider_error"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Retry(StrEnum):
    """What happens to the contact after such an outcome."""

    SUCCESS = "success"
    NO_ANSWER = "no_answer"
    OTHER = "other"
    BAD_NUMBER = "bad_number"
    LATER = "later"
    ACCOUNT = "account"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """One row of the table; the fields are explained at the head of the TOML file."""

    reason: str
    outcome: Outcome
    retry: Retry
    attempt: bool = True
    contact: bool = False
    silent: bool = False


def outcome_of(reason: str | None, *, in_voicemail: bool | None = None, right_person: bool | None = None) -> OutcomeRow:
    """The row for Retell's `disconnection_reason` and what the analysis says: who or what it was that answered.

    A connected call that the later analysis recognised as a voicemail is a voicemail, whatever ended it: the two
    signals do disagree, and a status alone would count a machine as a conversation (retell-api, 1.7 and 4.4 B). A
    conversation in which the agent found somebody else (`right_person` False; None: it was not said) is one with a
    third party. A wish not to be called is kept all the same.
    """
    table = load_outcomes()
    row = table.get(reason or "unknown", table["unknown"])
    if in_voicemail and row.retry in (Retry.SUCCESS, Retry.OTHER):
        return table["voicemail_reached"]
    if right_person is False and row.retry is Retry.SUCCESS:
        return table["third_party_reached"]
    return row


@lru_cache(maxsize=1)
def load_outcomes() -> dict[str, OutcomeRow]:
    """Every row by reason. Raises ConfigurationError."""
    rows: dict[str, OutcomeRow] = {}
    for reason, table in read_catalogue("outcomes.toml").items():
        try:
            rows[reason] = OutcomeRow(
                reason=reason, **{**table, "outcome": Outcome(table["outcome"]), "retry": Retry(table["retry"])}
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"[{reason}] in config/catalogue/outcomes.toml: {error}") from None
    missing = {"unknown", "voicemail_reached", "third_party_reached"} - rows.keys()
    if missing:
        raise ConfigurationError(f"config/catalogue/outcomes.toml needs the rows {sorted(missing)}")
    return rows
