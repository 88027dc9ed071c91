"""The loss of MongoDB, or of the whole host, and the runbook for it, step by step as an operator does it.

Enters a site at work with a backup that was taken while it worked; leaves the restored site at work. The words of the
steps are those of docs/runbook.md.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from enum import StrEnum

from .processes import stop_all
from .scenario import LISTED_AFTER_MS
from .site import SERVERS, Site, wait_until
from .watching import Watch

LATE_SECONDS = LISTED_AFTER_MS / 1000 + 3.0
"""Until Retell has listed every call: the ten minutes of the runbook, where everything else is as much faster."""


class Loss(StrEnum):
    """What is lost."""

    MONGO = "mongo-lost"
    HOST = "host-lost"


def lose(loss: Loss, site: Site, watch: Watch) -> None:
    """Loses it and goes on from the operator's last backup.

    Nothing may be struck at the moment, and the watch is halted meanwhile.
    """
    crew = [process for name, process in site.processes.items() if name not in SERVERS]
    operator = watch.operator
    assert operator.backup is not None
    if loss is Loss.HOST:
        for process in crew:
            process.kill()
        site.processes["redis"].kill()
        site.wipe("redis")
    site.processes["mongo"].kill()
    site.wipe("mongo")
    time.sleep(1.0)  # workers that are left see that it is gone
    late = stop_all(crew)  # 1: every worker and beat
    assert not late, f"{late} did not stop without MongoDB"
    time.sleep(LATE_SECONDS)  # 2
    for name in ("redis", "mongo"):
        if not site.processes[name].is_alive:
            site.processes[name].start()
    wait_until(lambda: all(map(site.is_up, SERVERS)), "the servers to answer")
    done = json.loads(operator.insist("restore", str(operator.backup), "--json"))  # 3
    if done["calls_since"] is None:
        operator.insist("adopt-calls", "--since", done["begun_at"])
    watch.forget()
    operator.do_again("do-not-call")  # 4
    for process in crew:
        process.start()
    operator.do_again("list", "payment", "cancel")
    operator.go_on_after_restore(**watch.standing())
    operator.unrecorded.append((done["begun_at"], datetime.now(UTC).isoformat()))
