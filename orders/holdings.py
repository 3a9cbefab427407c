"""Turns fills into postings of the holdings' ledger, and open orders into what they reserve.

A fill of an order for one account moves that account at once, in the fill's own transaction. A
fill of any other order moves the organization's suspense account, and its legs move it on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from allocations.holdings import Reserved, fx, ledger, suspense
from allocations.holdings.posting import Posting, of_trade
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import costs
from orders.may_be import MAY_COST, MAY_LEAVE
from orders.models import Execution, Order
from orders.states import ORDER_TERMINAL
from venues import instruments, market_data

# How far a market price may be from a trade and still prevail for it (FINRA 2121.02(b)).
_CONTEMPORANEOUS = timedelta(minutes=5)
_PAR = Decimal(100)


def book(work: Unit, orders: Mapping[str, Order], *, at: datetime) -> None:
    """Post every execution that this unit has made; `orders` are those executed, by id."""
    fills = [fill for fill in work.added(Execution) if fill.order_id in orders]
    post(work, fills, orders, at=at)


def post(
    work: Unit, fills: Sequence[Execution], orders: Mapping[str, Order], *, at: datetime
) -> None:
    """Post executions, in their order; what has been posted before is left alone."""
    originals = _originals(fills)
    postings = [
        _posting(fill, orders[fill.order_id], originals.get(fill.id), at=at) for fill in fills
    ]
    ledger.post(work, fx.with_legs(postings, at=at), at=at)


def _posting(fill: Execution, order: Order, original: Execution | None, *, at: datetime) -> Posting:
    return of_trade(
        side=order.side,
        qty=fill.qty,
        principal=fill.principal,
        accrued_interest=fill.accrued_interest,
        fees=fill.fees,
        organization_id=order.organization_id,
        account_id=order.account_id or suspense(order.organization_id),
        instrument_id=order.instrument_id,
        currency=instruments.by_id(order.instrument_id).currency,
        kind=str(fill.kind),
        source_id=fill.id,
        reverses=original.id if original else "",
        elsewhere=(original or fill).bypass_trade_booking,
        order_id=order.id,
        price=fill.price,
        trade_date=fill.trade_date,
        settlement_date=fill.settlement_date,
        **_prevailing(fill, order, at=at),
    )


def _prevailing(fill: Execution, order: Order, *, at: datetime) -> dict[str, Any]:
    """The market as the fill came in; nothing of a fill that we hear of later than it was made."""
    known = market_data.reference(order.instrument_id)
    if fill.qty < 0 or known is None or abs(at - fill.executed_at) > _CONTEMPORANEOUS:
        return {}
    return {"pmp": known.mid, "pmp_source": known.source, "pmp_at": known.at}


def _originals(fills: Iterable[Execution]) -> dict[str, Execution]:
    """The execution that each bust takes back, by the bust's id: the latest of that name."""
    busts = [fill for fill in fills if fill.qty < 0]
    if not busts:
        return {}
    order_ids = {fill.order_id for fill in busts}
    made = [*Execution.objects.filter(order_id__in=order_ids, qty__gt=0), *fills]
    by_name: dict[tuple[str, str | None, str, Decimal], Execution] = {}
    for fill in sorted(made, key=lambda one: one.sequence):
        if fill.qty > 0:
            key = (fill.order_id, fill.venue_order_id, fill.exec_id, fill.qty)
            by_name[key] = fill
    found = {}
    for bust in busts:
        for name in (f"{bust.exec_ref_id}+", bust.exec_ref_id):
            original = by_name.get((bust.order_id, bust.venue_order_id, name, -bust.qty))
            if original is not None and original.sequence < bust.sequence:
                found[bust.id] = original
                break
    return found


# --- what open orders would still take -------------------------------------------------------
_PRICE = f"coalesce({MAY_COST}, p.ask_px, p.mid_px, 100)"
_OPEN = f"""
WITH open AS (
    SELECT o.id, o.account_id, o.side, o.instrument_id, i.currency, o.order_qty,
        {MAY_LEAVE} AS leaves_qty, {MAY_COST} AS price, o.organization_id,
        jsonb_build_array(o.fees) || jsonb_path_query_array(o.execution_instructions, '$[*].fees')
            AS charged, coalesce(o.risk_group_id, '') AS risk_group,
        {MAY_LEAVE} * {_PRICE} * CASE i.asset_class WHEN 'equity' THEN 1 ELSE 0.01 END AS money
    FROM orders_order o JOIN venues_instrument i ON i.id = o.instrument_id
    LEFT JOIN venues_referenceprice p ON p.instrument_id = o.instrument_id
    WHERE o.status NOT IN ({", ".join(f"'{s.value}'" for s in sorted(ORDER_TERMINAL))})
        AND o.leaves_qty > 0
), shared AS (
    SELECT o.account_id, o.side, o.instrument_id, o.currency, o.leaves_qty AS qty, o.money,
        o.price, o.organization_id, o.charged, o.risk_group
    FROM open o WHERE o.account_id = ANY(%(accounts)s)
    UNION ALL
    SELECT c.account_id, o.side, o.instrument_id, o.currency,
        o.leaves_qty * c.requested_qty / o.order_qty, o.money * c.requested_qty / o.order_qty,
        o.price, o.organization_id, o.charged, o.risk_group
    FROM open o JOIN allocations_allocation a ON a.order_id = o.id
    JOIN allocations_accountallocation c ON c.allocation_id = a.id
    WHERE o.account_id IS NULL AND c.account_id = ANY(%(accounts)s)
)
SELECT account_id, side, instrument_id, currency, round(sum(qty), 6), round(sum(money), 2),
    organization_id, charged, risk_group, count(*), sum(qty) FILTER (WHERE price IS NULL),
    sum(qty * price), max(price)
FROM shared GROUP BY account_id, side, instrument_id, currency, organization_id, charged, risk_group
"""


def reservations(account_ids: Collection[str]) -> Reserved:
    """Cash of open buys at their limit (else the ask), securities of open sells: one query.

    Accrued interest to settlement and fees are kept for them too. A block order reserves for each
    of its accounts by its share.
    """
    at = clock.now()
    cash: dict[tuple[str, str], Decimal] = {}
    securities: dict[tuple[str, int], Decimal] = {}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"accounts": sorted(set(account_ids))})
        for account_id, side, instrument_id, currency, qty, money, *more in cursor.fetchall():
            if side == "buy":
                key = (account_id, currency)
                organization_id, charged, risk_group, orders, *sums = more
                extra = costs.of_sums(
                    organization_id,
                    instrument_id,
                    (qty, *sums),
                    charged,
                    risk_group,
                    orders,
                    at=at,
                    without_price=_PAR,
                )
                assert extra is not None
                cash[key] = cash.get(key, Decimal("0.00")) + money + extra
            else:
                one = (account_id, instrument_id)
                securities[one] = securities.get(one, Decimal(0)) + qty
    return Reserved(cash, securities)
