"""A missing execution is booked by two people at the very moment when the venue's report comes."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oms_site.journal import actors, unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks, reconciliation, recoveries, recovering, reports
from orders.models import Break, Execution, Recovery, VenueOrder
from tests import trading
from tests.races.racing import race
from venues import drop_copy, inbox
from venues.drop_copy import DropCopy, DropCopyUnsupported, TheirOrder, TheirTrade

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


def offered(child: VenueOrder, exec_id: str) -> Recovery:
    """An offer as a comparison makes it, proposed by one person."""
    at = clock.now()
    trade = TheirTrade(
        exec_id=exec_id,
        cl_ord_id=child.id,
        qty=Decimal(1000),
        price=Decimal("99.4"),
        trade_date=date(2026, 11, 23),
        at=at,
    )
    key = f"SIMA/{exec_id}"
    with unit.work(by=actors.system("test"), at=at) as work:
        breaks.open(
            work,
            kind="venue_fill_not_here",
            key=key,
            evidence={},
            at=at,
            organization_id="alpha",
            order_id=child.order_id,
        )
        difference = breaks.find(work, "alpha", "venue_fill_not_here", key)
        row = recoveries.offer(work, difference, trading.VENUE, trade, at=at)
    assert row is not None
    return recovering.propose(row.id, reason="Lost.", by=trading.person("alpha_ops"), at=at)


def agree(recovery_id: str, by: str) -> str:
    try:
        row = recovering.decide(recovery_id, agree=True, by=trading.person(by), at=clock.now())
    except OmsError as error:
        return error.code
    return str(row.status)


@pytest.mark.parametrize("n", range(6))
def test_the_report_and_two_agreements_at_once_book_it_once(n: int) -> None:
    child = trading.routed()
    row = offered(child, f"LOST{n}")
    trading.store(
        trading.fill(child, 1000, cum=1000, exec_id=row.exec_id, transact_time=row.traded_at)
    )

    def hear() -> str:
        reports.apply(trading.VENUE, inbox.contiguous(trading.VENUE, limit=100))
        return "heard"

    said = race(hear, lambda: agree(row.id, "alpha_admin"), lambda: agree(row.id, "alpha_ops"))
    assert said[0] == "heard"
    assert sorted(said[1:]) in (
        ["booked", "same_person"],
        ["came", "same_person"],
        ["already_decided", "booked"],
        ["already_decided", "came"],
    )
    assert Execution.objects.filter(exec_id=row.exec_id).count() == 1
    trading.check_tree(child.order_id)
    assert trading.order(child.order_id).cum_qty == 1000
    row.refresh_from_db()
    assert row.status in ("booked", "came")
    assert Break.objects.get(id=row.difference_id).closed_at is not None


def test_two_comparisons_at_once_open_one_break_and_one_offer(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    """Somebody asks for it on the screen while beat does."""
    settings.OUTSIDE_DIR = tmp_path
    child = trading.routed()
    order = TheirOrder(cl_ord_id=child.id, cum_qty=Decimal(1000), is_open=True)
    trade = TheirTrade(
        exec_id="LOST",
        cl_ord_id=child.id,
        qty=Decimal(1000),
        price=Decimal("99.4"),
        trade_date=date(2026, 11, 23),
    )
    both = threading.Barrier(2)

    def ask(venue_id: str) -> DropCopy:
        if venue_id != trading.VENUE:
            raise DropCopyUnsupported(venue_id)
        both.wait(30)
        return DropCopy((order,), (trade,))

    for kind in list(drop_copy.PORTS):
        monkeypatch.setitem(drop_copy.PORTS, kind, ask)

    def compare() -> str:
        made = reconciliation.run("intraday")
        return next(str(row.outcome) for row in made if row.party == trading.VENUE)

    assert race(compare, compare) == ["breaks", "breaks"]
    assert Break.objects.filter(kind="venue_fill_not_here").count() == 1
    assert Recovery.objects.get().status == "open"


def test_two_second_people_at_once_are_one() -> None:
    child = trading.routed()
    row = offered(child, "LOST")
    said = race(*[lambda: agree(row.id, "alpha_admin")] * 4)
    assert sorted(said) == ["already_decided"] * 3 + ["booked"]
    assert trading.order(child.order_id).cum_qty == 1000
