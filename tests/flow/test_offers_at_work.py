"""What a call offers, from which number, in whose voice, and what follows, as Retell and a receiver see it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from speechai.core.model import Pacing, Variant
from speechai.operation import submitting
from speechai.retell.simulator import OutcomeScript
from speechai.retell.simulator.config import DEFAULT_AGENT_ID, Agent

from .conftest import MakeWorld
from .laws import Violation, violations
from .lists import Debtor, debtor, write_list
from .mortal import die
from .receiver import SECRET, Receiver, running_receiver
from .rules import Limits
from .test_continuous import CONTINUOUS
from .test_costs_at_work import keep_sweeping
from .test_days import PROMISE, TALK, enqueue, job_of, local
from .test_deaths import blows
from .virtual import Mischief, World

MONDAY = local(2026, 11, 23, 9, 0)
WEDNESDAY = local(2026, 11, 25, 10, 0)
"""Monday is a public holiday in Argentina."""
GENERAL = "+56221234567"
STANDARD = {"negotiation": "standard", **CONTINUOUS}


def owing(number: int, days: int | None, *, phones: int = 1) -> Debtor:
    """A debtor of 100,000 pesos, so many days overdue."""
    return replace(debtor(number, phones=phones), days_overdue=days)


def promising(**said: Any) -> dict[str, Any]:
    return {**PROMISE, **said}


def told(world: World, one: Debtor, *, call: int = 0) -> dict[str, str]:
    """The variables that came with the request of a debtor's call, as Retell shows them."""
    found = [entry for entry in world.simulator.journal()["calls"] if entry["to_number"] == one.phones[0]][call]
    facts = world.context.retell.get_call(found["call_id"])
    assert facts is not None
    variables: dict[str, str] = facts.raw["retell_llm_dynamic_variables"]
    return variables


def log_of(world: World, one: Debtor, *, number: int = 1) -> dict[str, Any]:
    log = world.database.call_logs.find_one({"to_number": one.phones[0], "number": number})
    assert log is not None
    return log


# By days overdue, worked out by hand from the table `standard` for 100,000 pesos on Monday, 23 November 2026: discount,
# at once, most payments, in instalments, each, least, last day, the same in words, tone.
OFFERS: dict[int | None, tuple[str, ...]] = {
    12: ("0", "100000", "1", "100000", "100000", "50000", "2026-11-30", "lunes 30 de noviembre de 2026", "cordial"),
    45: ("5", "95000", "3", "100000", "33333", "28500", "2026-11-30", "lunes 30 de noviembre de 2026", "cordial"),
    75: ("10", "90000", "6", "95000", "15833", "13500", "2026-11-28", "sábado 28 de noviembre de 2026", "firme"),
    200: ("30", "70000", "6", "90000", "15000", "15000", "2026-11-28", "sábado 28 de noviembre de 2026", "firme"),
    None: ("0", "100000", "1", "100000", "100000", "100000", "2026-11-30", "lunes 30 de noviembre de 2026", "cordial"),
}
NAMES = (
    "oferta_descuento_porcentaje",
    "oferta_monto_con_descuento",
    "oferta_cuotas_maximas",
    "oferta_monto_en_cuotas",
    "oferta_monto_cuota",
    "oferta_monto_minimo",
    "oferta_fecha_limite",
    "oferta_fecha_limite_en_palabras",
    "tono",
)


def test_what_may_be_offered_reaches_retells_request_by_the_days_overdue(world: MakeWorld, tmp_path: Path) -> None:
    people = {days: owing(n, days) for n, days in enumerate(OFFERS)}
    here = world(MONDAY, script=OutcomeScript(endings={"": TALK}), settings={"max_tries": 1})
    enqueue(here, tmp_path / "list.csv", list(people.values()), **STANDARD)
    here.run_for(minutes=10)
    for days, one in people.items():
        variables = told(here, one)
        assert tuple(variables[name] for name in NAMES) == OFFERS[days], days
        assert variables["hay_oferta"] == "si"
        assert variables["dias_mora"] == ("" if days is None else str(days))
        assert (variables["oferta_moneda"], variables["oferta_monto_deuda"]) == ("CLP", "100000")
        assert (variables["nombre"], variables["rut"]) == (one.name, one.rut)
        assert all(isinstance(value, str) for value in variables.values())
        assert "variante" not in variables
    assert here.violations() == []


def test_a_list_without_a_table_is_told_of_no_offer(world: MakeWorld, tmp_path: Path) -> None:
    here = world(MONDAY, script=OutcomeScript(endings={"": PROMISE}))
    path = write_list(tmp_path / "list.csv", [owing(1, 45)])
    order = submitting.Order(use_case="notification", pacing=Pacing.CONTINUOUS)
    here.send(submitting.submit(here.context, path, order).nudges)
    here.run_for(minutes=5)
    assert not [name for name in told(here, owing(1, 45)) if name.startswith("oferta")]
    assert log_of(here, owing(1, 45))["offer"] is None
    assert here.violations() == []


