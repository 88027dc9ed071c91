"""What the network can do to one request, with real sockets: is it sent once, and do we know whether it was sent?"""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from speechai.errors import AccountRefused, ConfigurationError, RetellError, RetellLater, RetellUnknown
from speechai.retell.call_request import CallRequest
from speechai.retell.client import RetellClient
from speechai.retell.transport import MAX_ANSWER_BYTES, MAX_IDLE_SECONDS, Transport
from tests.retell.raw_server import Behaviour, RawServer, answer, drip, hang_up, raw_server, reset, silence

KEY = "key_0123456789abcdef"
REQUEST = CallRequest(attempt_id="a1", from_number="+56223456789", to_number="+56912343478")
CREATED = answer(201, {"call_id": "call_1", "call_status": "registered"})


@pytest.fixture(autouse=True)
def _no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def client(url: str, *, connect: float = 2.0, read: float = 0.6) -> RetellClient:
    return RetellClient(base_url=url, api_key=KEY, connect_timeout_seconds=connect, read_timeout_seconds=read)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(reset, id="reset"),
        pytest.param(hang_up, id="closed without an answer"),
        pytest.param(silence(2.0), id="no answer in time"),
        pytest.param(answer(201, {"call_id": "call_1"}, missing_bytes=5), id="truncated body"),
        pytest.param(answer(201, b'{"call_id": "call_1'), id="truncated JSON"),
        pytest.param(answer(201, b""), id="empty"),
        pytest.param(answer(200, b"<html>hello</html>"), id="HTML"),
        pytest.param(answer(201, {"call_id": None}), id="no call id"),
        pytest.param(answer(201, [1]), id="a list"),
        pytest.param(answer(201, b"[" * 200_000), id="nested beyond reading"),
        pytest.param(answer(201, b"x", headers={"Content-Encoding": "gzip"}), id="not the gzip it claims to be"),
        pytest.param(answer(201, {"call_id": "x" * MAX_ANSWER_BYTES}), id="too long"),
        pytest.param(
            answer(
                201,
                gzip.compress(b'{"call_id": "call_1"' + b" " * MAX_ANSWER_BYTES + b"}"),
                headers={"Content-Encoding": "gzip"},
            ),
            id="too long once unpacked",
        ),
        pytest.param(drip(b"", every_seconds=0.1, total_seconds=3), id="status line dripping"),
        pytest.param(drip(b"HTTP/1.1 201 Created\r\nX-A: ", every_seconds=0.1, total_seconds=3), id="header dripping"),
        pytest.param(
            drip(b"HTTP/1.1 201 Created\r\nContent-Length: 999\r\n\r\n", every_seconds=0.1, total_seconds=3),
            id="body dripping",
        ),
        pytest.param(
            drip(b"HTTP/1.1 307 No\r\nLocation: /x\r\nContent-Length: 999\r\n\r\n", every_seconds=0.1, total_seconds=3),
            id="redirect dripping",
        ),
        pytest.param(lambda connection: connection.sendall(b"SSH-2.0-hello\r\n") or False, id="another protocol"),
        pytest.param(answer(500), id="500"),
        pytest.param(answer(503, b"", headers={"Retry-After": "0"}), id="503 that asks for a repeat"),
        pytest.param(answer(408), id="408"),
    ],
)
def test_doubt_is_unknown_and_the_request_went_out_once(behaviour: Behaviour) -> None:
    with raw_server(behaviour, CREATED) as server:
        begun = time.monotonic()
        with pytest.raises(RetellUnknown):
            client(server.url).create_call(REQUEST)
        assert time.monotonic() - begun < 1.6
        assert len(server.received) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_never_followed(status: int) -> None:
    with raw_server(CREATED) as other:
        headers = {"Location": f"{other.url}/v2/create-phone-call"}
        with raw_server(answer(status, b"", headers=headers)) as server, pytest.raises(RetellUnknown):
            client(server.url).create_call(REQUEST)
        assert other.received == []


