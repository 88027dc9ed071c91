"""Each exchange with Retell is counted under a known endpoint and a class of answer, whatever its path and fate."""

from __future__ import annotations

import pytest

from speechai.retell.simulator import DEFAULT_API_KEY, SimulatorConfig, running_simulator
from speechai.retell.timing import TimedTransport, class_of, endpoint_of
from speechai.retell.transport import Answer, NoAnswer
from tests.flow.test_counting import counted, since


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v2/create-phone-call", "create-phone-call"),
        ("/v2/get-call/call_56912345678", "get-call"),
        ("/v2/stop-call/v2", "stop-call"),
        ("/v3/list-calls", "list-calls"),
        ("/get-concurrency", "get-concurrency"),
        ("/get-agent/agent_1%2Fx", "get-agent"),
    ],
)
def test_an_endpoint_has_neither_version_nor_id(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Answer(status=201), "2xx"),
        (Answer(status=307), "3xx"),
        (Answer(status=404), "4xx"),
        (Answer(status=429), "429"),
        (Answer(status=503), "5xx"),
        (NoAnswer(why="reset", sent=True), "none"),
        (NoAnswer(why="refused", sent=False), "not_sent"),
    ],
)
def test_an_answer_has_one_of_few_words(outcome: Answer | NoAnswer, word: str) -> None:
    assert class_of(outcome) == word


def test_an_exchange_is_what_it_was_and_counted_once() -> None:
    before = counted()
    with running_simulator(SimulatorConfig()) as simulator:
        transport = TimedTransport(
            base_url=simulator.base_url, api_key=DEFAULT_API_KEY, connect_timeout_seconds=5, read_timeout_seconds=5
        )
        outcome = transport.exchange("GET", "/v2/get-call/call_that_nobody_placed")
        transport.close()
    assert isinstance(outcome, Answer)
    assert since(before, "retell_request_seconds_count") == {(class_of(outcome), "get-call"): 1}
