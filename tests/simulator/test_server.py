"""The running server: journal, clock, reset, scenario files, the command's function, and the document."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from speechai.errors import ConfigurationError, Unavailable
from speechai.retell.simulator import (
    OUTCOMES,
    Agent,
    Assumptions,
    Durations,
    Fault,
    FaultKind,
    Limits,
    PhoneNumber,
    Simulator,
    SimulatorConfig,
    config_from_file,
    running_simulator,
)
from speechai.retell.simulator.clock import SimulatorClock
from speechai.retell.simulator.control import CONTROL
from speechai.retell.simulator.dispatch import endpoint_names

from .asking import DAY_MS, NUMBER, ask, create, finished
from .conftest import START_AT

Start = Callable[..., Simulator]
ROOT = Path(__file__).resolve().parents[2]


def test_the_journal_tells_what_each_number_really_received(start: Start) -> None:
    simulator = start()
    create(simulator, metadata={"attempt_id": "a1"}, idempotency_key="a1")
    create(simulator, metadata={"attempt_id": "a1"}, idempotency_key="a1")
    create(simulator, "no number")
    simulator.advance(500)
    create(simulator, "+56922220000")
    journal = ask(simulator, "GET", "/simulator/journal").json()
    assert journal == simulator.journal()
    assert journal["by_number"] == {NUMBER: 1, "+56922220000": 1}
    assert journal["requests"] == {"create-phone-call": 4}
    assert journal["answers"] == {"create-phone-call 201": 3, "create-phone-call 400": 1}
    first, second = journal["calls"]
    assert (first["metadata"], first["idempotency_key"], first["attempt"]) == ({"attempt_id": "a1"}, "a1", 1)
    assert first["live_from_ms"] == first["accepted_ms"] == START_AT.timestamp() * 1000
    assert second["accepted_ms"] == first["accepted_ms"] + 500
    assert abs(first["real_accepted_ms"] - datetime.now(UTC).timestamp() * 1000) < 60_000


def test_the_journal_is_read_in_pages_and_by_number(start: Start) -> None:
    simulator = start()
    for digit in range(5):
        create(simulator, f"+5691111000{digit}")
    page = ask(simulator, "GET", "/simulator/journal?offset=1&limit=2").json()
    assert [call["sequence"] for call in page["calls"]] == [2, 3]
    one = ask(simulator, "GET", "/simulator/journal?number=%2B56911110003").json()
    assert [call["sequence"] for call in one["calls"]] == [4]
    counts = ask(simulator, "GET", "/simulator/journal?limit=0").json()
    assert (counts["calls"], counts["total_calls"]) == ([], 5)
    assert ask(simulator, "GET", "/simulator/journal?limit=x").status_code == 400


def test_the_journal_file_has_a_line_for_each_event_as_it_happens(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    simulator = start(journal_file=path)
    call_id = create(simulator).json()["call_id"]
    ask(simulator, "POST", f"/v2/stop-call/{call_id}")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["event"], line["call_id"]) for line in lines] == [("accepted", call_id), ("stopped", call_id)]
    simulator.reset()
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_reset_forgets_calls_counts_keys_and_faults(start: Start) -> None:
    simulator = start()
    first = create(simulator, idempotency_key="k").json()["call_id"]
    simulator.set_faults(Fault(kind=FaultKind.SERVER_ERROR, endpoint="create-phone-call"))
    assert ask(simulator, "POST", "/simulator/reset").status_code == 200
    assert simulator.journal()["total_calls"] == 0
    assert create(simulator, idempotency_key="k").json()["call_id"] != first
    assert simulator.journal()["calls"][0]["attempt"] == 1
    assert ask(simulator, "GET", f"/v2/get-call/{first}").status_code == 422


def test_a_manual_clock_moves_only_when_told(start: Start) -> None:
    simulator = start()
    before = ask(simulator, "GET", "/simulator/clock").json()
    assert (before["manual"], before["now_ms"]) == (True, START_AT.timestamp() * 1000)
    after = ask(simulator, "POST", "/simulator/clock", {"advance_ms": 1_500}).json()
    assert after["now_ms"] == before["now_ms"] + 1_500 == simulator.now_ms()
    for step in (-1, 1.5, "1", None, True):
        assert ask(simulator, "POST", "/simulator/clock", {"advance_ms": step}).status_code == 400


def test_a_running_clock_runs_by_its_factor_and_can_jump() -> None:
    clock = SimulatorClock(factor=1_000_000, start_at=START_AT)
    first = clock.now_ms()
    assert clock.advance(10**9) >= first + 10**9
    assert clock.real_seconds(5_000) == pytest.approx(5e-6)
    while clock.now_ms() < first + 10**9 + 1_000:
        pass


@pytest.mark.parametrize("options", [{"factor": 0}, {"factor": -1}, {"start_at": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_a_wrong_clock_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        SimulatorClock(**options)  # type: ignore[arg-type]


def test_a_port_in_use_is_reported_and_a_second_stop_does_nothing(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            Simulator(SimulatorConfig(port=port)).start()
    simulator = start()
    simulator.stop()
    simulator.stop()
    with pytest.raises(requests.ConnectionError):
        ask(simulator, "GET", "/simulator/health")


def test_a_stopped_simulator_leaves_no_thread_behind() -> None:
    with running_simulator(SimulatorConfig()) as simulator:
        assert ask(simulator, "GET", "/simulator/health").json() == {"status": "ok"}
        inside = threading.active_count()
    assert threading.active_count() == inside - 1


def test_recording_links_lead_to_a_wave_file(start: Start) -> None:
    from speechai.retell.simulator import OutcomeScript

    call = finished(start(script=OutcomeScript(weights={"promise": 1})))
    answer = requests.get(call["recording_url"], timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/wav")
    assert answer.content.startswith(b"RIFF")


SCENARIO = """
seed = 7
clock_manual = true
clock_start_at = 2026-11-23T13:00:00Z
do_not_call = ["+56900000009"]
api_keys = ["key_simulator", "key_second"]

