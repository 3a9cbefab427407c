"""What a caller asks of the desk, already read strictly and still unresolved.

Made by the entrances (REST today, FIX tomorrow), consumed by `orders.desk`. Plain frozen values.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One set of execution instructions; `limit_price` None inherits the order's."""

    protocol: str
    strategy: str
    qty: Decimal
    limit_price: Decimal | None = None
    venue_id: str = ""
    all_or_none: bool = False
    suppress_pmp_check: bool = False
    client_execution_order_id: str | None = None
    fees: tuple[dict[str, Any], ...] = ()
    annotation: str = ""


class QuoteHit(Instruction, frozen=True, kw_only=True):
    """An execution order that hits one dealer's quote."""

    quote_id: str


class AutoEx(Instruction, frozen=True, kw_only=True):
    """An execution order that asks dealers and hits the quote that fits its criteria.

    `criteria` are the fields of `orders.rfq.criteria.Criteria`.
    """

    dealers: tuple[str, ...] = ()
    bidding: str = "asap"
    due_time: datetime | None = None
    criteria: dict[str, Any] = {}


class AccountAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One account's part of a block."""

    account_id: str
    qty: Decimal
    client_account_allocation_id: str = ""


class AllocationAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The pre-trade allocation of a block."""

    strategy: str
    accounts: tuple[AccountAsk, ...]
    client_allocation_id: str | None = None


class OrderAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The content of an order request: what its fingerprint covers."""

    instrument_id: str
    side: str
    ord_type: str
    amount_type: str
    qty: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    client_order_id: str | None = None
    account_id: str | None = None
    ib_id: str | None = None
    risk_group_id: str | None = None
    custodian_id: str | None = None
    time_in_force: str = "day"
    expire_time: datetime | None = None
    extended_hours: bool = False
    all_or_none: bool = False
    explicit_cancelation_required: bool = False
    bypass_auto_execution: bool = False
    instructions: tuple[Instruction, ...] = ()
    allocation: AllocationAsk | None = None
    fees: tuple[dict[str, Any], ...] = ()
    trader_profile: dict[str, Any] | None = None
    annotation: str = ""


class AmendAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What an order is to become: what is None stays. `qty` is the whole quantity, not the rest.

    `accounts` are the new parts of a block; without them all are scaled. `revision` is the one the
    caller looked at.
    """

    qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    accounts: tuple[AccountAsk, ...] = ()
    amount_type: str = ""
    revision: int | None = None
    client_amend_id: str | None = None
    annotation: str = ""


_canonical = msgspec.json.Encoder(decimal_format="string", order="deterministic")


def fingerprint(content: msgspec.Struct) -> str:
    """The SHA-256 of a request's meaning: spelling, key order and 1.0 against 1 do not matter."""
    return hashlib.sha256(_canonical.encode(content)).hexdigest()


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """An order request with who sent it and when it reached us."""

    ask: OrderAsk
    principal: Principal
    received_at: datetime
    correlation_id: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class AmendRequest:
    """A request to change one order's terms."""

    order_id: str
    ask: AmendAsk


@dataclass(slots=True)
class AmendResult:
    """What became of it: `replaced`, `pending` at venues, in `review`, or `rejected` with why."""

    order_id: str
    request_id: str = ""
    outcome: str = ""
    revision: int = 1
    replayed: bool = False
    error: OmsError | None = None


@dataclass(slots=True)
class Result:
    """What became of a request: the order as JSON, or the refusal; `replayed` if it is old."""

    order_id: str = ""
    body: bytes = b""
    replayed: bool = False
    error: OmsError | None = None
