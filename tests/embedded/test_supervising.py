"""What is started again and when, with stand-ins that end on command and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from speechai.embedded.supervising import Supervised, Supervisor, in_words
from speechai.errors import Unavailable


@dataclass(slots=True, kw_only=True)
class StandIn:
    """Runs until `how` says how it ended. `is_free` False: it cannot be started at the moment."""

    name: str = "dial"
    loss: str = ""
    how: str | None = None
    is_free: bool = True
    starts: int = 0
    asked: list[bool] = field(default_factory=list)

    def ended(self) -> str | None:
        return self.how

    def start_again(self, is_wanted: Callable[[], bool], /) -> bool:
        self.asked.append(is_wanted())
        if self.is_free:
            self.how, self.starts = None, self.starts + 1
        return self.is_free

    def last_words(self) -> str:
        return "  the address is taken"


def supervised(*what: Supervised) -> tuple[Supervisor, list[str]]:
    said: list[str] = []
    return Supervisor(what, now=0.0, say=said.append), said


def test_nothing_is_done_while_all_run() -> None:
    one = StandIn()
    supervisor, said = supervised(one)
    supervisor.look(100.0)
    assert (one.starts, said) == (0, [])


def test_an_end_is_said_once_and_followed_by_a_start_when_its_wait_is_over() -> None:
    one = StandIn(how="exit code 3", loss="Its calls are lost.")
    supervisor, said = supervised(one)
    for now in (10.0, 10.5, 10.9):
        supervisor.look(now)
    assert one.starts == 0
    supervisor.look(11.0)
    assert one.starts == 1
    assert said == [
        "dial ended by itself with exit code 3; it is started again in 1 s (restart 1). Its calls are lost."
    ]


def test_the_wait_of_one_holds_up_no_other() -> None:
    slow, quick = StandIn(name="slow", how="exit code 1"), StandIn(name="quick")
    supervisor, _ = supervised(slow, quick)
    supervisor.look(10.0)
    supervisor.look(11.0)
    slow.how = "exit code 1"
    supervisor.look(21.0)  # slow waits 2 s now
    quick.how = "exit code 1"
    supervisor.look(21.5)
    supervisor.look(22.5)
    assert (slow.starts, quick.starts) == (1, 1)


def test_what_cannot_be_started_at_the_moment_is_tried_at_every_look_and_told_whether_it_is_wanted() -> None:
    one = StandIn(how="exit code 1", is_free=False)
    supervisor, said = supervised(one)
    supervisor.look(10.0)
    supervisor.look(11.0)
    supervisor.look(11.1, is_wanted=lambda: False)
    one.is_free = True
    supervisor.look(11.2)
    assert (one.starts, one.asked, len(said)) == (1, [True, False, True], 1)


def test_what_cannot_even_start_is_an_error_with_its_last_words() -> None:
    one = StandIn(how="exit code 2")
    supervisor, said = supervised(one)
    for end in (0.0, 2.0, 5.0, 10.0):  # each a second after the start that followed the wait before
        one.how = "exit code 2"
        supervisor.look(end)
        supervisor.look(end + [1, 2, 4, 8][len(said) - 1])
    one.how = "exit code 2"
    with pytest.raises(Unavailable, match=r"dial cannot be kept running: 5 times[\s\S]*exit code 2\.[\s\S]*is taken"):
        supervisor.look(19.0)
    assert [line.partition(" in ")[2].partition(" s ")[0] for line in said] == ["1", "2", "4", "8"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-9, "exit code -9 (SIGKILL)"),
        (-250, "exit code -250"),
        (None, "an exit code that is not known here"),
    ],
)
def test_an_exit_code_is_told_with_its_signal(code: int | None, words: str) -> None:
    assert in_words(code) == words