PROMISES: list[tuple[int, dict[str, Any], list[str]]] = [
    (45, {"fecha_pago_cliente": "2026-11-30", "monto_pago_cliente": 95_000}, []),
    (45, {"fecha_pago_cliente": "2026-11-30", "monto_pago_cliente": 28_499}, ["amount_below_least"]),
    (45, {"fecha_pago_cliente": "2026-11-30", "monto_pago_cliente": 28_500}, []),
    (45, {"fecha_pago_cliente": "2026-11-30", "monto_pago_cliente": 33_333, "cuotas_pago_cliente": 3}, []),
    (
        45,
        {"fecha_pago_cliente": "2026-11-30", "monto_pago_cliente": 30_000, "cuotas_pago_cliente": 4},
        ["too_many_instalments"],
    ),
    (
        45,
        {"fecha_pago_cliente": "2026-11-30", "monto_pago_cliente": 30_000, "cuotas_pago_cliente": 3},
        ["instalment_too_small"],
    ),
    (
        12,
        {"fecha_pago_cliente": "2026-12-01", "monto_pago_cliente": 40_000},
        ["date_too_late", "amount_below_least"],
    ),
    (200, {"fecha_pago_cliente": "2026-11-28", "monto_pago_cliente": 100_001}, ["amount_above_debt"]),
]
"""Days overdue, what the agent wrote down on Monday, and what is wrong with it."""


def test_a_promise_is_checked_against_what_was_offered_and_the_right_follow_up_comes(
    world: MakeWorld, tmp_path: Path
) -> None:
    people = [owing(n, days) for n, (days, _, _) in enumerate(PROMISES)]
    numbers: dict[str, Any] = {
        one.phones[0]: promising(**said) for one, (_, said, _) in zip(people, PROMISES, strict=True)
    }
    with running_receiver() as receiver:
        here = with_receiver(world, receiver, OutcomeScript(numbers=numbers))
        enqueue(here, tmp_path / "list.csv", people, **STANDARD)
        here.run_for(minutes=20)
    sent = {(one["attempt_id"], one["key"].rpartition("|")[2]) for one in receiver.taken}
    for one, (_, _, faults) in zip(people, PROMISES, strict=True):
        log = log_of(here, one)
        assert [fault["code"] for fault in log["promise"]["faults"]] == faults, one
        assert log["promise"]["kept_as"] == ("flagged" if faults else "promise")
        assert (log["_id"], "review_promise" if faults else "payment_link") in sent
        job = job_of(here, one)
        assert (job["status"], job["promise"]) == ("done", log["promise"])
    assert len(sent) == len(people)
    assert broken_with(here, receiver) == []


def test_a_promise_is_checked_against_the_offer_of_its_own_call_and_not_of_the_call_before(
    world: MakeWorld, tmp_path: Path
) -> None:
    """On the thirty-first day the least amount falls from a half to three tenths."""
    one = owing(1, 30)
    half = promising(fecha_pago_cliente="2026-12-01", monto_pago_cliente=28_500)
    here = world(MONDAY, script=OutcomeScript(endings={"": [TALK, half]}))
    enqueue(here, tmp_path / "list.csv", [one], overrides={"attempts_a_day": 1}, **STANDARD)
    here.run_until(local(2026, 11, 24, 12, 0))
    assert [told(here, one, call=n)["oferta_monto_minimo"] for n in (0, 1)] == ["50000", "28500"]
    assert [told(here, one, call=n)["dias_mora"] for n in (0, 1)] == ["30", "31"]
    logs = [log_of(here, one, number=n) for n in (1, 2)]
    assert [log["offer"]["least_minor"] for log in logs] == [50_000, 28_500]
    assert logs[1]["promise"]["kept_as"] == "promise"
    assert here.violations() == []


ARMS = (Variant(name="calm", agent_id="agent_a", weight=3), Variant(name="brisk", agent_id="agent_b"))


