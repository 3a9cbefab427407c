"""A venue's reports in any order, any batches and any number of times move the same shares once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_site.kit.numbers import round_fraction
from orders.models import Break, Execution, ExecutionOrder, VenueOrder
from tests import effort, trading
from venues import messages
from venues.messages import ExecType, OrdStatus, StatusRequest
from venues.models import Inbound, Outbound

D = Decimal
fills = st.lists(
    st.tuples(st.integers(1, 3), st.decimals(min_value=97, max_value=101, places=3)),
    min_size=1,
    max_size=5,
)


def _said(
    child: VenueOrder, moves: Sequence[tuple[int, Decimal]], busted: set[int], ending: str
) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """The venue's reports, and pairs of them whose order is given by nature: no bust before."""
    cum, said, before = D(0), [], []
    said.append(trading.report(child, ExecType.NEW))
    trades = []
    for qty, price in moves:
        cum += qty * 1000
        trades.append(trading.fill(child, qty * 1000, cum=cum, last_px=price))
    said += trades
    for n in sorted(busted):
        if n < len(trades):
            bust = trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=trades[n].exec_id)
            said.append(bust)
            before.append((trades[n], bust))
    if ending:
        how = ExecType.CANCELED if ending == "canceled" else ExecType.EXPIRED
        status = OrdStatus.CANCELED if ending == "canceled" else OrdStatus.EXPIRED
        said.append(trading.report(child, how, ord_status=status, cum_qty=cum))
    return said, before


def _mixed(said: list[Any], before: list[tuple[Any, Any]], seed: int) -> list[Any]:
    """Shuffled, with repetitions, keeping what must come first ahead."""
    dice = random.Random(seed)
    mixed = list(said)
    dice.shuffle(mixed)
    for trade, bust in before:
        a, b = mixed.index(trade), mixed.index(bust)
        if a > b:
            mixed[a], mixed[b] = mixed[b], mixed[a]
    again = [one for one in mixed if dice.random() < 0.4]
    for one in again:
        mixed.insert(dice.randint(mixed.index(one) + 1, len(mixed)), one)
    return mixed


def _in_batches(mixed: list[Any], sizes: list[int]) -> None:
    n = 0
    while mixed:
        size = sizes[n % len(sizes)]
        trading.receive(*mixed[:size])
        mixed, n = mixed[size:], n + 1


def _answer_questions(
    child: VenueOrder,
    said: list[Any],
    moves: Sequence[tuple[int, Decimal]],
    busted: set[int],
    ending: str,
) -> None:
    """A venue that told of its end before its trades is asked what became of the order."""
    bodies = Outbound.objects.filter(venue_id=trading.VENUE).values_list("body", flat=True)
    asked = any(isinstance(messages.decode_outgoing(b), StatusRequest) for b in bodies)
    if asked and ending:
        cum = sum((D(qty * 1000) for n, (qty, _) in enumerate(moves) if n not in busted), D(0))
        status = said[-1].ord_status
        trading.receive(
            trading.report(child, ExecType.ORDER_STATUS, ord_status=status, cum_qty=cum)
        )


@settings(
    max_examples=effort.examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    moves=fills,
    busted=st.sets(st.integers(0, 4), max_size=2),
    ending=st.sampled_from(["", "canceled", "expired"]),
    seed=st.integers(0, 10**9),
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
def test_any_order_of_reports_ends_in_the_same_position(
    sandbox: datetime,
    moves: list[tuple[int, Decimal]],
    busted: set[int],
    ending: str,
    seed: int,
    sizes: list[int],
) -> None:
    with trading.for_this_example():
        _check(moves, busted, ending, seed, sizes)


def _check(
    moves: list[tuple[int, Decimal]], busted: set[int], ending: str, seed: int, sizes: list[int]
) -> None:
    child = trading.routed(qty=D(6000))
    said, before = _said(child, moves, busted, ending)
    _in_batches(_mixed(said, before, seed), sizes)
    _answer_questions(child, said, moves, busted, ending)
    live = [move for n, move in enumerate(moves) if n not in busted]
    cum = sum((D(qty * 1000) for qty, _ in live), D(0))
    gross = sum((Fraction(qty * 1000) * Fraction(price) for qty, price in live), Fraction(0))
    order = trading.order(child.order_id)
    assert order.cum_qty == cum
    assert Fraction(order.gross) == gross
    assert order.avg_px == (round_fraction(gross / Fraction(cum), places=10) if cum else None)
    assert Execution.objects.filter(order=order).count() == len(moves) + len(
        [n for n in busted if n < len(moves)]
    )
    child = VenueOrder.objects.get(pk=child.pk)
    assert child.cum_qty == ExecutionOrder.objects.get(order=order).cum_qty == cum
    over = ending and cum < 6000
    assert (
        (str(child.status) == ending)
        if over
        else (str(child.status) not in {"canceled", "expired"})
    )
    trading.check_tree(order.id)
    verdicts = set(Inbound.objects.values_list("verdict", flat=True))
    assert verdicts <= {"applied", "duplicate", "noted"}
    assert not Break.objects.filter(kind="exec_id_conflict").exists()
