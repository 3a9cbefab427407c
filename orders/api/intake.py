"""Reads request bodies into requests, strictly, with every fault at once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from allocations import fees
from oms_site.api.shape import Reader
from oms_site.kit.errors import OmsError
from orders import order_types, time_in_force
from orders.api import extension_intake, handling_intake, schedule_intake, short_sale_intake
from orders.api.moments import moment as moment
from orders.desk.external import TradeReport
from orders.render import FEE_NUMBERS, tidy
from orders.requests import AccountAsk, AllocationAsk, Instruction, OrderAsk
from orders.rulesets import PROTOCOLS
from venues import smart_routing

ORDER_FIELDS = frozenset(
    [
        *handling_intake.FIELDS,
        *short_sale_intake.FIELDS,
        "account_id",
        "all_or_none",
        "allocations",
        "amount",
        "annotation",
        "bypass_auto_execution",
        "client_order_id",
        "custodian_id",
        "execution_instructions",
        "explicit_cancelation_required",
        "extended_hours",
        "fees",
        "ib_id",
        "instrument_id",
        "limit_price",
        "order_group_id",
        "stop_price",
        "risk_group_id",
        "side",
        "time_in_force",
        "expire_time",
        "trader_profile",
        "type",
    ]
)
_INSTRUCTION_FIELDS = frozenset(
    [
        *extension_intake.FIELDS,
        "all_or_none",
        "amount",
        "annotation",
        "client_execution_order_id",
        "custodian_id",
        "fees",
        "limit_price",
        "parameters",
        "protocol",
        "quantity",
        "strategy",
        "suppress_pmp_check",
        "venue_id",
    ]
)
LONGEST_KEY = 128
AMOUNT_TYPES = ("par", "shares", "notional")
EXECUTION_FIELDS = _INSTRUCTION_FIELDS - {"protocol", "strategy", "parameters", "custodian_id"}
HANDED_FIELDS = (EXECUTION_FIELDS | {"custodian_id"}) - {"venue_id"}
REPORT_FIELDS = frozenset(
    [
        "amount",
        "annotation",
        "bypass_street_side_leg",
        "bypass_trade_booking",
        "client_external_trade_report_id",
        "counterparty_clearing_firm_id",
        "counterparty_id",
        "executed_at",
        "execution_id",
        "price",
        "settlement_date",
        "trade_date",
    ]
)


def order(value: Any) -> OrderAsk:
    """An order request. Raises `OmsError` (422) with every fault."""
    body = Reader(value)
    body.refuse_unknown(ORDER_FIELDS)
    kind, qty = amount(body, "amount")
    ord_type = body.choice("type", order_types.KNOWN)
    limit_price, stop_price = _prices(body, ord_type)
    side, marked = short_sale_intake.read(body)
    ask = OrderAsk(
        instrument_id=body.text("instrument_id", required=True, longest=20) or "",
        side=side,
        ord_type=ord_type,
        amount_type=kind,
        qty=qty,
        limit_price=None if limit_price is None else tidy(limit_price),
        stop_price=None if stop_price is None else tidy(stop_price),
        client_order_id=body.text("client_order_id"),
        account_id=body.text("account_id"),
        ib_id=body.text("ib_id"),
        risk_group_id=body.text("risk_group_id"),
        custodian_id=body.text("custodian_id"),
        time_in_force=body.choice("time_in_force", time_in_force.KNOWN, default="day"),
        expire_time=moment(body, "expire_time"),
        extended_hours=body.flag("extended_hours"),
        all_or_none=body.flag("all_or_none"),
        explicit_cancelation_required=body.flag("explicit_cancelation_required"),
        bypass_auto_execution=body.flag("bypass_auto_execution"),
        instructions=tuple(
            _instruction(one, kind) for one in body.objects("execution_instructions", most=20)
        ),
        allocation=_allocation(body, kind),
        fees=fees_of(body),
        trader_profile=_profile(body),
        annotation=body.text("annotation", longest=2000) or "",
        handling=handling_intake.read(body, ord_type),
        order_group_id=body.text("order_group_id", longest=40) or msgspec.UNSET,
        **marked,
    )
    body.finish()
    return ask


def _prices(body: Reader, ord_type: str) -> tuple[Decimal | None, Decimal | None]:
    """The limit and the trigger, each exactly where its type of order has one."""
    limit_price, stop_price = body.decimal("limit_price"), body.decimal("stop_price")
    limited, triggered = ord_type in order_types.WITH_LIMIT, ord_type in order_types.WITH_TRIGGER
    if limited and limit_price is None and not _faulty(body, "limit_price"):
        body.fault("limit_price", "limit_price_required", "A limit order needs a limit price.")
    if not limited and limit_price is not None:
        body.fault("limit_price", "limit_price_forbidden", "A market order has no limit price.")
    if triggered and stop_price is None and not _faulty(body, "stop_price"):
        body.fault("stop_price", "stop_price_required", "This type of order needs a stop price.")
    if not triggered and stop_price is not None:
        body.fault("stop_price", "stop_price_forbidden", "This type of order has no stop price.")
    return limit_price, stop_price


def idempotency_key(given: str) -> str:
    """The header's value, empty when absent. Raises `OmsError` (400) for an unusable one."""
    if given and not (len(given) <= LONGEST_KEY and given.isascii() and given.isprintable()):
        raise OmsError(
            "invalid_idempotency_key",
            f"Give at most {LONGEST_KEY} printable ASCII characters.",
            field="Idempotency-Key",
            status=400,
        )
    return given


