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


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """What only the named venue knows: one of its algorithms, and parameters by their names."""

    algorithm: str = ""
    parameters: tuple[tuple[str, str], ...] = ()


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
    # Left out of the fingerprint when it was not asked for: older fingerprints stay true.
    extension: Extension | msgspec.UnsetType = msgspec.UNSET
    # Of the protocol custodian: whose desk, and the money asked for, which `qty` is made of later.
    custodian_id: str | msgspec.UnsetType = msgspec.UNSET
    notional: Decimal | msgspec.UnsetType = msgspec.UNSET


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


# How an order is worked over time: TargetStrategy(847).
TWAP, VWAP, SHORTFALL = SCHEDULED = ("twap", "vwap", "implementation_shortfall")


class ScheduleTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parameters of a schedule, StrategyParameters(957); what is None follows the order.

    `max_participation` and `randomize` are percentages. `remainder`: what of a slice rests as the
    next is due is asked to stop and goes on with the schedule ("carry"), or is kept ("keep").
    `completion`: what rests at the end is asked to stop ("cancel") or left ("leave").
    """

    start_time: datetime | None = None
    end_time: datetime | None = None
    slices: int | None = None
    max_slice: Decimal | None = None
    max_participation: Decimal | None = None
    urgency: Decimal | None = None
    randomize: Decimal | None = None
    seed: int | None = None
    remainder: str = "carry"
    completion: str = "cancel"


class Scheduled(Instruction, frozen=True, kw_only=True):
    """A schedule instead of one execution order; a quantity of 0 is all that is free."""

    parameters: ScheduleTerms = ScheduleTerms()
    client_schedule_id: str | None = None


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


class Handling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an order wants to be handled beyond its type; quantities in its own units.

    `trail_*` say how far a trailing stop stays behind the market, `display_qty` (1138) how much is
    shown, `min_qty` (110) how much a trade takes at least.
    """

    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    display_qty: Decimal | None = None
    min_qty: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False


PLAIN = Handling()


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
    # Left out of the fingerprint when it was not asked for: older fingerprints stay true.
    order_group_id: str | msgspec.UnsetType = msgspec.UNSET

    handling: Handling | msgspec.UnsetType = msgspec.UNSET
    # The mark of a short sale, of which `side` says only that it sells; where its shares are.
    short_sale: str | msgspec.UnsetType = msgspec.UNSET
    locate_id: str | msgspec.UnsetType = msgspec.UNSET
    locate_broker: str | msgspec.UnsetType = msgspec.UNSET
    # Of what two people agreed to close out; no entrance reads it.
    flatten_line: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def handled(self) -> Handling:
        """How it wants to be handled; plainly when nothing was said."""
        return PLAIN if self.handling is msgspec.UNSET else self.handling

    @property
    def group(self) -> str:
        """The order group asked for; empty without one."""
        return self.order_group_id or ""


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
