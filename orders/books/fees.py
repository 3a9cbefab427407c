"""Fees with a cap that a bust has freed: what is not as the schedule says stands in a break.

The due is worked out here in one sum, not fill by fill: the uncapped fees of the fills that stand,
each fee up to its cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from allocations import fees
from allocations.fees import Fee
from orders import charges, fee_breaks, fee_gaps, fills
from orders.books.statements import Question, ask, rows
from orders.books.verdicts import Check, Run, Tally
from orders.fee_entries import KIND
from orders.models import Break, Execution, ExecutionOrder, Order

ZERO = Decimal("0.00")
BATCH = 500
# Those whose fills are still being split have their break with that split.
_BUSTED = """
SELECT o.id FROM orders_order o WHERE {scope}
    AND EXISTS (SELECT 1 FROM orders_execution x WHERE x.order_id = o.id AND x.qty < 0)
    AND NOT EXISTS (SELECT 1 FROM orders_allocationdue d WHERE d.order_id = o.id)
ORDER BY o.id
"""
_CLOSED = f"""
FROM orders_break b JOIN orders_order o ON o.id = b.order_id
JOIN orders_adjustment a ON a.explained_id = b.id,
    jsonb_array_elements(b.figures -> 'accounts') f
WHERE {{scope}} AND b.kind = '{KIND}' AND b.reason_code = '{Break.Reason.OURS.value}'
"""
_POSTED = Question(
    f"SELECT count(*) {_CLOSED}",
    f"""SELECT b.id, format('%%s of %%s was not charged', f ->> 'amount', f ->> 'account')
    {_CLOSED} AND NOT EXISTS (SELECT 1 FROM allocations_transaction t
        WHERE t.id = a.evidence -> 'transactions' ->> (f ->> 'account_id')
            AND t.account_id = f ->> 'account_id' AND t.amount = -(f ->> 'amount')::numeric
            AND t.decision = 'applied')""",
)


def _freed(run: Run) -> Tally:
    tally = Tally()
    ids = [key for (key,) in rows(run, _BUSTED)]
    for n in range(0, len(ids), BATCH):
        some = ids[n : n + BATCH]
        made = fills.of_orders(some)
        below: dict[str, list[ExecutionOrder]] = {key: [] for key in some}
        for row in ExecutionOrder.objects.filter(order_id__in=some):
            below[row.order_id].append(row)
        for order in Order.objects.filter(id__in=some).order_by("id"):
            tally.looked_at += 1
            for key, what in _differs(order, below[order.id], made[order.id]):
                tally.differs(key, what)
        run.tell(min((n + BATCH) / len(ids), 1.0))
    return ask(run, (_POSTED,), tally)


def _differs(
    order: Order, below: Sequence[ExecutionOrder], made: Sequence[Execution]
) -> list[tuple[str, str]]:
    own = {row.id: row for row in below if row.fees}
    found = []
    for gap in fee_gaps.of(order, below, made):
        mine = Break.objects.filter(organization_id=order.organization_id, kind=KIND, key=gap.key)
        if gap.due is None:
            if not mine.exists():
                found.append((gap.key, "fees of another schedule than today's, and no break"))
            continue
        charged = fees.parse(charges.given(order, own.get(gap.key)))
        scope = [
            fill
            for fill in charges.standing(made)
            if (fill.execution_order_id if fill.execution_order_id in own else order.id) == gap.key
        ]
        cost, due = sum((fill.fees for fill in scope), ZERO), _due(order, charged, scope)
        settled = sum(fee_breaks.settled(order.organization_id, gap.key).values(), ZERO)
        figures = mine.filter(closed_at=None).values_list("figures", flat=True).first() or {}
        told = sum((Decimal(one["amount"]) for one in figures.get("accounts", ())), ZERO)
        if due - cost - settled != told:
            text = f"charged {cost}, settled {settled}, due {due}; its break says {told}"
            found.append((gap.key, text))
    return found


def _due(order: Order, charged: Sequence[Fee], scope: Sequence[Execution]) -> Decimal:
    due = ZERO
    for fee in charged:
        free = replace(fee, max_fee_amount=None)
        whole = sum((charges.cost_of(order, [free], fill, [ZERO])[0] for fill in scope), ZERO)
        due += whole if fee.max_fee_amount is None else min(whole, fee.max_fee_amount)
    return due


CHECKS = (
    Check(
        "capped_fees_are_due_or_in_a_break",
        "Fills that stand after a bust are charged what the schedule says of them, or a break says"
        " what they are not; what such a break charged was posted, account by account.",
        _freed,
    ),
)
