"""Plain requests to a simulator, for what the SDK would hide."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import requests

from speechai.retell.simulator import DEFAULT_API_KEY, DEFAULT_FROM_NUMBER, Simulator

NUMBER = "+56911112222"
DAY_MS = 24 * 3_600_000


def ask(simulator: Simulator, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}", **options.pop("headers", {})}
    options = {"timeout": 10, "allow_redirects": False, **options}
    return requests.request(method, simulator.base_url + path, json=body, headers=headers, **options)


def order(to_number: str = NUMBER, **fields: Any) -> dict[str, Any]:
    return {"from_number": DEFAULT_FROM_NUMBER, "to_number": to_number, **fields}


def create(simulator: Simulator, to_number: str = NUMBER, **fields: Any) -> requests.Response:
    return ask(simulator, "POST", "/v2/create-phone-call", order(to_number, **fields))


def call_of(simulator: Simulator, call_id: str) -> dict[str, Any]:
    answer = ask(simulator, "GET", f"/v2/get-call/{call_id}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def finished(simulator: Simulator, to_number: str = NUMBER, **fields: Any) -> dict[str, Any]:
    """A call placed and shown after everything that could happen to it has happened."""
    answer = create(simulator, to_number, **fields)
    assert answer.status_code == 201, answer.text
    simulator.advance(DAY_MS)
    return call_of(simulator, answer.json()["call_id"])


def listed(simulator: Simulator, **body: Any) -> dict[str, Any]:
    answer = ask(simulator, "POST", "/v3/list-calls", body)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def raw_create(simulator: Simulator, *, timeout: float = 2.0, **fields: Any) -> bytes:
    """The bytes that a create request gets back until the end of the connection.

    Raises:
        ConnectionResetError: the simulator reset the connection.
        TimeoutError: no more came within the timeout and the connection stayed open.
    """
    body = json.dumps(order(**fields)).encode()
    address = urlsplit(simulator.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=timeout) as connection:
        connection.sendall(
            b"POST /v2/create-phone-call HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + f"Authorization: Bearer {DEFAULT_API_KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    return received