def amount(body: Reader, name: str) -> tuple[str, Decimal]:
    """An amount in either of the guide's shapes: `{"par": 3000}` or `{"type": …, "value": …}`."""
    part = body.object(name)
    if part is None:
        body.fault(name, "required", 'Give an amount, such as {"type": "par", "value": 3000}.')
        return "", Decimal(1)
    part.refuse_unknown({"type", "value", *AMOUNT_TYPES})
    given = [kind for kind in AMOUNT_TYPES if part.value.get(kind) is not None]
    if "type" in part.value or "value" in part.value or not given:
        given.append(part.choice("type", AMOUNT_TYPES))
        value = part.decimal("value", required=True, places=6)
    else:
        value = part.decimal(given[0], places=6)
    for kind in given[:-1] if value is not None else []:
        if kind != given[-1] or part.decimal(kind, places=6) != value:
            part.fault("", "amount_ambiguous", "The two shapes of the amount differ.")
            break
    if len(set(given)) > 1 and not part.faults:
        part.fault("", "amount_ambiguous", "Give one kind of amount.")
    return given[-1], Decimal(1) if value is None else tidy(value)


def instruction(value: Any, *, protocol: str, strategy: str) -> tuple[str, Instruction]:
    """An execution order request of one endpoint. Returns the amount's type and the instruction."""
    body = Reader(value)
    body.refuse_unknown(EXECUTION_FIELDS)
    name = "quantity" if "quantity" in body.value else "amount"
    kind, qty = amount(body, name)
    made = _of(body, protocol, strategy, qty)
    if strategy == "manual" and protocol == "limit_order_book" and not made.venue_id:
        body.fault("venue_id", "required", "Name the venue.")
    body.finish()
    return kind, made


def handed(value: Any) -> tuple[str, Instruction]:
    """What a custodian is to work, in shares or in money. Returns the amount's type, and it.

    How many shares money comes to is not known here: the quantity is 0 until somebody prices it.
    """
    body = Reader(value)
    body.refuse_unknown(HANDED_FIELDS)
    kind, qty = amount(body, "quantity" if "quantity" in body.value else "amount")
    if kind == "par":
        text = "A custodian takes shares, or money for them: give no par."
        body.fault("amount", "amount_type_unsupported", text)
    made = _of(body, "custodian", "manual", qty)
    body.finish()
    if kind == "notional":
        made = msgspec.structs.replace(made, qty=Decimal(0), notional=qty)
    return kind, made


def _instruction(part: Reader, kind: str) -> Instruction:
    part.refuse_unknown(_INSTRUCTION_FIELDS)
    protocol = part.choice("protocol", tuple(PROTOCOLS))
    strategy = part.choice(
        "strategy", PROTOCOLS.get(protocol, ("",)), default=PROTOCOLS.get(protocol, ("",))[0]
    )
    own, qty = amount(part, "amount" if "amount" in part.value else "quantity")
    if own and kind and own != kind:
        part.fault("quantity", "amount_type_differs", f"Give it as {kind}, like the order.")
    if protocol == "custodian" and part.value.get("venue_id"):
        part.fault("venue_id", "venue_id_forbidden", "Name the custodian: its desk is the venue.")
    return schedule_intake.of_instruction(part, _of(part, protocol, strategy, qty))


