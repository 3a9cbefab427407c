"""Twenty differences with venues, custodians and our own sums: each is found, and nothing else is.

The whole comparison runs as beat runs it, against custodians that have really booked the trades.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from allocations.custodians.port import (
    CustodianBooking,
    CustodianPosition,
    CustodianStatement,
)
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.models import Allocation, BookingLeg
from oms_site.kit import clock
from orders import reconciliation
from orders.models import Break, Execution, VenueOrder
from tests import trading
from tests.integration.settlement import story
from tests.integration.settlement.conftest import outside
from tests.trading import D
from venues import drop_copy
from venues.drop_copy import DropCopy, TheirOrder, TheirTrade

__all__ = ["outside"]  # a fixture
pytestmark = pytest.mark.usefixtures("outside")
DAY = date(2026, 11, 23)
CODES = [f"ALPHA-{n:03d}" for n in range(2, 20)]


class World:
    """What the other parties say: the truth, with whatever was planted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.copy = DropCopy((), ())
        self.booked: Callable[[list[CustodianBooking]], list[CustodianBooking]] = list
        self.held: Callable[[list[CustodianPosition]], list[CustodianPosition]] = list
        for kind in list(drop_copy.PORTS):
            monkeypatch.setitem(drop_copy.PORTS, kind, self._venue)
        bookings, statement = SimulatedCustodian.bookings, SimulatedCustodian.statement

        def stated(one: SimulatedCustodian, *, as_of: date) -> CustodianStatement:
            made = statement(one, as_of=as_of)
            return replace(made, positions=tuple(self.held(list(made.positions))))

        monkeypatch.setattr(
            SimulatedCustodian, "bookings", lambda one, **about: self.booked(bookings(one, **about))
        )
        monkeypatch.setattr(SimulatedCustodian, "statement", stated)

    def _venue(self, venue_id: str) -> DropCopy:
        return self.copy if venue_id == trading.VENUE else DropCopy((), ())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Eighteen accounts have bought 3,000 each; venue and custodians know of all of it."""
    made = World(monkeypatch)
    for code in CODES:
        story.traded(code.lower(), qty=3000)
    made.copy = agreeing()
    return made


def agreeing() -> DropCopy:
    """What the venue would say if it agreed with us."""
    orders = VenueOrder.objects.order_by("id")
    fills = Execution.objects.order_by("id")
    return DropCopy(
        tuple(
            TheirOrder(cl_ord_id=row.id, cum_qty=row.cum_qty, is_open=not row.is_terminal)
            for row in orders
        ),
        tuple(
            TheirTrade(
                exec_id=fill.exec_id,
                cl_ord_id=fill.venue_order_id or "",
                qty=fill.qty,
                price=fill.price,
                trade_date=fill.trade_date,
            )
            for fill in fills
        ),
    )


def compared(sandbox: datetime) -> dict[str, str]:
    """Five minutes on, nothing is in flight any more: the outcome of each party."""
    with clock.frozen_at(sandbox + timedelta(minutes=5)):
        made = reconciliation.run("intraday")
    return {
        (row.party or row.kind) + (f"/{row.kind}" if row.kind in ("settled", "cash") else ""): str(
            row.outcome
        )
        for row in made
    }


def found() -> set[tuple[str, str]]:
    rows = list(Break.objects.order_by("id").values_list("kind", "key"))
    assert len(rows) == len(set(rows))
    return set(rows)


def leg(code: str) -> BookingLeg:
    return BookingLeg.objects.select_related("allocation").get(
        account_allocation__account__code=code
    )


def child(code: str) -> VenueOrder:
    return VenueOrder.objects.get(order_id=leg(code).allocation.order_id)


def test_clean_data_has_no_difference(world: World, sandbox: datetime) -> None:
    outcomes = compared(sandbox)
    assert set(outcomes.values()) <= {"clean", "unsupported"}
    assert [outcomes[name] for name in ("internal", "SIMA", "cust_bny")] == ["clean"] * 3
    assert found() == set()


def at_the_venue(world: World) -> set[tuple[str, str]]:
    """Five: fills and orders that one side has, and what the two say differently."""
    orders = {one.cl_ord_id: one for one in world.copy.orders}
    trades = {one.cl_ord_id: one for one in world.copy.trades}
    ghost, price, missing, unknown = (child(code).id for code in CODES[:4])
    planted = {("venue_fill_not_here", "SIMA/ghost")}
    seen = trades[ghost]
    trades["ghost"] = replace(seen, exec_id="ghost")
    planted.add(("venue_fill_differs", f"SIMA/{trades[price].exec_id}"))
    trades[price] = replace(trades[price], price=D("99.39"))
    planted.add(("venue_fill_not_there", f"SIMA/{trades[missing].exec_id}"))
    del trades[missing]
    planted.add(("venue_order_not_here", "SIMA/alien"))
    orders["alien"] = TheirOrder(cl_ord_id="alien", cum_qty=D(0), is_open=True)
    planted.add(("venue_order_not_there", f"SIMA/{unknown}"))
    del orders[unknown]
    world.copy = DropCopy(tuple(orders.values()), tuple(trades.values()))
    return planted


def at_custodians(world: World) -> set[tuple[str, str]]:
    """Nine: bookings, their quantity, money and side, and positions."""
    short, cents, side, gone, unheld, odd = CODES[5:11]
    legs = {code: leg(code) for code in CODES[5:11]}
    alien = CustodianBooking(
        key="bl_alien",
        booking_ref="X-1",
        account="ALPHA-019",
        cusip="912810TD0",
        side="1",
        qty=D(1000),
        net_money=D("990.00"),
    )
    edits: dict[str, Callable[[CustodianBooking], CustodianBooking]] = {
        legs[short].id: lambda one: replace(one, qty=D(1000)),
        legs[cents].id: lambda one: replace(one, net_money=one.net_money + D("0.02")),
        legs[side].id: lambda one: replace(one, side="2"),
    }

    def booked(rows: Iterable[CustodianBooking]) -> list[CustodianBooking]:
        kept = [row for row in rows if row.key != legs[gone].id]
        mine = any(row.key == legs[short].id for row in kept)
        told = [edits[row.key](row) if row.key in edits else row for row in kept]
        return told + [alien] * mine

    def held(rows: Iterable[CustodianPosition]) -> list[CustodianPosition]:
        kept = [row for row in rows if row.account != unheld]
        mine = any(row.account == short for row in kept)
        wrong = {short: D(1000), odd: D(2999)}
        kept = [replace(row, qty=wrong.get(row.account, row.qty)) for row in kept]
        return kept + [CustodianPosition("ALPHA-020", "912810TD0", D(1000), D(0))] * mine

    world.booked, world.held = booked, held
    bond = trading.BOND
    house = legs[short].custodian_id
    return {
        ("booking_differs", f"{house}/{legs[short].id}"),
        ("booking_differs", f"{legs[cents].custodian_id}/{legs[cents].id}"),
        ("booking_differs", f"{legs[side].custodian_id}/{legs[side].id}"),
        ("booking_not_there", f"{legs[gone].custodian_id}/{legs[gone].id}"),
        ("booking_not_here", f"{house}/bl_alien"),
        ("position_differs", f"{house}/{short}/{bond}"),
        ("position_differs", f"{legs[odd].custodian_id}/{odd}/{bond}"),
        ("position_not_there", f"{legs[unheld].custodian_id}/{unheld}/{bond}"),
        ("position_not_here", f"{house}/ALPHA-020/912810TD0"),
    }


def at_home(world: World) -> set[tuple[str, str]]:
    """Six: sums that are not their facts, as only the tables' owner could make them."""
    order, venue_order, allocation = (leg(code).allocation for code in CODES[11:14])
    moved = VenueOrder.objects.get(order_id=venue_order.order_id)
    tables = ("orders_order", "orders_venueorder", "allocations_allocation")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for table, name, key in (
            ("orders_order", "cum_qty", order.order_id),
            ("orders_venueorder", "cum_qty", moved.id),
            ("allocations_allocation", "actual_qty", allocation.id),
        ):
            cursor.execute(f"UPDATE {table} SET {name} = {name} + 1000 WHERE id = %s", [key])
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    return {
        ("order_fold", order.order_id),
        # Its accounts were given what was executed, which is not what it says was executed.
        ("allocation_fold", order.id),
        # What a venue order says of itself is neither its fills nor what the venue says.
        ("venue_order_fold", moved.id),
        ("venue_order_differs", f"SIMA/{moved.id}"),
        ("allocation_fold", allocation.id),
        ("legs_fold", allocation.id),
    }


