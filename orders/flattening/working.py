"""The orders of what two people agreed on: through the ordinary door, batch by batch, each once.

The lines are the queue. An order names its line, of which the database allows one, so whatever is
killed in between goes on where it stopped; and none is larger than what is free at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count

from controls.models import Halt
from oms_site.firm import generation, principals
from oms_site.firm.principals import Principal
from oms_site.journal import actors, draining, events, unit
from oms_site.kit import clock, correlation
from oms_site.kit.errors import OmsError
from orders import desk
from orders.flattening import proposing, sizing
from orders.models import Flatten, FlattenLine, Order
from orders.models.flatten import NOTHING, ORDERED, OUTCOMES, REFUSED, REVIEW
from orders.requests import OrderAsk, Result, SubmitRequest
from orders.states import OrderStatus
from venues import instruments

AT_ONCE = 100
_by = actors.system("flattening")
_NOTE = """
UPDATE orders_flattenline l SET outcome = s.outcome, reason = s.reason
FROM unnest(%s::text[], %s::text[], %s::text[]) AS s(id, outcome, reason)
WHERE l.id = s.id AND l.outcome = ''
"""
_Said = dict[str, tuple[str, str]]  # outcome and reason by line


def drain() -> int:
    """Order what is due of every approved proposal. Returns how many lines were worked."""
    generation.check()
    due = Flatten.objects.filter(decision=Flatten.Decision.APPROVED, done_at=None)
    return draining.each(due.order_by("decided_at", "id"), _drain, aside=_tell_people)


def _tell_people(row: Flatten, error: Exception) -> None:
    """One that cannot go on holds up no other, and is tried again at the next look."""
    draining.tell("flatten", row.id, error, organization_id=row.organization_id)


def _drain(row: Flatten) -> int:
    at = clock.now()
    due = list(row.lines.filter(outcome="").order_by("number")[:AT_ONCE])
    # Whose approval it was, its orders say too.
    with correlation.within(events.asked_in(row.id)):
        said = _halt_gone(row, due) or _work(row, due, at=at)
    _note(said)
    if not row.lines.filter(outcome="").exists():
        _finish(row, at=at)
    return len(due)


def _halt_gone(row: Flatten, due: Sequence[FlattenLine]) -> _Said:
    """What becomes of lines whose halt has gone: nothing of them is ordered any more."""
    try:
        proposing.require_reducing(Halt.objects.get(pk=row.halt_id))
    except OmsError as over:
        gone = {line.id: (NOTHING, over.message) for line in due}
        return {**gone, **{name: _of(order) for name, order in made(due).items()}}
    return {}


def _work(row: Flatten, due: Sequence[FlattenLine], *, at: datetime) -> _Said:
    before = made(due)
    waiting = [line for line in due if line.id not in before]
    sizes = _sizes(row, waiting, at=at)
    orders = [line for line in waiting if sizes[line.id]]
    person = principals.of_user(row.proposed_by, via="flatten")
    results = desk.submit([_request(line, sizes[line.id], person, at) for line in orders])
    said: _Said = {line.id: (NOTHING, "Nothing of it is left.") for line in waiting}
    for line, result in zip(orders, results, strict=True):
        said[line.id] = _refusal(result)
    # What another worker ordered meanwhile counts as well: an order names its line.
    said.update((name, _of(order)) for name, order in made(due).items())
    return said


def _sizes(row: Flatten, waiting: Sequence[FlattenLine], *, at: datetime) -> Mapping[str, Decimal]:
    keys = {line.id: (line.account_id, line.instrument_id) for line in waiting}
    free = sizing.free(row.organization_id, list(keys.values()), at=at) if keys else {}
    sizes = {}
    for line in waiting:
        rest = free[keys[line.id]] * (1 if line.side == "sell" else -1)
        facts = instruments.by_id(line.instrument_id)
        sizes[line.id] = sizing.whole_steps(min(line.qty, max(rest, Decimal(0))), facts)
    return sizes


def _request(line: FlattenLine, qty: Decimal, by: Principal, at: datetime) -> SubmitRequest:
    facts = instruments.by_id(line.instrument_id)
    ask = OrderAsk(
        instrument_id=facts.cusip,
        side=line.side,
        ord_type="market" if line.limit_price is None else "limit",
        amount_type=facts.amount_type,
        qty=qty,
        limit_price=line.limit_price,
        client_order_id=f"flatten-{line.id}",
        account_id=line.account_id,
        annotation="Closes a position out.",
        flatten_line=line.id,
    )
    return SubmitRequest(ask, by, at)


def _of(order: Order) -> tuple[str, str]:
    if order.status == OrderStatus.REJECTED and order.reject_code:
        return REFUSED, f"{order.reject_code}: {order.reject_reason}"
    return (REVIEW, "") if order.status == OrderStatus.PENDING_APPROVAL else (ORDERED, "")


def _refusal(result: Result) -> tuple[str, str]:
    if result.error is None:
        return ORDERED, ""
    said = [one.message for one in result.error.details] or [result.error.message]
    return REFUSED, f"{result.error.code}: {' '.join(said)}"


def _note(said: _Said) -> None:
    if said:
        columns = zip(*((key, word, why[:500]) for key, (word, why) in said.items()), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [list(column) for column in columns])


def _finish(row: Flatten, *, at: datetime) -> None:
    with unit.work(by=_by, at=at) as work:
        held = work.lock(Flatten, [row.id])[row.id]
        if held.done_at is None:
            held.done(at=at)
            proposing.tell(work, held, "flatten_done", **counts(held))


def counts(row: Flatten) -> dict[str, int]:
    """How many of its lines have come to what; `due` are those still to be worked."""
    found = dict.fromkeys(("due", *OUTCOMES), 0)
    for outcome, lines in row.lines.values_list("outcome").annotate(Count("id")):
        found[outcome or "due"] = lines
    return found


def made(lines: Sequence[FlattenLine]) -> dict[str, Order]:
    """The orders that name these lines, by line."""
    rows = Order.objects.filter(flatten_line_id__in=[line.id for line in lines])
    return {str(row.flatten_line_id): row for row in rows}