[numbers]
"+56911112222" = ["dial_busy", { outcome = "promise", monto_pago_cliente = 5000, talk_ms = 9000 }]

[endings]
"77" = "voicemail_reached"

[attempts]
3 = "user_declined"

[weights]
dial_failed = 1

[limits]
base_concurrency = 50
calls_per_second = 1000

[durations]
busy = 700
talk = [1000, 2000]

[assumptions]
not_found_status = 404

[[agents]]
agent_id = "agent_simulator"
webhook_events = ["call_ended"]

[[faults]]
kind = "unavailable"
endpoint = "get-concurrency"
"""


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_scenario_file_describes_a_whole_simulator(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scenario{suffix}"
    text = SCENARIO
    if suffix == ".json":
        import tomllib

        text = json.dumps(tomllib.loads(SCENARIO), default=str)
    path.write_text(text, encoding="utf-8")
    with running_simulator(config_from_file(path)) as simulator:
        busy = finished(simulator)
        assert busy["end_timestamp"] == START_AT.timestamp() * 1000 + 700
        promise = finished(simulator)
        assert promise["duration_ms"] == 9_000
        assert promise["call_analysis"]["custom_analysis_data"]["monto_pago_cliente"] == 5_000
        assert finished(simulator, "+56911110077")["disconnection_reason"] == "voicemail_reached"
        assert finished(simulator, "+56911110078")["disconnection_reason"] == "dial_failed"
        assert ask(simulator, "GET", "/v2/get-call/x").status_code == 404
        assert ask(simulator, "GET", "/get-concurrency").status_code == 503
        assert ask(simulator, "GET", "/get-agent/agent_simulator").json()["webhook_events"] == ["call_ended"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeed = 1", "'seeed' is unknown"),
        ("[limits]\nconcurrency = 3", "no field 'concurrency'"),
        ("[limits]\nbase_concurrency = 'many'", "base_concurrency"),
        ("[durations]\ntalk = 'long'", "talk"),
        ("[assumptions]\nnot_found_status = 418", "not_found_status = 418"),
        ("[assumptions]\nguess = true", "no switch 'guess'"),
        ("[assumptions]\nlisting_delay_ms = 'x'", "must be of type int"),
        ("[[faults]]\nkind = 'gremlin'", "'gremlin' is unknown"),
        ("[weights]\nnonsense = 1", "'nonsense' is unknown"),
        ("= broken", "scenario file"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_name_of_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        config_from_file(path)


def test_a_missing_scenario_or_an_unwritable_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        config_from_file(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        Simulator(SimulatorConfig(journal_file=tmp_path)).start()


def test_the_command_serves_until_a_signal_and_knows_the_given_key_agent_and_number(tmp_path: Path) -> None:
    program = (
        "from speechai.retell.simulator import run\n"
        "run(port=0, clock_factor=100, api_keys=['key_mine'], agent_ids=['agent_mine'],"
        " from_numbers=['+56222222222'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        order = {"from_number": "+56222222222", "to_number": NUMBER, "override_agent_id": "agent_mine"}
        headers = {"Authorization": "Bearer key_mine"}
        answer = requests.post(f"{base_url}/v2/create-phone-call", json=order, headers=headers, timeout=5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (answer.status_code, answer.json()["agent_id"]) == (201, "agent_mine")


def test_the_simulator_never_imports_the_sdk_nor_other_parts_of_the_product() -> None:
    program = (
        "import json, sys, speechai.retell.simulator\n"
        "print(json.dumps([name for name in sys.modules if name == 'retell' or name.startswith('speechai.')]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    ).stdout
    modules = json.loads(printed)
    allowed = {"speechai.errors", "speechai.retell", "speechai.retell.signature", "speechai.retell.vocabulary"}
    assert {name for name in modules if not name.startswith("speechai.retell.simulator")} <= allowed


def test_the_record_of_a_finished_call_stays_small(start: Start) -> None:
    simulator = start()
    variables = {"nombre": "Ana Soto", "saldo": "120.000", "empresa": "Banco"}
    create(simulator, metadata={"attempt_id": "a1"}, retell_llm_dynamic_variables=variables)
    simulator.advance(DAY_MS)
    record = simulator._in_loop(lambda exchange: next(iter(exchange.calls.values())))
    own = [getattr(record, name) for name in record.__slots__ if name not in ("outcome", "webhook")]
    assert sum(map(sys.getsizeof, [record, *own])) < 2_000


DOCUMENT = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
DOCUMENTED = [
    *(field.name for kind in (Assumptions, Durations, Limits, Agent, PhoneNumber, Fault) for field in fields(kind)),
    *FaultKind,
    *(name for name in OUTCOMES if name not in {"user_hangup"}),
    *endpoint_names(),
    *(path for _, path in CONTROL),
]


@pytest.mark.parametrize("name", sorted(set(DOCUMENTED)))
def test_the_document_names_everything(name: str) -> None:
    assert f"`{name}`" in DOCUMENT or f"`{name}" in DOCUMENT


def test_the_document_gives_the_default_of_every_assumption() -> None:
    rows = [line.split("|") for line in DOCUMENT.splitlines() if line.startswith("| `")]
    defaults = {row[1].strip(" `"): row[2].strip(" `") for row in rows if len(row) >= 4}
    for field in fields(Assumptions):
        assert defaults[field.name] == str(field.default).lower(), field.name
