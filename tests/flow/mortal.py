"""Processes that die between any two writes: thin proxies around the store and the Retell client, and their fuse.

An operation gets a context whose store and Retell client count what is asked of them; where the armed number is
reached, an action runs instead of the request. Dying (`Died`) stands for a kill -9: nothing else of the operation runs
and its message is lost. Running another operation there shows what a race between two workers does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from speechai.retell.client import RetellClient
from speechai.store.connection import Store

WRITES = frozenset(
    {
        "insert_one",
        "insert_many",
        "update_one",
        "update_many",
        "bulk_write",
        "delete_one",
        "delete_many",
        "put",
        "delete",
        "create_call",
        "stop_call",
    }
)
"""What changes something; a death before a read is the same as one before the next write."""
_COLLECTIONS = (
    "accounts", "actions", "alerts", "attempts", "batches", "callbacks", "callers", "database", "files", "jobs",
    "ledger", "people", "phones", "rejected", "slots", "waves",
)  # fmt: skip


class Died(BaseException):
    """The process is gone. No `except` of the product may hold it."""


class Fuse:
    """Counts requests while it is armed and runs its action in front of the n-th, once."""

    def __init__(self) -> None:
        self._left = 0
        self._action: Callable[[], None] | None = None
        self._writes_only = True

    @property
    def is_armed(self) -> bool:
        return self._action is not None

    def arm(self, nth: int, action: Callable[[], None], *, writes_only: bool = True) -> None:
        """`nth` counts from 1, over writes or over all requests."""
        self._left, self._action, self._writes_only = nth, action, writes_only

    def disarm(self) -> bool:
        """Whether the fuse was still waiting for its request."""
        waited, self._action = self.is_armed, None
        return waited

    def touch(self, request: str) -> None:
        """Called in front of every request."""
        if self._action is None or (self._writes_only and request not in WRITES):
            return
        self._left -= 1
        if self._left == 0:
            action, self._action = self._action, None
            action()


def die() -> None:
    """The action of a process that is killed."""
    raise Died


class _Counted:
    """Any object whose methods are requests."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def request(*args: Any, **options: Any) -> Any:
            self._fuse.touch(name)
            return found(*args, **options)

        return request

    def __getitem__(self, name: str) -> _Counted:
        return _Counted(self._inner[name], self._fuse)


def mortal_store(store: Store, fuse: Fuse) -> Store:
    """The same store, each request of which touches the fuse."""
    return replace(store, **{name: cast(Any, _Counted(getattr(store, name), fuse)) for name in _COLLECTIONS})


def mortal_retell(client: RetellClient, fuse: Fuse) -> RetellClient:
    """The same client, each request of which touches the fuse."""
    return cast(RetellClient, _Counted(client, fuse))
