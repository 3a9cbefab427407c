"""A custodian's statement beside our books: what differs is found, what is under way is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from allocations.custodians.port import CustodianCash, CustodianPosition, CustodianStatement
from orders.reconciling import statements
from orders.reconciling.differences import Comparison
from orders.reconciling.standing import Line, Standing

D = Decimal
DAY = date(2026, 11, 23)
HELD = Line("alpha", D(1000), D(600), is_booking=False, is_told=False)
PURSE = Line("alpha", D("-990.10"), D("50.25"), is_booking=False, is_told=False)
OURS = Standing({"A/BOND": HELD}, {"A/USD": PURSE}, heard=7)
THEIRS = CustodianStatement(
    as_of=DAY,
    at=datetime(2026, 11, 23, 15, tzinfo=UTC),
    positions=(CustodianPosition("A", "BOND", D(1000), D(600), 7),),
    cash=(CustodianCash("A", "USD", D("50.25"), D("-990.10"), 7),),
    through=7,
)


def told(key: str) -> tuple[str, str]:
    return "alpha", ""


def compared(
    theirs: CustodianStatement = THEIRS, *, before: Standing = OURS, after: Standing = OURS
) -> dict[str, Comparison]:
    return {
        "positions": statements.positions(before, after, theirs, told=told),
        "settled": statements.settled(before, after, theirs, told=told),
        "cash": statements.cash(before, after, theirs, told=told),
    }


def found(
    theirs: CustodianStatement = THEIRS, *, before: Standing = OURS, after: Standing = OURS
) -> dict[str, list[str]]:
    parts = compared(theirs, before=before, after=after)
    return {one.kind: one.evidence["differs"] for part in parts.values() for one in part.found}


def line(**changes: object) -> CustodianStatement:
    return replace(THEIRS, positions=(replace(THEIRS.positions[0], **changes),))  # type: ignore[arg-type]  # names of its fields


def purse(**changes: object) -> CustodianStatement:
    assert THEIRS.cash is not None
    return replace(THEIRS, cash=(replace(THEIRS.cash[0], **changes),))  # type: ignore[arg-type]  # names of its fields


def standing(*, held: Line = HELD, money: Line = PURSE, heard: int = 7) -> Standing:
    return Standing({"A/BOND": held}, {"A/USD": money}, heard)


def test_two_that_agree_have_no_difference_and_were_compared() -> None:
    parts = compared()
    assert found() == {}
    assert [part.compared for part in parts.values()] == [1, 1, 1]
    assert [part.under_way for part in parts.values()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (line(qty=D(999)), {"position_differs": ["qty"]}),
        (line(settled_qty=D(601)), {"settled_differs": ["settled_qty"]}),
        (purse(settled=D("50.26")), {"cash_differs": ["settled"]}),
        (purse(traded=D("-990.11")), {"cash_differs": ["traded"]}),
        (replace(THEIRS, cash=()), {"cash_not_there": ["settled", "traded"]}),
        (
            replace(THEIRS, positions=()),
            {"position_not_there": ["qty"], "settled_not_there": ["settled_qty"]},
        ),
        (
            replace(THEIRS, cash=(*(THEIRS.cash or ()), CustodianCash("A", "EUR", D("0.01")))),
            {"cash_not_here": ["settled"]},
        ),
    ],
)
def test_a_cent_a_share_and_a_missing_currency_are_found(
    theirs: CustodianStatement, expected: dict[str, list[str]]
) -> None:
    assert found(theirs) == expected


def test_a_flat_line_and_none_at_all_are_the_same() -> None:
    flat = Line("alpha", D(0), D(0), is_booking=False, is_told=False)
    ours = standing(held=flat, money=flat)
    assert found(replace(THEIRS, positions=(), cash=()), before=ours, after=ours) == {}
    nobody = Standing({}, {}, 7)
    empty = replace(
        THEIRS,
        positions=(CustodianPosition("A", "BOND", D(0), D(0)),),
        cash=(CustodianCash("A", "USD", D(0), D(0)),),
    )
    assert found(empty, before=nobody, after=nobody) == {}


def test_who_does_not_say_is_not_compared_and_never_clean() -> None:
    parts = compared(replace(line(settled_qty=None), cash=None))
    assert parts["settled"].unsaid.startswith("not_told")
    assert parts["cash"].unsaid.startswith("not_told")
    assert parts["positions"].unsaid == ""
    # Who tells settled money alone is compared on that.
    one = compared(purse(traded=None, settled=D("50.26")))["cash"]
    assert [difference.ours for difference in one.found] == [{"settled": "50.25"}]


def test_what_moved_here_while_they_answered_is_no_difference() -> None:
    before = standing(held=replace(HELD, traded=D(900)), money=replace(PURSE, settled=D(0)))
    parts = compared(purse(settled=D(0)), before=before)
    assert [part.found for part in parts.values()] == [[], [], []]
    assert [part.under_way for part in parts.values()] == [1, 1, 1]
    gone = Standing({}, {}, 7)
    assert found(after=gone) == {}


def test_what_they_have_settled_and_we_have_not_heard_of_is_no_difference() -> None:
    late = standing(heard=6)
    theirs = replace(line(settled_qty=D(1000)), cash=purse(settled=D("1.00")).cash)
    assert found(theirs, before=late, after=late) == {}
    # The traded side does not depend on it.
    assert found(line(qty=D(1)), before=late, after=late) == {"position_differs": ["qty"]}
    # A flat line is left out: nobody says which message made it so.
    assert found(replace(THEIRS, positions=(), cash=()), before=late, after=late) == {
        "position_not_there": ["qty"],
        "cash_not_there": ["traded"],
    }


def test_a_booking_that_waits_makes_the_traded_side_uncertain_alone() -> None:
    waiting = standing(held=replace(HELD, is_booking=True), money=replace(PURSE, is_booking=True))
    theirs = replace(line(qty=D(5)), cash=purse(traded=D(5)).cash)
    assert found(theirs, before=waiting, after=waiting) == {}
    theirs = replace(line(settled_qty=D(5)), cash=purse(settled=D(5)).cash)
    assert found(theirs, before=waiting, after=waiting) == {
        "settled_differs": ["settled_qty"],
        "cash_differs": ["settled"],
    }


def test_a_deposit_that_they_are_being_told_of_leaves_the_line_alone() -> None:
    told_now = standing(money=replace(PURSE, is_told=True))
    parts = compared(purse(settled=D(0), traded=D(0)), before=told_now, after=told_now)
    assert parts["cash"].found == []
    assert parts["cash"].under_way == 1
