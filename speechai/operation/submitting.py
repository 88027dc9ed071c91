"""A file of contacts is sent: what the operator asks for with it, checked, and the batch that it is to become.

Enters a path and an `Order`; leaves a stored file and a batch that waits for a loader. Called by the operator's side;
nothing of the file's rows is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from config.settings import Settings
from speechai.catalogue.negotiation import get_table
from speechai.catalogue.policies import Policy
from speechai.catalogue.use_cases import get_use_case
from speechai.core.accounts import MAIN, Account
from speechai.core.amounts import CURRENCIES
from speechai.core.model import Pacing, Variant
from speechai.core.variants import check_variants
from speechai.errors import NotFound
from speechai.operation.context import Context, allowed_policy
from speechai.operation.ingest import IngestSpec, Limits, Meaning, file_sha256
from speechai.operation.nudges import LoadBatch, Nudges
from speechai.store import accounts, batches

log = structlog.get_logger(__name__)

LAWS = {("debt_collection", "CL"): "cl-ley-21320", ("debt_collection", "AR"): "ar-24240"}
"""The preset of a country's law for a use case, named to whoever does not choose it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the operator asks for with a file. `mapping` goes from a meaning to column names."""

    use_case: str
    account_id: str = "main"
    name: str | None = None
    pacing: Pacing = Pacing.WAVES
    policy: str | None = None
    mapping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sheet: str | None = None
    again: bool = False
    """Load the same file once more, as a batch of its own."""
    priority: int = 5
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the policy that this batch replaces; `because` says why one may loosen a legal preset."""
    because: str | None = None
    variants: tuple[Variant, ...] = ()
    negotiation: str | None = None
    """A negotiation table of the catalogue; the use case's own where it is left away."""
    budget_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The batch that a file became, or had become before (`is_new` False)."""

    batch_id: str
    is_new: bool
    nudges: Nudges


def submit(context: Context, path: Path, order: Order) -> Submitted:
    """Stores the file at `path` and a batch that waits for a loader.

    The same bytes for the same account are recognised: nothing is stored and the earlier batch is named. Raises
    UsageError for an unknown use case, policy or negotiation table and for overrides that are refused, NotFound for an
    unknown account, InputError for a file that cannot be read, Unavailable.
    """
    use_case = get_use_case(order.use_case)
    account = account_of(context, order.account_id)
    policy = policy_of(context.settings, order, account)
    negotiation = negotiation_of(order)
    check_variants(order.variants)
    size = path.stat().st_size
    now, sha256 = context.clock(), file_sha256(path)
    unique = f"{order.account_id}|{sha256}" + (f"|{uuid4().hex}" if order.again else "")
    document = {
        "_id": f"{now.astimezone(context.settings.zone):%Y%m%d}-{uuid4().hex[:6]}",
        "file_key": unique,
        "account_id": order.account_id,
        "name": order.name or path.stem,
        "use_case": use_case.name,
        "pacing": order.pacing,
        "policy": policy.name,
        "country": context.settings.country,
        "time_zone": context.settings.timezone,
        "mapping": {meaning: list(columns) for meaning, columns in order.mapping.items()},
        "sheet": order.sheet,
        "priority": order.priority,
        "policy_overrides": dict(order.overrides),
        "override_because": order.because,
        "variants": [asdict(variant) for variant in order.variants],
        "negotiation": negotiation,
        "budget_micros": order.budget_micros,
        "file": {"name": path.name, "bytes": size, "sha256": sha256},
        "created_at": now,
    }
    with path.open("rb") as file:
        known = batches.create_batch(context.store, document, file)
    if known is not None:
        return Submitted(batch_id=known, is_new=False, nudges=[])
    batch_id = str(document["_id"])
    log.info("a file was received", action="submit", batch_id=batch_id, bytes=size)
    return Submitted(batch_id=batch_id, is_new=True, nudges=[LoadBatch(batch_id)])


def account_of(context: Context, account_id: str) -> Account:
    """The account that pays; `main` exists by itself. Raises NotFound with the command that creates one."""
    if account_id == MAIN:
        accounts.ensure_main(context.store, now=context.clock())
    account = accounts.get_account(context.store, account_id)
    if account is None:
        raise NotFound(f"there is no account {account_id!r}: `speechai account create {account_id}` makes it")
    return account


def policy_of(settings: Settings, order: Order, account: Account | None = None) -> Policy:
    """The rules that the order asks for: its policy, else the account's, else DEFAULT_POLICY, with all overrides.

    Raises UsageError for a policy that may not be used here and for an override that is refused.
    """
    name = order.policy or (account.policy if account else None) or settings.default_policy
    # By itself first: what the account may loosen for a reason of its own, a list loosens further only for another.
    allowed_policy(settings, name, order.overrides, order.because)
    overrides = {**(account.policy_overrides if account else {}), **order.overrides}
    because = order.because or (account.override_because if account else None)
    return allowed_policy(settings, name, overrides, because)


def advice_on(policy: Policy, order: Order, *, country: str) -> list[str]:
    """What an operator should know about the rules of an order before it is called; nothing of it is refused."""
    advice = []
    if policy.unverified.difference(policy.changed):
        fields = ", ".join(sorted(policy.unverified.difference(policy.changed)))
        advice.append(f"policy {policy.label}: not verified, and so read strictly: {fields}. Ask a lawyer before use.")
    if policy.country is not None and policy.country != country:
        advice.append(f"policy {policy.label} is the law of {policy.country}; these contacts are in {country}.")
    law = LAWS.get((order.use_case, country))
    if law is not None and not policy.is_legal and not policy.simulator_only:
        advice.append(f"policy {policy.label} holds the house rules only; {law} has the law's own limits.")
    return advice


def negotiation_of(order: Order) -> str | None:
    """Name of the negotiation table, which exists. Raises UsageError."""
    name = order.negotiation or get_use_case(order.use_case).negotiation
    return get_table(name).name if name else None


def spec_of(order: Order, *, country: str, time_zone: str, max_upload_mb: float) -> IngestSpec:
    """How a file of this order is read; the same for the operator's dry run and for the worker."""
    return IngestSpec(
        country=country,
        currency=CURRENCIES[country],
        time_zone=time_zone,
        required=frozenset(Meaning(name) for name in get_use_case(order.use_case).required),
        mapping=order.mapping,
        sheet=order.sheet,
        limits=Limits(file_bytes=int(max_upload_mb * 1024**2)),
    )
