"""Cancel, fill and replace in every order of delivery, with repeats: the end is the venue's facts.

Each story is a handful of messages that a venue sent; it is told in every order that nature allows,
each message twice, and then the venue is asked. What we have must be what the facts fold to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any, NamedTuple

import pytest

from oms_site.kit import clock
from orders import desk
from orders.models import ExecutionOrder, Replacement, VenueOrder
from tests import policies, trading
from tests.integration.replacing import story
from venues.messages import ExecType, OrdStatus, Report

D = Decimal
ENDED = {OrdStatus.CANCELED: "canceled", OrdStatus.EXPIRED: "expired"}


class Told(NamedTuple):
    """What the venue sent; `facts` are shares, the last confirmed quantity, and how it ended."""

    messages: Sequence[Report]
    fills: Sequence[int]
    qty: int
    ended: OrdStatus | None = None
    first: Sequence[tuple[int, int]] = ()  # which message nature puts before which


def _new(child: VenueOrder, leg: str) -> dict[str, Any]:
    return {"cl_ord_id": leg, "orig_cl_ord_id": child.id}


def _fill(child: VenueOrder, qty: int, cum: int, cl: str, whole: int) -> Report:
    status = OrdStatus.FILLED if cum >= whole else OrdStatus.PARTIALLY_FILLED
    report: Report = trading.fill(
        child, qty, cum=cum, cl_ord_id=cl, order_qty=D(whole), ord_status=status
    )
    return report


def _gone(child: VenueOrder, cum: int, orig: str, whole: int) -> Report:
    terms = {"ord_status": OrdStatus.CANCELED, "cum_qty": D(cum), "leaves_qty": D(0)}
    names = {"cl_ord_id": "vc", "orig_cl_ord_id": orig, "order_qty": D(whole)}
    return trading.report(child, ExecType.CANCELED, **terms, **names)


def _replaced(child: VenueOrder, leg: str, cum: int, qty: int) -> Report:
    status = OrdStatus.FILLED if cum >= qty else OrdStatus.NEW
    terms = {"order_qty": D(qty), "cum_qty": D(cum), "ord_status": status}
    return trading.report(child, ExecType.REPLACED, **terms, **_new(child, leg))


def more_between_fills(order_id: str, child: VenueOrder) -> Told:
    story.amend(order_id, qty=12_000)
    leg = story.leg(order_id).id
    return Told(
        [
            trading.report(child, ExecType.NEW),
            _fill(child, 2000, 2000, child.id, 10_000),
            _replaced(child, leg, 2000, 12_000),
            _fill(child, 3000, 5000, leg, 12_000),
        ],
        [2000, 3000],
        12_000,
    )


def more_and_then_the_end(order_id: str, child: VenueOrder) -> Told:
    story.amend(order_id, qty=12_000, limit_price="99.6")
    leg = story.leg(order_id).id
    desk.cancel([order_id], by=trading.person(), at=clock.now())
    return Told(
        [
            _fill(child, 2000, 2000, child.id, 10_000),
            _replaced(child, leg, 2000, 12_000),
            _fill(child, 1000, 3000, leg, 12_000),
            _gone(child, 3000, leg, 12_000),
        ],
        [2000, 1000],
        12_000,
        OrdStatus.CANCELED,
    )


def complete_before_the_request_came(order_id: str, child: VenueOrder) -> Told:
    story.amend(order_id, qty=12_000)
    return Told(
        [
            trading.report(child, ExecType.NEW),
            _fill(child, 4000, 4000, child.id, 10_000),
            _fill(child, 6000, 10_000, child.id, 10_000),
            story.refused(order_id, reason=0),
        ],
        [4000, 6000],
        10_000,
    )


def less_than_it_had_done(order_id: str, child: VenueOrder) -> Told:
    story.amend(order_id, qty=7000)
    leg = story.leg(order_id).id
    return Told(
        [
            trading.report(child, ExecType.NEW),
            _fill(child, 3000, 3000, child.id, 10_000),
            _fill(child, 5000, 8000, child.id, 10_000),
            _replaced(child, leg, 8000, 8000),
        ],
        [3000, 5000],
        8000,
    )


def refused_and_then_the_end(order_id: str, child: VenueOrder) -> Told:
    story.amend(order_id, qty=12_000)
    return Told(
        [
            _fill(child, 2000, 2000, child.id, 10_000),
            story.refused(order_id),
            _fill(child, 1000, 3000, child.id, 10_000),
            _gone(child, 3000, child.id, 10_000),
        ],
        [2000, 1000],
        10_000,
        OrdStatus.CANCELED,
    )


def a_bust_across_the_replace(order_id: str, child: VenueOrder) -> Told:
    story.amend(order_id, qty=12_000)
    leg = story.leg(order_id).id
    first = trading.fill(child, 2000, cum=2000)
    bust = trading.report(
        child,
        ExecType.TRADE_CANCEL,
        exec_ref_id=first.exec_id,
        cl_ord_id=leg,
        cum_qty=D(1000),
        order_qty=D(12_000),
    )
    return Told(
        [
            first,
            _replaced(child, leg, 2000, 12_000),
            _fill(child, 1000, 3000, leg, 12_000),
            bust,
        ],
        [1000],
        12_000,
        first=[(0, 3)],
    )


def acknowledged_taken_filled_and_gone(order_id: str, child: VenueOrder) -> Told:
    told = more_and_then_the_end(order_id, child)
    return told._replace(messages=[trading.report(child, ExecType.NEW), *told.messages])


def both_requests_too_late(order_id: str, child: VenueOrder) -> Told:
    story.amend(order_id, qty=12_000)
    desk.cancel([order_id], by=trading.person(), at=clock.now())
    return Told(
        [
            trading.report(child, ExecType.NEW),
            _fill(child, 4000, 4000, child.id, 10_000),
            _fill(child, 6000, 10_000, child.id, 10_000),
            story.refused(order_id, reason=0),
            trading.cancel_refused(child, reason=0),
        ],
        [4000, 6000],
        10_000,
    )


def a_bust_of_what_the_acknowledged_order_did(order_id: str, child: VenueOrder) -> Told:
    told = a_bust_across_the_replace(order_id, child)
    messages = [*told.messages, trading.report(child, ExecType.NEW)]
    return told._replace(messages=messages)


STORIES: list[Callable[[str, VenueOrder], Told]] = [
    more_between_fills,
    more_and_then_the_end,
    complete_before_the_request_came,
    less_than_it_had_done,
    refused_and_then_the_end,
    a_bust_across_the_replace,
    acknowledged_taken_filled_and_gone,
    both_requests_too_late,
    a_bust_of_what_the_acknowledged_order_did,
]


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _orders(told: Told) -> Iterator[Sequence[int]]:
    for mixed in permutations(range(len(told.messages))):
        if all(mixed.index(a) < mixed.index(b) for a, b in told.first):
            yield mixed


@pytest.mark.parametrize("tell", STORIES, ids=[one.__name__ for one in STORIES])
def test_every_order_of_delivery_ends_as_the_facts_say(
    tell: Callable[[str, VenueOrder], Told],
) -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    child = trading.execute(order_id, 10_000)
    told = tell(order_id, child)
    assert list(_tell(order_id, child, told, ())) == list(_orders(told))


def _tell(
    order_id: str, child: VenueOrder, told: Told, said: tuple[int, ...]
) -> Iterator[Sequence[int]]:
    """Every order of delivery that begins so; what several have in common is told once."""
    left = [n for n in range(len(told.messages)) if n not in said]
    if not left:
        # Everything comes twice: once in this order, and once more at the end.
        trading.receive(*(told.messages[n] for n in said))
        trading.receive(_status(child, told))
        _check(order_id, child, told, said)
        yield said
    for n in left:
        if any(a in left for a, b in told.first if b == n):
            continue
        with trading.for_this_example():
            trading.receive(told.messages[n])
            yield from _tell(order_id, child, told, (*said, n))


def _status(child: VenueOrder, told: Told) -> Report:
    """The venue's answer to being asked, in the end."""
    leg = story.leg(child.order_id)
    taken = told.qty != 10_000
    cum = sum(told.fills)
    over = told.ended or (OrdStatus.FILLED if cum >= told.qty else OrdStatus.PARTIALLY_FILLED)
    return trading.report(
        child,
        ExecType.ORDER_STATUS,
        ord_status=over,
        cum_qty=D(cum),
        order_qty=D(told.qty),
        leaves_qty=D(0) if told.ended else D(told.qty - cum),
        **(_new(child, leg.id) if taken else {}),
    )


def _check(order_id: str, child: VenueOrder, told: Told, mixed: Sequence[int]) -> None:
    cum = sum(told.fills)
    status = (
        "filled"
        if cum >= told.qty
        else ENDED[told.ended]
        if told.ended
        else "partially_filled"
        if cum
        else "pending_execution"
    )
    order, now = story.order(order_id), VenueOrder.objects.get(pk=child.pk)
    row = ExecutionOrder.objects.get(order_id=order_id)
    left = D(0) if status in {"filled", "canceled"} else D(told.qty - cum)
    for one, qty in ((order, order.order_qty), (row, row.qty), (now, now.qty)):
        assert (str(one.status), one.cum_qty, qty, one.leaves_qty) == (
            status,
            D(cum),
            D(told.qty),
            left,
        ), (mixed, one)
    assert (order.pending, order.amending, order.asked_qty, now.in_doubt) == (
        "",
        "",
        None,
        False,
    ), mixed
    replaced = told.qty != 10_000
    assert str(Replacement.objects.get(order_id=order_id).status) == (
        "replaced" if replaced else "rejected"
    ), mixed
    trading.check_tree(order_id)
