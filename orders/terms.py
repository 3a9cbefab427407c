"""Resolves a request against reference data: unknown names and illegal terms stop here.

A refusal here creates nothing. What passes may still be refused by the gate, which leaves a trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from allocations import accounts, engine, post_trade
from allocations.accounts import AccountFacts
from oms_site.firm import policies
from oms_site.firm.policies import PolicyFacts
from oms_site.kit.errors import Detail, refuse
from orders import destinations, extending, handling, notional, time_in_force
from orders.requests import OrderAsk, Scheduled, SubmitRequest
from venues import instruments
from venues.instruments import InstrumentFacts


@dataclass(slots=True)
class Terms:
    """An order request with every name resolved and its session known."""

    ask: OrderAsk
    instrument: InstrumentFacts
    policy: PolicyFacts
    accounts: tuple[AccountFacts, ...]
    account_id: str | None
    ib_id: str | None
    risk_group_id: str | None
    custodian_id: str | None
    fees: tuple[dict[str, Any], ...]
    phase: str
    trade_date: date
    eligible_at: datetime
    expires_at: datetime
    # What money came to, account by account, where the order was given in money.
    money: tuple[notional.Part, ...] = ()


def resolve(request: SubmitRequest, *, at: datetime) -> Terms:
    """The terms of a request. Raises `OmsError` (422) with every fault found."""
    ask, organization = request.ask, request.principal.organization_id
    faults: list[Detail] = []
    policy = policies.of(organization, at=at)
    instrument = instruments.find(ask.instrument_id)
    if instrument is None:
        faults.append(
            Detail(
                "instrument_id",
                "instrument_not_found",
                f"{ask.instrument_id} is not a CUSIP, ISIN or symbol we know.",
            )
        )
        refuse(faults)
    assert instrument is not None
    ask, money = notional.converted(ask, instrument, policy, faults)
    refuse(faults)
    _check_amount(ask, instrument, faults)
    _check_policy(ask, policy, faults)
    handling.check(ask, instrument, policy, faults)
    _check_short_sale(ask, instrument, faults)
    _check_instructions(ask, faults)
    _check_schedules(ask, policy, faults)
    found = _accounts(ask, organization, policy, faults)
    parties = _parties(ask, organization, found, faults)
    _check_custodians(ask, parties["custodian_id"], found, faults)
    if ask.allocation is not None and not faults:
        faults.extend(
            engine.check_request(ask.allocation, order_qty=ask.qty, policy=policy, accounts=found)
        )
    refuse(faults)
    life = time_in_force.life_of(ask, instrument, policy, at=at)
    return Terms(
        ask=ask,
        instrument=instrument,
        policy=policy,
        accounts=found,
        account_id=None if ask.allocation else (found[0].id if found else None),
        fees=ask.fees,
        phase=life.phase,
        trade_date=life.trade_date,
        eligible_at=life.eligible_at,
        expires_at=life.expires_at,
        money=money,
        **parties,
    )


def _check_amount(ask: OrderAsk, instrument: InstrumentFacts, faults: list[Detail]) -> None:
    if ask.amount_type != instrument.amount_type:
        faults.append(
            Detail(
                "amount",
                "amount_type_unsupported",
                f"Give the amount of {instrument.cusip} as {instrument.amount_type}.",
            )
        )
        return
    check_size("amount", ask.qty, instrument, faults)


def check_size(field: str, qty: Decimal, instrument: InstrumentFacts, faults: list[Detail]) -> None:
    """Note a quantity below the denomination or off the increment."""
    if qty < instrument.min_denomination:
        faults.append(
            Detail(
                field,
                "below_min_denomination",
                f"{instrument.cusip} trades from {instrument.min_denomination.normalize():f}.",
            )
        )
    elif qty % instrument.min_increment:
        faults.append(
            Detail(
                field,
                "off_increment",
                f"{instrument.cusip} trades in multiples of "
                f"{instrument.min_increment.normalize():f}.",
            )
        )


def _check_policy(ask: OrderAsk, policy: PolicyFacts, faults: list[Detail]) -> None:
    if ask.ord_type not in policy["allowed_ord_types"]:
        faults.append(
            Detail(
                "type",
                "ord_type_not_allowed",
                f"Your policy allows {', '.join(policy['allowed_ord_types'])}.",
            )
        )
    if ask.time_in_force not in policy["allowed_tif"]:
        faults.append(
            Detail(
                "time_in_force",
                "tif_not_allowed",
                f"Your policy allows {', '.join(policy['allowed_tif'])}.",
            )
        )


def _check_short_sale(ask: OrderAsk, instrument: InstrumentFacts, faults: list[Detail]) -> None:
    if ask.short_sale and instrument.amount_type != "shares":
        text = f"Only shares are sold short: sell {instrument.cusip} as it is held."
        faults.append(Detail("side", "short_sale_not_allowed", text))


def _check_instructions(ask: OrderAsk, faults: list[Detail]) -> None:
    total = sum((i.qty for i in ask.instructions), Decimal(0))
    if total > ask.qty:
        faults.append(
            Detail(
                "execution_instructions",
                "instructions_exceed_amount",
                "The quantities of the instructions together exceed the amount.",
            )
        )
    named = set[str]()
    for n, instruction in enumerate(ask.instructions):
        where = f"execution_instructions[{n}]"
        if (client_id := instruction.client_execution_order_id) in named:
            text = "Another instruction of this order has this id."
            name = f"{where}.client_execution_order_id"
            faults.append(Detail(name, "idempotency_conflict", text))
        named.update([client_id] if client_id else [])
        faults.extend(destinations.faults(instruction, field=where))
        faults.extend(extending.faults(instruction, field=where))
        if worse_limit(ask.side, ask.limit_price, instruction.limit_price):
            faults.append(
                Detail(
                    f"{where}.limit_price",
                    "limit_worse_than_order",
                    "An execution order's limit may not be worse than the order's.",
                )
            )
        if ask.time_in_force == time_in_force.FOK and instruction.qty != ask.qty:
            faults.append(
                Detail(
                    where,
                    "fill_or_kill_split",
                    "A fill-or-kill order takes one instruction for all of it.",
                )
            )
        if ask.all_or_none and not (instruction.all_or_none and instruction.qty == ask.qty):
            faults.append(
                Detail(
                    where,
                    "all_or_none_split",
                    "An all-or-none order takes one all-or-none instruction for all of it.",
                )
            )


def _check_custodians(
    ask: OrderAsk,
    custodian_id: str | None,
    found: tuple[AccountFacts, ...],
    faults: list[Detail],
) -> None:
    """What is handed to a custodian: shares, to one that executes and keeps all accounts."""
    kept_by = {one.custodian_id for one in found}
    for n, instruction in enumerate(ask.instructions):
        handed = destinations.resolved(instruction, custodian_id)
        where = f"execution_instructions[{n}]"
        faults.extend(
            destinations.custodian_faults(
                handed, kind=ask.amount_type, kept_by=kept_by, field=where
            )
        )


def _check_schedules(ask: OrderAsk, policy: PolicyFacts, faults: list[Detail]) -> None:
    """What may be worked over time, and only once; times are checked when it is routed."""
    allowed = policy["allowed_schedules"]
    scheduled = [n for n, one in enumerate(ask.instructions) if isinstance(one, Scheduled)]
    for n in scheduled:
        where = f"execution_instructions[{n}]"
        if ask.instructions[n].strategy not in allowed:
            said = f"Your policy allows {', '.join(allowed)}." if allowed else "It has none."
            faults.append(Detail(f"{where}.strategy", "schedule_not_allowed", said))
        if ask.time_in_force in time_in_force.IMMEDIATE or ask.all_or_none:
            said = "An order that must be filled at once or as a whole has no schedule."
            faults.append(Detail(where, "schedule_needs_time", said))
    for n in scheduled[1:]:
        where = f"execution_instructions[{n}]"
        faults.append(Detail(where, "one_schedule", "An order has one schedule."))


def worse_limit(side: str, of_order: Decimal | None, of_part: Decimal | None) -> bool:
    """Whether a part's limit is worse for the client than the order's own."""
    if of_order is None or of_part is None:
        return False
    return of_part > of_order if side == "buy" else of_part < of_order


def _accounts(
    ask: OrderAsk, organization: str, policy: PolicyFacts, faults: list[Detail]
) -> tuple[AccountFacts, ...]:
    if ask.allocation is not None:
        named = [
            (f"allocations.account_allocations[{n}].account_id", one.account_id)
            for n, one in enumerate(ask.allocation.accounts)
        ]
        if ask.account_id:
            faults.append(
                Detail(
                    "account_id",
                    "account_and_allocations",
                    "Leave account_id empty when allocations are given.",
                )
            )
    elif ask.account_id:
        named = [("account_id", ask.account_id)]
    elif post_trade.is_allowed(policy):
        # For whom it is will be entered afterward; its fills lie in suspense until then.
        return ()
    else:
        faults.append(Detail("account_id", "account_required", "Give an account, or allocations."))
        return ()
    found = []
    for field, name in named:
        account = accounts.find_account(organization, name)
        if account is None:
            faults.append(Detail(field, "account_not_found", f"No account {name!r} here."))
        else:
            found.append(account)
    return tuple(found)


def _parties(
    ask: OrderAsk, organization: str, found: tuple[AccountFacts, ...], faults: list[Detail]
) -> dict[str, str | None]:
    first = found[0] if found else None
    risk_group = ask.risk_group_id or (first.risk_group_id if first else None)
    custodian = ask.custodian_id or (
        first.custodian_id if first and ask.allocation is None else None
    )
    if ask.risk_group_id and accounts.find_risk_group(organization, ask.risk_group_id) is None:
        faults.append(Detail("risk_group_id", "risk_group_not_found", "No such risk group."))
    if ask.ib_id and accounts.find_ib(organization, ask.ib_id) is None:
        faults.append(Detail("ib_id", "ib_not_found", "No such introducing broker."))
    if ask.custodian_id and accounts.find_custodian(ask.custodian_id) is None:
        faults.append(Detail("custodian_id", "custodian_not_found", "No such custodian."))
    return {
        "ib_id": ask.ib_id,
        "risk_group_id": risk_group,
        "custodian_id": custodian,
    }
