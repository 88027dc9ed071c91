"""What one simulator is: its address, keys, agents, caller numbers, limits, durations, seed, script and faults.

Tests build a SimulatorConfig as Python values, the command reads the same from a scenario file (scenario.py). All
durations are simulated milliseconds, so one clock factor scales everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from speechai.retell.simulator.assumptions import Assumptions
from speechai.retell.simulator.faults import Fault
from speechai.retell.simulator.outcomes import OutcomeScript
from speechai.retell.vocabulary import DEFAULT_WEBHOOK_EVENTS

DEFAULT_API_KEY = "key_simulator"
DEFAULT_AGENT_ID = "agent_simulator"
DEFAULT_FROM_NUMBER = "+56221234567"

Range = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """Simulated milliseconds; a pair is drawn evenly between its ends."""

    create_answer: Range = (150, 400)
    other_answer: Range = (0, 0)
    pick_up: Range = (3_000, 12_000)
    # Retell's default for ring_duration_ms is 30 s; an override of the call or the agent goes before it.
    no_answer: Range = (30_000, 30_000)
    busy: Range = (2_000, 2_000)
    bad_number: Range = (1_000, 1_000)
    declined: Range = (2_000, 9_000)
    refused: Range = (500, 2_000)
    registered_timeout: Range = (300_000, 300_000)
    talk: Range = (20_000, 120_000)
    early_hangup: Range = (2_000, 6_000)
    machine: Range = (6_000, 30_000)
    # max_call_duration_ms defaults to one hour; also the talk of `max_duration_reached` where none is set.
    longest_call: Range = (3_600_000, 3_600_000)
    analysis: Range = (1_000, 5_000)
    idempotency_hour: int = 3_600_000
    webhook_retry_waits: tuple[int, ...] = (2_000, 10_000, 30_000)
    batch_pause: int = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Concurrency and rate, with the defaults of a pay-as-you-go workspace. `calls_per_second` None is no gate."""

    base_concurrency: int = 20
    purchased_concurrency: int = 0
    concurrency_purchase_limit: int = 100
    reserved_inbound_concurrency: int = 0
    burst_enabled: bool = False
    calls_per_second: int | None = 1

    @property
    def concurrency_limit(self) -> int:
        return self.base_concurrency + self.purchased_concurrency

    @property
    def burst_limit(self) -> int:
        """Three times the limit or 300 above it, whichever is lower; 0 while burst is off."""
        limit = self.concurrency_limit
        return min(3 * limit, limit + 300) if self.burst_enabled else 0

    @property
    def outbound_limit(self) -> int:
        return max(self.burst_limit or self.concurrency_limit, 0) - self.reserved_inbound_concurrency


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """A voice agent; `webhook_url` goes before the account's, `webhook_events` are those it sends."""

    agent_id: str = DEFAULT_AGENT_ID
    name: str = "Cobranza"
    version: int = 0
    tags: tuple[str, ...] = ("prod",)
    is_suspended: bool = False
    webhook_url: str | None = None
    webhook_events: tuple[str, ...] = tuple(DEFAULT_WEBHOOK_EVENTS)
    webhook_timeout_ms: int = 10_000
    ring_duration_ms: int = 30_000
    max_call_duration_ms: int = 3_600_000
    data_storage_setting: str = "everything"
    enable_dnc_detection: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneNumber:
    """A caller number. An empty `outbound_agent_ids` makes creates without override_agent_id fail, as at Retell."""

    phone_number: str = DEFAULT_FROM_NUMBER
    phone_number_type: str = "custom"
    nickname: str = ""
    outbound_agent_ids: tuple[str, ...] = (DEFAULT_AGENT_ID,)
    allowed_outbound_countries: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatorConfig:
    """One simulator. `api_keys` is key -> display name, `do_not_call` the numbers marked so in Retell's contacts.

    `clock_start_at` (aware) None is the present. `journal_file` gets one JSON line for each event of a real call.
    `zone` is the IANA zone in which the transcripts' dates are said. A webhook receiver is a real program: however fast
    the clock runs, it gets `webhook_shortest_timeout_seconds` on the wall clock to answer.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 20261122
    clock_factor: float = 1.0
    clock_start_at: datetime | None = None
    clock_manual: bool = False
    zone: str = "America/Santiago"
    api_keys: Mapping[str, str] = field(default_factory=lambda: {DEFAULT_API_KEY: "simulator"})
    webhook_url: str | None = None
    webhook_key: str | None = None
    webhook_shortest_timeout_seconds: float = 2.0
    agents: tuple[Agent, ...] = (Agent(),)
    phone_numbers: tuple[PhoneNumber, ...] = (PhoneNumber(),)
    do_not_call: frozenset[str] = frozenset()
    limits: Limits = Limits()
    durations: Durations = Durations()
    assumptions: Assumptions = field(default_factory=Assumptions)
    script: OutcomeScript = field(default_factory=OutcomeScript)
    faults: tuple[Fault, ...] = ()
    journal_file: Path | None = None

    @property
    def signing_key(self) -> str:
        """The key with the webhook badge: `webhook_key`, else the first API key."""
        return self.webhook_key or next(iter(self.api_keys))
