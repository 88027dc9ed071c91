"""Doctor's checks of Retell: the address, the key, the lines, the agent and the caller numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speechai.cli.findings import Check, fine, warning, wrong
from speechai.errors import AccountRefused, RetellError, SpeechAIError

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.retell.client import RetellClient


def retell_checks(settings: Settings) -> list[Check]:
    """One line where Retell cannot be asked, else one a subject."""
    from speechai.retell.client import RetellClient
    from speechai.retell.simulator.config import DEFAULT_API_KEY

    key = settings.retell_api_key
    if key is None and settings.retell_is_production:
        remedy = "set RETELL_API_KEY to call for real; without it `speechai up` starts a simulator"
        return [warning("Retell", "RETELL_API_KEY is not set", remedy)]
    where = settings.retell_base_url
    try:
        client = RetellClient(
            base_url=where,
            api_key=key.get_secret_value() if key else DEFAULT_API_KEY,
            connect_timeout_seconds=settings.retell_connect_timeout_seconds,
            read_timeout_seconds=settings.retell_read_timeout_seconds,
        )
        identity = client.whoami()
    except AccountRefused as error:
        return [wrong("Retell", f"{where} does not accept the key: {error}", "correct RETELL_API_KEY")]
    except RetellError as error:
        remedy = "correct RETELL_BASE_URL, check the network and its proxy (HTTPS_PROXY), or start the simulator"
        return [wrong("Retell", f"{where} does not answer: {error}", remedy)]
    except SpeechAIError as error:
        return [wrong("Retell", str(error), "correct the variable that the message names")]
    owner = identity.org_name or identity.org_id or "its owner is not told"
    real = "calls are REAL" if settings.retell_is_production else "not Retell's own address: no phone rings there"
    try:
        return [fine("Retell", f"{where}, key accepted ({owner}); {real}"), *_account(settings, client)]
    except RetellError as error:
        return [wrong("Retell", f"{where} stopped answering: {error}", "try again")]


def _account(settings: Settings, client: RetellClient) -> list[Check]:
    return [_lines(settings, client), _agent(settings, client), *_numbers(settings, client)]


def _lines(settings: Settings, client: RetellClient) -> Check:
    limits, ours = client.concurrency(), settings.retell_concurrency
    if limits.outbound_limit is None:
        return warning("Retell lines", "the limit is not told", "check it in Retell's dashboard")
    said = f"{limits.outbound_limit} for outbound calls, {limits.current} in use; RETELL_CONCURRENCY={ours}"
    if ours > limits.outbound_limit:
        return warning("Retell lines", said, f"set RETELL_CONCURRENCY to at most {limits.outbound_limit}")
    return fine("Retell lines", said)


def _agent(settings: Settings, client: RetellClient) -> Check:
    name = settings.retell_agent_id
    if name is None:
        if not settings.retell_is_production:
            return fine("Retell agent", "RETELL_AGENT_ID is not set: the agent of the caller number talks")
        remedy = "set RETELL_AGENT_ID, or give the caller number an outbound agent at Retell"
        return warning("Retell agent", "RETELL_AGENT_ID is not set", remedy)
    agent = client.agent(name)
    if agent is None:
        return wrong("Retell agent", f"this key knows no agent {name}", "correct RETELL_AGENT_ID")
    said = f"{agent.name or name}, version {agent.version}, language {agent.language or 'not told'}"
    if agent.is_published is False:
        return warning("Retell agent", f"{said}; not published", "publish it at Retell")
    return fine("Retell agent", said)


def _numbers(settings: Settings, client: RetellClient) -> list[Check]:
    if not settings.retell_from_number:
        if settings.retell_is_production:
            remedy = "set RETELL_FROM_NUMBER to one or several numbers of the account"
            return [wrong("caller numbers", "RETELL_FROM_NUMBER is not set", remedy)]
        return [fine("caller numbers", "RETELL_FROM_NUMBER is not set: the simulator's own")]
    known = {number.number: number for number in client.numbers()}
    checks = []
    for wanted in settings.retell_from_number:
        number = known.get(wanted)
        if number is None:
            remedy = "buy or import it at Retell, or correct RETELL_FROM_NUMBER"
            checks.append(wrong("caller number", f"{wanted} is not a number of this account", remedy))
        elif number.outbound_countries is not None and settings.country not in number.outbound_countries:
            allowed = ", ".join(number.outbound_countries) or "no country"
            remedy = f"allow {settings.country} for outbound calls of this number at Retell"
            checks.append(wrong("caller number", f"{wanted} may call {allowed}, not {settings.country}", remedy))
        elif not number.outbound_agent_ids and settings.retell_agent_id is None:
            remedy = "set RETELL_AGENT_ID, or give the number an outbound agent at Retell"
            checks.append(wrong("caller number", f"{wanted} has no outbound agent", remedy))
        else:
            checks.append(fine("caller number", f"{wanted} ({number.kind or 'kind not told'})"))
    return checks