def test_connection_refused_is_later_because_nothing_was_sent() -> None:
    with pytest.raises(RetellLater, match="refused"):
        client(f"http://127.0.0.1:{closed_port()}").create_call(REQUEST)


def test_unknown_host_is_later_because_nothing_was_sent() -> None:
    with pytest.raises(RetellLater):
        client("http://no-such-host.invalid").create_call(REQUEST)


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full, so that connecting to it times out."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(address)
        waiting.append(one)
    yield address[1]
    for one in [*waiting, listener]:
        one.close()


def test_connect_timeout_is_later_because_nothing_was_sent(full_backlog: int) -> None:
    with pytest.raises(RetellLater):
        client(f"http://127.0.0.1:{full_backlog}", connect=0.3).create_call(REQUEST)


def test_connection_that_took_too_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def slowly(*args: Any, **options: Any) -> Any:
        time.sleep(0.4)
        return resolve(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with raw_server(CREATED) as server:
        with pytest.raises(RetellLater, match="no connection in time"):
            client(server.url, connect=0.2).create_call(REQUEST)
        assert server.received == []


def test_connection_closed_between_two_calls_is_replaced_before_anything_is_sent() -> None:
    with raw_server(answer(201, {"call_id": "call_1"}, keep=False), CREATED) as server:
        retell = client(server.url)
        retell.create_call(REQUEST)
        time.sleep(0.1)
        retell.create_call(REQUEST)
        assert [one.connection for one in server.received] == [1, 2]


def test_connection_closed_as_the_call_goes_out_is_unknown_and_not_repeated() -> None:
    with raw_server(CREATED, reset, CREATED) as server:
        retell = client(server.url)
        retell.create_call(REQUEST)
        with pytest.raises(RetellUnknown):
            retell.create_call(REQUEST)
        assert [one.connection for one in server.received] == [1, 1]


def test_connection_is_kept_between_calls_and_dropped_once_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(CREATED) as server:
        retell = client(server.url)
        retell.create_call(REQUEST)
        retell.create_call(REQUEST)
        now = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: now() + MAX_IDLE_SECONDS + 1)
        retell.create_call(REQUEST)
        assert [one.connection for one in server.received] == [1, 1, 2]


@pytest.mark.parametrize("status", [201, 307, 401, 500])
def test_answer_without_end_is_cut_off_soon(status: int) -> None:
    sent_bytes = 0

    def flood(connection: socket.socket) -> bool:
        nonlocal sent_bytes
        connection.sendall(f"HTTP/1.1 {status} X\r\nLocation: /x\r\nContent-Length: 99999999999\r\n\r\n".encode())
        while sent_bytes < 20 * MAX_ANSWER_BYTES:
            sent_bytes += connection.send(b"x" * 65536)
        return False

    with raw_server(flood) as server, pytest.raises(RetellError):
        client(server.url, read=20).create_call(REQUEST)
    assert sent_bytes < 3 * MAX_ANSWER_BYTES


def test_error_page_without_end_costs_its_connection_and_no_more() -> None:
    endless = answer(401, b"x" * 5_000_000)
    with raw_server(endless, CREATED) as server:
        retell = client(server.url, read=5)
        with pytest.raises(AccountRefused):
            retell.create_call(REQUEST)
        assert retell.create_call(REQUEST).call_id == "call_1"


def test_each_of_32_threads_keeps_a_connection_of_its_own() -> None:
    with raw_server(answer(200, {"org_id": "o", "org_name": "n"})) as server:
        retell = client(server.url, read=5)
        barrier = threading.Barrier(32)

        def ask(_: int) -> None:
            retell.whoami()
            barrier.wait()
            retell.whoami()

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(ask, range(32)))
        assert server.connections == 32
        assert len(server.received) == 64


