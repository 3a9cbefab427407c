"""Legs that exclude each other never go to market together for more than is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import trailing
from orders.contingent import planning
from orders.contingent.planning import Leg

D = Decimal
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
QTY = 10


class Desk:
    """A bracket with venues that fill, cancel and refuse as they like, and messages in flight."""

    def __init__(self, *, with_parent: bool) -> None:
        self.parent = Leg("p", "parent", "pending_execution", D(QTY)) if with_parent else None
        role = ("take_profit", "stop_loss") if with_parent else ("leg", "leg")
        self.legs = {
            "a": Leg("a", role[0], "pending_execution", D(QTY)),
            "b": Leg("b", role[1], "pending_execution", D(QTY), waits_for_price=True),
        }
        self.asked: set[str] = set()

    @property
    def filled(self) -> Decimal:
        return sum((leg.filled for leg in self.legs.values()), D(0))

    def all(self) -> list[Leg]:
        return [*([self.parent] if self.parent else []), *self.legs.values()]

    def due(self) -> Decimal:
        return self.parent.filled if self.parent else D(QTY)

    def settle(self) -> None:
        made = planning.plan(self.all())
        for leg, qty, armed in list(planning.changes(self.all(), made)):
            if leg.role != "parent":
                self.legs[leg.id] = replace(leg, released=qty, armed=armed)
            else:
                self.parent = replace(leg, released=qty)
        for name in made.stop:
            self._stop(name)

    def _stop(self, name: str) -> None:
        if name not in self.legs:
            return
        leg = self.legs[name]
        if leg.working:
            self.asked.add(name)
        elif not leg.over:
            self.legs[name] = replace(leg, status="canceled")

    def route(self, name: str) -> None:
        leg = self.legs[name]
        free = leg.released - leg.filled - leg.working
        if not leg.over and not leg.waits_for_price and name not in self.asked and free > 0:
            self.legs[name] = replace(leg, working=leg.working + free)

    def fill(self, name: str, qty: int) -> None:
        leg = self.legs[name]
        done = min(D(qty), leg.working)
        filled = leg.filled + done
        status = "filled" if filled == leg.qty else leg.status
        self.legs[name] = replace(leg, filled=filled, working=leg.working - done, status=status)

    def cancel(self, name: str) -> None:
        leg = self.legs[name]
        if name in self.asked and not leg.over:
            self.legs[name] = replace(leg, working=D(0), status="canceled")

    def refuse(self, name: str) -> None:
        self.asked.discard(name)

    def trigger(self, name: str, at: int) -> None:
        leg = self.legs[name]
        if leg.armed and not leg.over and leg.waits_for_price:
            moment = NOON + timedelta(seconds=at)
            self.legs[name] = replace(leg, waits_for_price=False, triggered_at=moment)

    def enter(self, qty: int) -> None:
        if self.parent is None or self.parent.released == 0:
            return
        filled = min(self.parent.filled + qty, self.parent.qty)
        status = "filled" if filled == self.parent.qty else self.parent.status
        self.parent = replace(self.parent, filled=filled, status=status)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["settle", "route", "fill", "cancel", "refuse", "trigger", "enter"]),
        st.sampled_from(["a", "b"]),
        st.integers(1, QTY),
    ),
    max_size=60,
)


@given(steps=STEPS, with_parent=st.booleans())
def test_whatever_the_order_of_messages_the_legs_never_exceed_what_is_due(
    steps: list[tuple[str, str, int]], with_parent: bool
) -> None:
    desk = Desk(with_parent=with_parent)
    for n, (what, name, qty) in enumerate(steps):
        match what:
            case "settle":
                desk.settle()
            case "route":
                desk.route(name)
            case "fill":
                desk.fill(name, qty)
            case "cancel":
                desk.cancel(name)
            case "refuse":
                desk.refuse(name)
            case "trigger":
                desk.trigger(name, n)
            case "enter":
                desk.enter(qty)
        assert desk.filled <= desk.due()
        together = sum((leg.exposed for leg in desk.legs.values()), D(0))
        assert together <= desk.due()
        assert sum((leg.released for leg in desk.legs.values()), D(0)) <= QTY
        assert planning.plan(desk.all()).excess == 0


@given(steps=STEPS)
def test_left_alone_a_list_comes_to_rest_with_one_leg_at_most_at_work(
    steps: list[tuple[str, str, int]],
) -> None:
    desk = Desk(with_parent=False)
    for n, (what, name, qty) in enumerate(steps):
        if what == "fill":
            desk.fill(name, qty)
        elif what == "trigger":
            desk.trigger(name, n)
        else:
            desk.settle()
        desk.route(name)
    for _ in range(5):
        desk.settle()
        for name in ("a", "b"):
            desk.cancel(name)
            desk.route(name)
    working = [leg for leg in desk.legs.values() if leg.working]
    assert len(working) <= 1
    done = planning.plan(desk.all())
    assert not list(planning.changes(desk.all(), done))


def test_a_bust_that_leaves_legs_with_more_than_is_due_is_told() -> None:
    parent = Leg("p", "parent", "partially_filled", D(10), filled=D(4))
    child = Leg("c", "child", "pending_execution", D(10), working=D(10), released=D(10))
    made = planning.plan([parent, child])
    assert (made.excess, made.released["c"]) == (D(6), D(10))


@given(
    side=st.sampled_from(["buy", "sell"]),
    prices=st.lists(st.decimals("1", "200", places=3), min_size=1, max_size=40),
    amount=st.none() | st.decimals("0.001", "5", places=3),
    percent=st.decimals("0.1", "50", places=2),
)
def test_the_mark_and_the_level_are_never_loosened(
    side: str, prices: list[Decimal], amount: Decimal | None, percent: Decimal
) -> None:
    mark = level = None
    for price in prices:
        was_mark, was = mark, level
        mark = trailing.better(side, mark, price)
        level = trailing.nearer(
            side, level, trailing.level_of(side, mark, amount=amount, percent=percent)
        )
        assert level > 0
        if was is not None and was_mark is not None:
            assert (level >= was, mark >= was_mark) == (True, True) or side == "buy"
            assert (level <= was, mark <= was_mark) == (True, True) or side == "sell"


def _child(role: str, **changes: Any) -> Leg:
    terms: dict[str, Any] = {"status": "pending_execution", "qty": D(10_000)}
    sizes: dict[str, Any] = {"least": D(2_000), "increment": D(1_000)}
    return Leg(id="c", role=role, **{**terms, **sizes, **changes})


def _entry(filled: int) -> Leg:
    status = "filled" if filled == 10_000 else "partially_filled"
    return Leg("p", "parent", status, D(10_000), filled=D(filled))


@pytest.mark.parametrize("role", ["child", "take_profit"])
@pytest.mark.parametrize(
    ("filled", "exposed", "released"),
    [
        (1_000, 0, 0),  # less than trades at all
        (2_000, 0, 2_000),
        (5_000, 4_000, 4_000),  # one more is less than trades
        (6_000, 4_000, 6_000),
        (9_000, 0, 8_000),  # the last one alone would never trade
        (9_000, 8_000, 8_000),
        (9_000, 9_000, 9_000),  # what has gone is not called back
        (10_000, 8_000, 10_000),
        (10_000, 9_000, 10_000),
    ],
)
def test_what_is_let_go_and_what_is_left_can_both_trade(
    role: str, filled: int, exposed: int, released: int
) -> None:
    child = _child(role, working=D(exposed), released=D(exposed))
    assert planning.plan([_entry(filled), child]).released["c"] == released


def test_legs_that_exclude_each_other_keep_back_together_what_could_not_trade() -> None:
    """What the one has filled on its way out counts as gone for the other."""
    profit = _child("take_profit", filled=D(6_000), status="canceled")
    loss = replace(_child("stop_loss"), id="b", triggered_at=NOON)
    made = planning.plan([_entry(7_000), profit, loss])
    assert (made.released["b"], made.excess) == (D(0), D(0))
    made = planning.plan([_entry(9_000), profit, loss])
    assert made.released["b"] == D(2_000)
    made = planning.plan([_entry(10_000), profit, loss])
    assert made.released["b"] == D(4_000)


@given(
    steps=st.lists(st.integers(1, 10), min_size=1, max_size=10),
    least=st.sampled_from([1, 2, 3]),
    role=st.sampled_from(["child", "take_profit"]),
)
def test_every_piece_that_is_let_go_can_trade_and_the_last_one_too(
    steps: list[int], least: int, role: str
) -> None:
    child = _child(role, qty=D(10), least=D(least), increment=D(1))
    filled = 0
    for n in [*steps, 10]:
        filled = min(filled + n, 10)
        parent = replace(_entry(0), qty=D(10), filled=D(filled))
        released = planning.plan([parent, child]).released["c"]
        piece = released - child.exposed
        assert piece == 0 or piece >= least
        assert released <= filled
        assert released == 10 or 10 - released >= least
        child = replace(child, released=released, working=released)
    assert child.released == 10
