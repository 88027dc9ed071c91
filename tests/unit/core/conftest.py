"""The core is tested on a machine whose own time zone is far from UTC and from every place that is called."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _machine_far_away() -> Iterator[None]:
    """The machine's day is mostly another than Santiago's: a rule that took it by mistake would be seen."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()
