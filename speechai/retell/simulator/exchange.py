"""The simulated workspace: its calls, lines, keys, journal and agenda.

Enters orders that the endpoints have checked; leaves CallRecords. All of it belongs to the thread of the event loop.
"""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

from speechai.retell.simulator.calls import CallRecord, View
from speechai.retell.simulator.clock import SimulatorClock, real_now_ms
from speechai.retell.simulator.config import SimulatorConfig
from speechai.retell.simulator.faults import FaultRules
from speechai.retell.simulator.idempotency import IdempotencyKeys
from speechai.retell.simulator.journal import Journal
from speechai.retell.simulator.limits import LineUsage
from speechai.retell.simulator.orders import Order
from speechai.retell.simulator.outcomes import OUTCOMES, Outcome
from speechai.retell.simulator.timeline import Timeline, plan
from speechai.retell.vocabulary import DisconnectionReason

if TYPE_CHECKING:
    from speechai.retell.simulator.agenda import Agenda
    from speechai.retell.simulator.webhooks import Postman


class Exchange:
    """State of one simulator; `reset` makes it as new but for the clock."""

    def __init__(
        self,
        config: SimulatorConfig,
        *,
        clock: SimulatorClock,
        agenda: Agenda,
        postman: Postman,
        journal: Journal,
        faults: FaultRules,
        base_url: str,
    ) -> None:
        self.config = config
        self.clock = clock
        self.agenda = agenda
        self.postman = postman
        self.journal = journal
        self.view = View(seed=config.seed, zone=config.zone, assumptions=config.assumptions, base_url=base_url)
        self.faults = faults
        self._empty()

    def _empty(self) -> None:
        config = self.config
        self.calls: dict[str, CallRecord] = {}
        self.by_number: dict[str, list[CallRecord]] = {}
        self.lines = LineUsage(config.limits, config.assumptions)
        self.keys = IdempotencyKeys(config.assumptions, hour_ms=config.durations.idempotency_hour)
        self.do_not_call = set(config.do_not_call)
        self.chance = random.Random(config.seed)
        self._attempts: dict[str, int] = {}
        self._sequence = 0

    def reset(self) -> None:
        """Forget every call, key, count and rule set at run time; the journal's file keeps its lines."""
        self.agenda.clear()
        self.journal.clear()
        self.faults.set(self.config.faults)
        self._empty()

    def rate_now_ms(self) -> int:
        """The present on the clock that the calls per second count on."""
        return real_now_ms() if self.config.assumptions.rate_clock == "real" else self.clock.now_ms()

    def over_limit(self, order: Order, *, kept_free: int = 0) -> str | None:
        """Why one more call may not start now, None where it may."""
        if not self.lines.has_free_line(self.clock.now_ms(), kept_free=kept_free):
            return f"Concurrency limit reached: {self.config.limits.outbound_limit}"
        if not self.lines.has_free_second(order.path, self.rate_now_ms()):
            return f"Calls per second limit reached: {self.config.limits.calls_per_second}"
        return None

    def accept(self, order: Order, *, batch_call_id: str | None = None, dialled: bool = True) -> CallRecord:
        """Place a call; with `dialled` False it only gets an id and ends with concurrency_limit_reached.

        A call that is not dialled uses up no attempt of its number: the person's telephone never rang.
        """
        now_ms = self.clock.now_ms()
        attempt = self._attempts.get(order.to_number, 0) + dialled
        self._attempts[order.to_number] = attempt
        outcome, timeline = self._plan(order, attempt, now_ms, dialled=dialled)
        self._sequence += 1
        record = CallRecord(
            call_id=f"call_{uuid.uuid4().hex}",
            sequence=self._sequence,
            to_number=order.to_number,
            from_number=order.from_number,
            attempt=attempt,
            outcome=outcome,
            timeline=timeline,
            agent_id=order.agent.agent_id,
            agent_version=order.agent_version,
            agent_name=order.agent.name,
            agent_tag=order.agent_tag,
            details=order.details,
            data_storage=order.data_storage,
            real_accepted_ms=real_now_ms(),
            dialled=dialled,
            idempotency_key=order.idempotency_key,
            batch_call_id=batch_call_id,
            webhook=order.webhook,
        )
        self.calls[record.call_id] = record
        self.by_number.setdefault(record.to_number, []).append(record)
        if dialled:
            self.lines.opened(record, path=order.path, rate_now_ms=self.rate_now_ms())
        if order.detects_do_not_call and timeline.reason == DisconnectionReason.USER_REQUESTED_DNC:
            self._mark_do_not_call(record)
        self.journal.note_accepted(record)
        if record.webhook is not None:
            self.postman.announce(record, self.view)
        return record

    def _plan(self, order: Order, attempt: int, now_ms: int, *, dialled: bool) -> tuple[Outcome, Timeline]:
        config = self.config
        if dialled:
            outcome = config.script.decide(seed=config.seed, to_number=order.to_number, attempt=attempt)
        else:
            outcome = OUTCOMES[DisconnectionReason.CONCURRENCY_LIMIT_REACHED]
        timeline = plan(
            outcome,
            accepted_ms=now_ms,
            durations=config.durations,
            ring_limit_ms=order.ring_limit_ms,
            longest_call_ms=order.longest_call_ms,
            chance=random.Random(f"{config.seed}|{order.to_number}|{attempt}|timeline"),
        )
        return outcome, timeline

    def _mark_do_not_call(self, record: CallRecord) -> None:
        line = record.timeline

        def mark() -> None:
            if record.timeline is line:
                self.do_not_call.add(record.to_number)

        if line.ended_ms is not None:
            self.agenda.at(line.ended_ms, mark)

    def stop(self, record: CallRecord) -> bool:
        """End a live call now; False where it is over already."""
        now_ms = self.clock.now_ms()
        if record.timeline.is_over(now_ms):
            return False
        low, high = self.config.durations.analysis
        record.timeline = record.timeline.stopped(now_ms, analysis_ms=self.chance.randint(low, high))
        self.lines.schedule_end(record)
        self.journal.note_stopped(record)
        if record.webhook is not None:
            self.postman.announce_stop(record, self.view)
        return True

    def delete(self, record: CallRecord) -> None:
        """Take a call out of every answer; the journal keeps it, and a live one keeps its line until it ends."""
        del self.calls[record.call_id]
        self.by_number[record.to_number].remove(record)
