"""The customer's own receiver of follow-ups: one signed POST, at most once, bounded in time.

Enter an address, a secret and a body; leaves what was answered. The signature is HMAC-SHA256 under the secret over
"<Unix seconds>.<body>", sent as `X-SpeechAI-Signature: t=<Unix seconds>,v1=<hex>`, so that a receiver can tell who
sent it and refuse an old copy; the `Idempotency-Key` is the same in every try. Nothing here repeats: `following_up`
decides that. Called by `following_up`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from config.settings import Settings
from speechai import __version__

SIGNATURE_HEADER = "X-SpeechAI-Signature"
KEY_HEADER = "Idempotency-Key"
CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where follow-ups go, and the secret they are signed with."""

    url: str = field(repr=False)  # may hold a password or a token
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one POST: an HTTP status, or None and why none came. `words` may stand in a log."""

    status: int | None
    words: str
    retry_after_seconds: float = 0.0
    """The receiver's wish, 0 where it has none."""

    @property
    def is_delivered(self) -> bool:
        """The receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """The receiver will never want it: 410 Gone."""
        return self.status == 410


def receiver_of(settings: Settings) -> Receiver | None:
    """The receiver of FOLLOW_UP_URL, None where none is set; the settings allow none without FOLLOW_UP_SECRET."""
    if settings.follow_up_url is None or settings.follow_up_secret is None:
        return None
    return Receiver(url=settings.follow_up_url, secret=settings.follow_up_secret.get_secret_value())


def signature(body: bytes, *, secret: str, at: datetime) -> str:
    """The value of X-SpeechAI-Signature for a body sent at `at` (aware)."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def post(receiver: Receiver, body: bytes, *, key: str, at: datetime) -> Answer:
    """One POST of a JSON body under the idempotency key; never raises for anything the network or the receiver does.

    A redirect is an answer and is not followed: what is signed and holds names goes to the address that was set.
    """
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"SpeechAI/{__version__}",
        KEY_HEADER: key,
        SIGNATURE_HEADER: signature(body, secret=receiver.secret, at=at),
    }
    try:
        # A session of its own: tries are rare and far apart, and a kept connection would mostly be a stale one.
        with (
            _session(receiver.url) as session,
            session.post(
                receiver.url,
                data=body,
                headers=headers,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,  # the status is all that counts: a body, however long, is left unread
            ) as response,
        ):
            return Answer(
                status=response.status_code,
                words=f"HTTP {response.status_code}",
                retry_after_seconds=_seconds(response.headers.get("Retry-After")),
            )
    except (requests.RequestException, HTTPError, OSError) as error:
        # Only the kind leaves: the text holds the address, and with it perhaps a token.
        return Answer(status=None, words=f"no answer ({type(error).__name__})")


def _session(url: str) -> requests.Session:
    session = requests.Session()
    # The environment's proxies and certificates, but no password of a .netrc, and never a proxy to this very machine.
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    if urlsplit(url).hostname not in _LOOPBACK:
        session.proxies = get_environ_proxies(url)
    return session


def _seconds(retry_after: str | None) -> float:
    """Seconds of a Retry-After header; its other form, a date, is left to the growing delays."""
    text = (retry_after or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0
