"""Sandbox clients and one bond, and orders' allocations as the desk would make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from allocations import engine, seed
from allocations.engine import Lot, Requested, Rows
from allocations.models import Allocation, BookingLeg
from oms_site.firm import generation
from oms_site.firm.models import Organization
from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.kit import clock
from venues.models import Instrument

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
BY = actors.system("test")
FIFO, PRO_RATA = "fifo_without_averaging", "pro_rata_with_averaging"
D = Decimal
_numbers = count(1)


def world() -> Instrument:
    """The organizations, their clients and a bond that trades in thousands."""
    for name in ("alpha", "beta"):
        Organization.objects.get_or_create(id=name, defaults={"name": name})
    seed.seed(AT)
    bond, _ = Instrument.objects.get_or_create(
        cusip="00033GAB1",
        defaults={
            "isin": "US00033GAB14",
            "description": "Sample 5 03/01/30",
            "asset_class": "corporate",
            "issuer": "Sample",
            "min_denomination": D(1000),
            "min_increment": D(1000),
        },
    )
    generation.check()
    return bond


def lot(n: int, qty: int, price: str = "99", **changes: Any) -> Lot:
    """A fill of par at a price, without accrued interest or fees unless told."""
    values: dict[str, Any] = {
        "id": f"ex_{n}",
        "sequence": n,
        "qty": D(qty),
        "price": D(price),
        "principal": (D(qty) * D(price) / 100).quantize(D("0.01")),
        "accrued_interest": D("0.00"),
        "fees": D("0.00"),
        "trade_date": date(2026, 3, 2),
        "settlement_date": date(2026, 3, 3),
        "venue": "sim",
    }
    return Lot(**{**values, **changes})


def create(bond: Instrument, *requested: tuple[str, int], **changes: Any) -> str:
    """A block for these accounts; returns its order's id."""
    order_id = f"mo_{next(_numbers):021d}"
    values: dict[str, Any] = {
        "organization_id": "alpha",
        "strategy": FIFO,
        "client_allocation_id": f"ca-{order_id}",
        "custodian_id": None,
        "side": "buy",
        "implicit": False,
        "amount_type": "par",
        **changes,
    }
    with unit.work(by=BY, at=AT) as work:
        engine.create(
            work,
            order_id=order_id,
            instrument_id=bond.pk,
            requested=[Requested(name, D(qty), f"{order_id}-{name}") for name, qty in requested],
            at=AT,
            **values,
        )
    return order_id


def calculate(order_id: str, lots: Sequence[Lot], *, complete: bool = False) -> list[BookingLeg]:
    """Split the fills so far, in a unit of its own."""
    with unit.work(by=BY, at=clock.now()) as work:
        found = engine.of_orders(work, [order_id])[order_id]
        return engine.calculate(
            work,
            allocation=found.allocation,
            accounts=found.accounts,
            legs=found.legs,
            lots=lots,
            complete=complete,
            at=clock.now(),
        )


def cancel(order_id: str, *, filled: bool = False) -> str:
    """Ask to withdraw an allocation."""
    with unit.work(by=BY, at=AT) as work:
        found = engine.of_orders(work, [order_id])[order_id]
        return engine.cancel(
            work, allocation=found.allocation, legs=found.legs, filled=filled, at=AT
        )


def block(bond: Instrument, *requested: tuple[str, int], **changes: Any) -> str:
    """A block that has been filled completely, its legs queued."""
    order_id = create(bond, *requested, **changes)
    calculate(order_id, [lot(1, sum(qty for _, qty in requested))], complete=True)
    return order_id


def read(order_id: str) -> Rows:
    """The rows as they are in the database."""
    allocation = Allocation.objects.get(order_id=order_id)
    accounts = allocation.accounts.order_by("position")
    legs = allocation.legs.order_by("account_allocation__position", "sequence")
    return Rows(allocation, tuple(accounts), tuple(legs))


def events(order_id: str) -> list[str]:
    """The types of an order's events, oldest first."""
    rows = Event.objects.filter(order_id=order_id).order_by("id")
    return list(rows.values_list("event_type", flat=True))
