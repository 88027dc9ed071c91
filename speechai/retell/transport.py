"""One HTTP exchange with Retell, at most once, bounded in time and size.

Enter: method, path and JSON body from the client. Leaves: `Answer` (any status, whole body) or `NoAnswer`, which says
whether a byte of the request can have left. Nothing here repeats, follows a redirect or decides what an answer means.

Why a connection class of our own. The types of the exceptions of requests and urllib3 do not say whether the request
was sent: behind a proxy a reset *after* sending comes out as the same ProxyError as a proxy that was never reached
(urllib3 2.8: `getresponse` closes the connection, which clears the flag that the wrapper asks), and an SSLError may be
the handshake or a read. So the connection itself notes the moment at which it begins to write. A stale pooled
connection is no exception to this: urllib3 drops it where it sees that the server closed it, and connects anew before
anything is written; where the server closes it while we write, the write has begun and the result is unknown.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from speechai import __version__
from speechai.errors import ConfigurationError

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Far above any call object with its transcripts; a longer one would not fit a MongoDB document (16 MB) either."""

MAX_ERROR_BYTES: Final = 64 * 1024
"""Of an error only the message counts; the rest of an HTML page is left unread."""

MAX_IDLE_SECONDS: Final = 20.0
"""An older pooled connection is not used: gateways forget idle ones silently, and a call sent into one is unknown."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, whatever its status. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as JSON, None where it is none (and where it is `null`: both say nothing)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No complete answer came. `sent` False is a proof: no byte of the request can have reached Retell."""

    why: str
    sent: bool


class _Exchange:
    """The two deadlines of one request, and whether its first byte was handed to the network.

    Both bound totals, not single reads: `connect_seconds` from the start to the first byte sent (several addresses and
    a slow resolver included), `read_seconds` from there to the last byte received. So a request never outlives their
    sum (a resolver that hangs excepted, and then nothing is sent), which is what the lease of a job is checked against.
    """

    def __init__(self, connect_seconds: float, read_seconds: float) -> None:
        self._read_seconds = read_seconds
        self._deadline = time.monotonic() + connect_seconds
        self.sent = False

    def remaining_seconds(self) -> float:
        """Time left in the present phase. Raises TimeoutError where there is none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no complete answer in time" if self.sent else "no connection in time")
        return left

    def begin_sending(self) -> None:
        """To be called before the first byte. Raises TimeoutError where connecting took too long: then none is sent."""
        self.remaining_seconds()
        self.sent = True
        self._deadline = time.monotonic() + self._read_seconds


_current: ContextVar[_Exchange] = ContextVar("retell_exchange")


class _TimedReader(io.RawIOBase):
    """Gives each read of the socket what is left of the whole: a timeout of the socket alone restarts at every byte."""

    def __init__(self, raw: Any, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_current.get().remaining_seconds())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _TimedResponse

    def request(self, *args: Any, **options: Any) -> None:
        if self.is_closed:
            self.connect()
        _current.get().begin_sending()
        super().request(*args, **options)


class _SecureConnection(_Connection, HTTPSConnection):
    """The same over TLS: in the order of inheritance `_Connection.request` comes first, HTTPSConnection next."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, _response: requests.Response) -> None:
        """None: a redirect is an answer. Following a 307 would dial twice, and even with `allow_redirects=False`
        requests prepares the next hop, for which it reads the whole body without a bound."""


class _ThreadState(threading.local):
    session: _Session | None = None
    pid: int = 0
    used_at: float = 0.0


class Transport:
    """HTTP to one Retell address with one key, for any number of threads and across forks.

    Each thread has its own session with one pooled connection: `requests.Session` is not documented as thread-safe, and
    32 threads would hold 32 connections of a shared pool anyway. A session is made on first use and again after a fork,
    since two processes on one TLS connection would read each other's answers.

    Of the environment only HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY and the certificate bundle
    (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) are used, read when a session is made; a loopback address is never sent through
    a proxy, which could not reach it. `trust_env` is off, because a `.netrc` entry would take the place of the key.
    """

    def __init__(
        self, *, base_url: str, api_key: str, connect_timeout_seconds: float, read_timeout_seconds: float
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"Retell's address {base_url!r} must look like https://api.retellai.com")
        if "@" in parts.netloc:
            # requests would send these instead of the key.
            raise ConfigurationError("Retell's address must not hold a user or a password")
        if not re.fullmatch(r"[!-~]+", api_key):
            raise ConfigurationError(
                "the Retell API key is empty or holds a space, a line end or a non-ASCII character"
            )
        self.base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._host = parts.hostname
        self._connect_seconds = connect_timeout_seconds
        self._read_seconds = read_timeout_seconds
        self._state = _ThreadState()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def exchange(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Answer | NoAnswer:
        """Send one request and read one answer; never raises for anything the network or the server does."""
        exchange = _Exchange(self._connect_seconds, self._read_seconds)
        token = _current.set(exchange)
        session = self._session()
        try:
            with session.request(
                method,
                f"{self.base_url}{path}",
                params=query,
                data=None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode(),
                headers=None if body is None else {"Content-Type": "application/json"},
                timeout=(self._connect_seconds, self._read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _read(response)
        except (requests.RequestException, HTTPError, http.client.HTTPException, OSError) as error:
            # Only the text leaves: the exception carries the prepared request, and with it the key.
            return NoAnswer(why=self.without_key(_innermost(error)), sent=exchange.sent)
        finally:
            self._state.used_at = time.monotonic()
            _current.reset(token)

    def without_key(self, text: str) -> str:
        """`text` with the API key, should a server have echoed it, taken out."""
        return text.replace(self._api_key, "[key]")

    def close(self) -> None:
        """Close this thread's connection; the next exchange opens a new one."""
        if self._state.session is not None and self._state.pid == os.getpid():
            self._state.session.close()

    def _session(self) -> _Session:
        state = self._state
        if state.session is None or state.pid != os.getpid():
            state.session = self._new_session()
            state.pid = os.getpid()
        elif time.monotonic() - state.used_at > MAX_IDLE_SECONDS:
            state.session.close()
        return state.session

    def _new_session(self) -> _Session:
        session = _Session()
        session.trust_env = False
        session.headers.update(
            {
                "Authorization": f"Bearer {self._api_key}",
                "Accept": "application/json",
                "User-Agent": f"SpeechAI/{__version__}",
            }
        )
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        if self._host not in _LOOPBACK:
            session.proxies = get_environ_proxies(self.base_url)
        nothing_twice = Retry(
            total=0, connect=0, read=False, redirect=0, status=0, other=0, respect_retry_after_header=False
        )
        adapter = _Adapter(pool_connections=1, pool_maxsize=1, max_retries=nothing_twice)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session


def _read(response: requests.Response) -> Answer | NoAnswer:
    is_error = response.status_code >= 300
    limit = MAX_ERROR_BYTES if is_error else MAX_ANSWER_BYTES
    body = bytearray()
    for chunk in response.iter_content(64 * 1024):
        body += chunk
        if len(body) > limit:
            if not is_error:
                return NoAnswer(why=f"the answer is longer than {limit} bytes", sent=True)
            del body[limit:]
            break
    return Answer(status=response.status_code, headers=response.headers, body=bytes(body))


def _innermost(error: BaseException) -> str:
    """The cause in the words of the operating system: requests and urllib3 wrap it up to four times."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is None:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        error = inner