def test_a_forked_child_opens_its_own_connection() -> None:
    with raw_server(answer(200, {"org_id": "o"})) as server:
        retell = client(server.url, read=5)
        retell.whoami()
        child = os.fork()
        if child == 0:
            try:
                retell.whoami()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        retell.whoami()
        assert [one.connection for one in server.received] == [1, 2, 1]


# The machine between: proxies, .netrc, certificates.


def test_reset_behind_a_proxy_after_sending_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(reset) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(RetellUnknown):
            client("http://retell.test").create_call(REQUEST)
        assert len(proxy.received) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_cannot_be_reached_is_later(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://user:secret@127.0.0.1:{closed_port()}")
    with pytest.raises(RetellLater) as caught:
        client(f"{scheme}://retell.test").create_call(REQUEST)
    assert "secret" not in str(caught.value)


def test_proxy_that_refuses_the_tunnel_is_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(answer(407)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(RetellLater, match="407"):
            client("https://retell.test").create_call(REQUEST)
        assert [one.line.split()[0] for one in proxy.received] == ["CONNECT"]


def test_loopback_is_never_sent_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    with raw_server(CREATED) as server:
        assert client(server.url).create_call(REQUEST).call_id == "call_1"


def test_netrc_does_not_take_the_place_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(CREATED) as server:
        client(server.url).create_call(REQUEST)
        assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(built.public_bytes(encoding) + private)
    return path


@contextlib.contextmanager
def tls_in_front_of(server: RawServer, certificate: Path) -> Iterator[str]:
    """A listener that speaks TLS and hands the decrypted connection to the raw server's behaviours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
    threading.Thread(target=_serve_tls, args=(server, listener), daemon=True).start()
    yield f"https://localhost:{listener.getsockname()[1]}"
    listener.close()


def _serve_tls(server: RawServer, listener: socket.socket) -> None:
    while listener.fileno() != -1:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            server.talk(connection, 1)


def test_certificate_that_nobody_vouches_for_is_later(certificate: Path) -> None:
    with raw_server(CREATED) as server, tls_in_front_of(server, certificate) as url:
        with pytest.raises(RetellLater, match="certificate"):
            client(url).create_call(REQUEST)
        assert server.received == []


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (CREATED, None),
        (hang_up, RetellUnknown),
        (
            drip(b"HTTP/1.1 201 Created\r\nContent-Length: 9999\r\n\r\n", every_seconds=0.1, total_seconds=3),
            RetellUnknown,
        ),
    ],
)
def test_tls_is_judged_as_plain_http_is(
    behaviour: Behaviour, error: type[RetellError] | None, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with raw_server(behaviour) as server, tls_in_front_of(server, certificate) as url:
        with pytest.raises(error) if error else contextlib.nullcontext():
            client(url).create_call(REQUEST)
        assert len(server.received) == 1


# The key stays inside.


@pytest.mark.parametrize("behaviour", [reset, hang_up, answer(401, {"message": f"bad key {KEY} of +56912343478"})])
def test_neither_key_nor_phone_is_in_an_error(behaviour: Behaviour) -> None:
    with raw_server(behaviour) as server, pytest.raises(RetellError) as caught:
        client(server.url).create_call(REQUEST)
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error)
        assert "+56912343478" not in repr(error)
        assert not hasattr(error, "request"), "an exception of requests carries the headers"
        error = error.__cause__ or error.__context__


def test_key_is_not_in_a_repr() -> None:
    assert KEY not in repr(client("http://127.0.0.1:1"))
    transport = Transport(base_url="http://127.0.0.1:1", api_key=KEY, connect_timeout_seconds=1, read_timeout_seconds=1)
    assert KEY not in repr(transport)


@pytest.mark.parametrize("key", ["", "two words", "line\nend", "clé"])
def test_key_that_no_header_can_hold_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Transport(base_url="http://x", api_key=key, connect_timeout_seconds=1, read_timeout_seconds=1)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "http://user:secret@127.0.0.1", "api.retellai.com", "ftp://api.retellai.com", "https://"]
)
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client(url)
    assert "secret" not in str(caught.value)