def _of(part: Reader, protocol: str, strategy: str, qty: Decimal) -> Instruction:
    price = part.decimal("limit_price")
    return Instruction(
        protocol=protocol,
        strategy=strategy,
        qty=qty,
        limit_price=None if price is None else tidy(price),
        venue_id=part.text("venue_id", longest=20) or "",
        all_or_none=part.flag("all_or_none"),
        suppress_pmp_check=part.flag("suppress_pmp_check"),
        client_execution_order_id=part.text("client_execution_order_id"),
        fees=fees_of(part),
        annotation=part.text("annotation", longest=2000) or "",
        extension=extension_intake.read(part),
        custodian_id=part.text("custodian_id", longest=40) or msgspec.UNSET,
    )


def _allocation(body: Reader, kind: str) -> AllocationAsk | None:
    part = body.object("allocations")
    if part is None:
        return None
    part.refuse_unknown({"strategy", "client_allocation_id", "account_allocations"})
    accounts = []
    for one in part.objects("account_allocations", most=1000):
        one.refuse_unknown({"account_id", "client_account_allocation_id", "requested_amount"})
        own, qty = amount(one, "requested_amount")
        if own and kind and own != kind:
            one.fault("requested_amount", "amount_type_differs", f"Give it as {kind}.")
        accounts.append(
            AccountAsk(
                account_id=one.text("account_id", required=True) or "",
                qty=qty,
                client_account_allocation_id=one.text("client_account_allocation_id") or "",
            )
        )
    return AllocationAsk(
        strategy=part.text("strategy", required=True, longest=32) or "",
        client_allocation_id=part.text("client_allocation_id"),
        accounts=tuple(accounts),
    )


def fees_of(body: Reader) -> tuple[dict[str, Any], ...]:
    """CustomFee objects, checked by the fee rules, with their numbers kept as text."""
    given = [one.value for one in body.objects("fees", most=20)]
    try:
        fees.parse(given, field=body.where("fees"))
    except OmsError as refusal:
        body.faults.extend(refusal.details)
    return tuple(
        {k: str(v) if k in FEE_NUMBERS and v is not None else v for k, v in one.items()}
        for one in given
    )


def _profile(body: Reader) -> dict[str, Any] | None:
    part = body.object("trader_profile")
    if part is None:
        return None
    part.refuse_unknown({"user_id", "bloomberg_id", "urgency"})
    profile = {"user_id": part.text("user_id"), "bloomberg_id": part.text("bloomberg_id")}
    if "urgency" in part.value:
        profile["urgency"] = part.choice("urgency", smart_routing.URGENCIES)
    return profile


def trade_report(value: Any) -> tuple[str, TradeReport]:
    """An external trade report. Returns the amount's type and the report."""
    body = Reader(value)
    body.refuse_unknown(REPORT_FIELDS)
    kind, qty = amount(body, "amount")
    price = _price(body)
    report = TradeReport(
        qty=qty,
        price=price or Decimal(1),
        trade_date=_date(body, "trade_date"),
        settlement_date=_date(body, "settlement_date"),
        executed_at=moment(body, "executed_at"),
        execution_id=body.text("execution_id"),
        client_id=body.text("client_external_trade_report_id"),
        counterparty=body.text("counterparty_id", longest=40) or "",
        bypass_trade_booking=body.flag("bypass_trade_booking"),
        bypass_street_side_leg=body.flag("bypass_street_side_leg"),
        annotation=body.text("annotation", longest=2000) or "",
    )
    body.finish()
    return kind, report


def _price(body: Reader) -> Decimal | None:
    """A price as a number, or as `{"pop": 99.5}`."""
    if isinstance(body.value.get("price"), dict):
        part = body.object("price")
        assert part is not None
        part.refuse_unknown({"pop", "ytm"})
        return part.decimal("pop", required=True)
    return body.decimal("price", required=True)


def _date(body: Reader, name: str) -> date | None:
    text = body.text(name, longest=10)
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        body.fault(name, "invalid_date", "Give a date such as 2026-11-23.")
        return None


def _faulty(body: Reader, name: str) -> bool:
    where = body.where(name)
    return any(fault.field == where for fault in body.faults)
