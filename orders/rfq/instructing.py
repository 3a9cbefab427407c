"""Execution orders of the protocol `rfq`: what is checked before one is made, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit.errors import Detail, NotFound, OmsError, refuse
from orders.models import ExecutionOrder, Quote
from orders.requests import AutoEx, Instruction, QuoteHit
from orders.rfq import asking, criteria, hitting, inquiry
from orders.rfq.asking import RfqAsk
from orders.rfq.criteria import Criteria
from orders.rfq.inquiry import Inquiry
from orders.tree import Tree

AUTO_EX = ("rfq", "auto_ex")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do once the execution order exists: hit a quote, or ask dealers."""

    asked: Inquiry | None = None
    quote: Quote | None = None
    ask: RfqAsk | None = None
    criteria: Criteria | None = None


def prepare(work: Unit, one: Tree, instruction: Instruction, *, at: datetime) -> Plan | None:
    """Check what an instruction asks of dealers; None when it asks nothing of them.

    Raises `OmsError` with the code of the fault.
    """
    if isinstance(instruction, QuoteHit):
        return _hit(work, one, instruction, at)
    if (instruction.protocol, instruction.strategy) == AUTO_EX:
        return _automatic(one, instruction, at)
    if instruction.protocol == "rfq":
        raise OmsError("quote_required", "A manual RFQ names the quote to hit.", field="quote_id")
    return None


def carry_out(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    plan: Plan | None,
    *,
    by: Actor,
    at: datetime,
    list_id: str = "",
) -> None:
    """Do what was prepared, for the execution order that has just been made."""
    if plan is None:
        return
    if plan.asked is not None and plan.quote is not None:
        hitting.hit(work, plan.asked, plan.quote, row, qty=row.qty, by=by, at=at)
    elif plan.ask is not None:
        ask = msgspec.structs.replace(plan.ask, qty=row.qty)
        asking.make(work, one, ask, by=by, at=at, row=row, criteria=plan.criteria, list_id=list_id)


def _hit(work: Unit, one: Tree, instruction: QuoteHit, at: datetime) -> Plan:
    named = Quote.objects.filter(pk=instruction.quote_id, rfq__order_id=one.order.id)
    rfq_id = named.values_list("rfq_id", flat=True).first()
    asked = inquiry.lock(work, {one.order.id: one}, [rfq_id] if rfq_id else []).get(rfq_id or "")
    quote = asked.find(instruction.quote_id) if asked is not None else None
    if asked is None or quote is None:
        raise NotFound("quote")
    if asked.rfq.execution_order_id is not None:
        raise OmsError("rfq_is_automatic", "Its criteria hit the quotes.", status=409)
    limit, own = instruction.limit_price, instruction.fees
    hitting.check(asked, quote, qty=instruction.qty, limit=limit, at=at, fees=own)
    return Plan(asked=asked, quote=quote)


def _automatic(one: Tree, instruction: Instruction, at: datetime) -> Plan:
    asked = instruction if isinstance(instruction, AutoEx) else None
    rules = criteria.read(asked.criteria) if asked is not None else Criteria()
    ends = at + timedelta(seconds=rules.max_duration_s)
    ask = RfqAsk(
        order_id=one.order.id,
        dealers=asked.dealers if asked is not None else (),
        bidding=asked.bidding if asked is not None else "asap",
        due_time=asked.due_time if asked is not None else None,
        expire_time=min(ends, one.order.expires_at),
    )
    faults: list[Detail] = []
    asking.check_asked(one, ask, at=at, faults=faults)
    _check_reachable(rules, asking.count_chosen(one, ask.dealers), faults)
    refuse(faults)
    return Plan(ask=ask, criteria=rules)


def _check_reachable(rules: Criteria, asked: int, faults: list[Detail]) -> None:
    """Note criteria that wait for more dealers than are asked: they would never be met.

    Nobody to ask at all is a fault of its own.
    """
    if not asked:
        return
    if rules.min_quotes > asked:
        text = f"{rules.min_quotes} quotes are waited for, and {asked} dealers are asked."
        faults.append(Detail("execution_criteria.min_quotes", "min_quotes_unreachable", text))
    if rules.min_dealers > asked:
        text = f"{rules.min_dealers} answers are waited for, and {asked} dealers are asked."
        faults.append(Detail("execution_criteria.min_dealers", "min_dealers_unreachable", text))