def test_an_arm_of_a_test_reaches_retell_and_is_a_persons_own_in_every_list(world: MakeWorld, tmp_path: Path) -> None:
    people = [owing(n, 45) for n in range(16)]
    here = world(
        MONDAY,
        settings={"retell_calls_per_second": 4},
        script=OutcomeScript(endings={"": PROMISE}),
        agents=(Agent(), Agent(agent_id="agent_a"), Agent(agent_id="agent_b")),
    )
    enqueue(here, tmp_path / "first.csv", people, variants=ARMS, **STANDARD)
    here.run_for(minutes=10)
    enqueue(here, tmp_path / "second.csv", people[::-1], variants=ARMS[::-1], pacing=Pacing.WAVES)
    here.run_until(MONDAY.replace(hour=13))
    enqueue(here, tmp_path / "third.csv", people[:2], again=True, **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=14))
    agents: dict[str, list[str]] = defaultdict(list)
    for call in here.simulator.journal()["calls"]:
        agents[call["to_number"]].append(call["agent_id"])
    arms = {number: found[0] for number, found in agents.items()}
    assert all(found[:2] == [arms[number]] * 2 for number, found in agents.items())
    assert [agents[one.phones[0]][2] for one in people[:2]] == [DEFAULT_AGENT_ID] * 2
    shares = Counter(arms.values())
    assert shares.keys() == {"agent_a", "agent_b"}
    assert shares["agent_a"] > shares["agent_b"]
    names = {"agent_a": "calm", "agent_b": "brisk"}
    for one in people[:4]:
        assert told(here, one)["variante"] == names[arms[one.phones[0]]]
        assert log_of(here, one)["variant"] == names[arms[one.phones[0]]]
    assert here.violations() == []


def with_receiver(world: MakeWorld, receiver: Receiver, script: OutcomeScript, **fields: Any) -> World:
    settings = {"follow_up_url": receiver.url, "follow_up_secret": SECRET, **fields.pop("settings", {})}
    return world(MONDAY, script=script, settings=settings, **fields)


def broken_with(world: World, receiver: Receiver) -> list[Violation]:
    """The broken laws, with what the receiver got as evidence."""
    evidence, settings = world.evidence(), world.settings
    evidence.deliveries = list(receiver.taken)
    limits = Limits(concurrency=settings.retell_concurrency, starts_a_second=settings.retell_calls_per_second)
    assert receiver.unsigned == 0
    return violations(evidence, limits)


def test_every_promise_is_followed_up_once_also_where_the_receiver_refuses_first(
    world: MakeWorld, tmp_path: Path
) -> None:
    people = [owing(n, 12) for n in range(9)]
    with running_receiver() as receiver:
        here = with_receiver(world, receiver, OutcomeScript(endings={"": PROMISE}))
        enqueue(here, tmp_path / "list.csv", people, **CONTINUOUS)
        here.run_for(minutes=20)
    keys = Counter(one["key"] for one in receiver.taken)
    assert set(keys.values()) == {1}
    assert keys.keys() == {one["_id"] for one in here.database.actions.find({"state": "delivered"})}
    assert len(keys) == len(people)
    assert max(receiver.tries.values()) == 2  # the one that was refused first
    assert broken_with(here, receiver) == []


def test_follow_ups_come_at_least_once_under_one_key_whatever_happens_to_messages_and_workers(
    world: MakeWorld, tmp_path: Path
) -> None:
    people = [owing(n, 12) for n in range(8)]
    with running_receiver() as receiver:
        here = with_receiver(
            world,
            receiver,
            OutcomeScript(endings={"": PROMISE}),
            settings={"dispatch_interval_seconds": 30},
            mischief=Mischief(seed=3, drop=0.25, double=0.3, late=0.2, death=0.12),
        )
        enqueue(here, tmp_path / "list.csv", people, **CONTINUOUS)
        keep_sweeping(here, hours=3)
    assert here.done["death"] >= 2
    assert here.done["dropped"] >= 2
    delivered = {one["_id"] for one in here.database.actions.find({"state": "delivered"})}
    assert delivered == {one["key"] for one in receiver.taken}
    assert len(delivered) == here.database.call_jobs.count_documents({"status": "done"}) == len(people)
    assert broken_with(here, receiver) == []


def test_a_worker_may_die_in_front_of_every_write_of_a_delivery(world: MakeWorld, tmp_path: Path) -> None:
    with running_receiver() as receiver:
        here = with_receiver(world, receiver, OutcomeScript(endings={"": PROMISE}))
        for nth in blows(here, "DeliverAction", die):
            enqueue(here, tmp_path / f"{nth}.csv", [owing(nth, 12)], **CONTINUOUS)
            here.run_for(minutes=4)
            keep_sweeping(here, hours=1)
            assert len({one["key"] for one in receiver.taken}) == nth
            assert here.database.actions.count_documents({"state": "delivered"}) == nth
            assert broken_with(here, receiver) == []


def test_without_a_receiver_follow_ups_are_kept_and_nothing_waits_for_one(world: MakeWorld, tmp_path: Path) -> None:
    here = world(MONDAY, script=OutcomeScript(endings={"": PROMISE}))
    enqueue(here, tmp_path / "list.csv", [owing(1, 12)], **CONTINUOUS)
    here.run_for(minutes=10)
    (kept,) = here.database.actions.find()
    assert (kept["state"], kept["name"]) == ("kept", "payment_link")
    assert here.done["DeliverAction"] == 0
    assert here.violations() == []