def test_twenty_planted_differences_are_found_and_no_other(world: World, sandbox: datetime) -> None:
    at_venue, with_custodians = at_the_venue(world), at_custodians(world)
    planted = at_venue | with_custodians | at_home(world)
    assert len(planted) == 20
    outcomes = compared(sandbox)
    assert outcomes["internal"] == outcomes["SIMA"] == "breaks"
    assert found() == planted
    # Looking again finds the same, and opens nothing twice.
    compared(sandbox)
    assert found() == planted


def test_two_thousand_shares_too_few_are_traced_to_the_order_they_came_from(
    world: World, sandbox: datetime
) -> None:
    """The position says that something is missing; the booking beside it says of which order."""
    code = CODES[5]
    booked = leg(code)

    def short(rows: list[CustodianBooking]) -> list[CustodianBooking]:
        return [replace(row, qty=D(1000)) if row.key == booked.id else row for row in rows]

    def held(rows: list[CustodianPosition]) -> list[CustodianPosition]:
        return [replace(row, qty=D(1000)) if row.account == code else row for row in rows]

    world.booked, world.held = short, held
    compared(sandbox)
    position, booking = Break.objects.order_by("-kind")
    assert (position.kind, booking.kind) == ("position_differs", "booking_differs")
    for row in (position, booking):
        assert (row.evidence["ours"]["qty"], row.evidence["theirs"]["qty"]) == ("3000", "1000")
    assert booking.order_id == booked.allocation.order_id
    assert booking.evidence["differs"] == ["qty"]
    assert Allocation.objects.get(order_id=booking.order_id).actual_qty == 3000


def test_what_happened_a_moment_ago_is_in_flight_and_no_difference(
    world: World, sandbox: datetime
) -> None:
    """Nobody outside knows of a trade of this moment yet, and nobody is missed for it."""
    world.copy = DropCopy((), ())
    made: list[Any] = reconciliation.run("intraday")
    assert {str(row.outcome) for row in made} <= {"clean", "unsupported"}
    assert not Break.objects.exists()
