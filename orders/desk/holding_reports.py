"""Reported trades that are far from the market: kept until a second person has looked at them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from oms_site.firm import policies
from oms_site.firm.principals import Principal
from oms_site.journal.unit import Unit
from orders.models import ExecutionOrder, HeldReport
from orders.render import tidy
from orders.tree import Tree
from venues import market_data

RULE, PERCENT = "external_price_percent", "5"
HUNDRED = Decimal(100)


def why(one: Tree, price: Decimal) -> str:
    """Why a trade at this price does not count by itself; empty when it does.

    Measured both ways against the reference price; without one nobody can say that it fits.
    """
    order = one.order
    policy = policies.pinned(order.organization_id, order.policy_id)
    most = Decimal(policy.rules.get(RULE, PERCENT) if policy is not None else PERCENT)
    reference = market_data.reference(order.instrument_id)
    if reference is None:
        return "There is no market price to compare it with."
    distance = abs(price - reference.mid) * HUNDRED
    if distance <= most * reference.mid:
        return ""
    away = (distance / reference.mid).quantize(Decimal("0.01"))
    return (
        f"The price {tidy(price):f} is {away} % from the market's {tidy(reference.mid):f}"
        f" (limit {tidy(most):f} %)."
    )


def hold(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    report: Any,
    *,
    report_id: str,
    exec_id: str,
    reason: str,
    by: Principal,
    at: datetime,
) -> HeldReport:
    """Keep a report for a second person, not yet recorded."""
    held = HeldReport(
        id=report_id,
        organization_id=one.order.organization_id,
        order_id=one.order.id,
        execution_order_id=row.id,
        exec_id=exec_id,
        client_report_id=report.client_id,
        report=msgspec.to_builtins(report),
        reason=reason[:300],
        requested_by_id=by.user_id,
        requested_at=at,
    )
    work.add(held)
    return held
