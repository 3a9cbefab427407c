"""An execution that only the drop copy tells of: a break, an offer, and two people who book it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    connection,
    transaction,
)
from django.test import Client

from allocations.models import Allocation
from oms_site.firm.models import User
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks, lots, reconciliation, recoveries, recovering, start_of_day
from orders.models import Adjustment, Break, Execution, Reconciliation, Recovery, VenueOrder
from tests import policies, trading
from tests.client import Api
from tests.integration.allocations.outside import Outside
from tests.integration.replacing import story
from tests.integration.settlement.conftest import outside
from tests.trading import D
from venues import drop_copy
from venues.drop_copy import DropCopy, DropCopyUnsupported, TheirOrder, TheirTrade
from venues.messages import ExecType, OrdStatus
from venues.models import Inbound

__all__ = ["outside"]  # a fixture
DAY = date(2026, 11, 23)
LATER = timedelta(minutes=5)


@pytest.fixture
def told(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> dict[str, DropCopy]:
    """What the venue's drop copy says; a test changes it."""
    said: dict[str, DropCopy] = {}

    def ask(venue_id: str) -> DropCopy:
        if venue_id not in said:
            raise DropCopyUnsupported(venue_id)
        return said[venue_id]

    for kind in list(drop_copy.PORTS):
        monkeypatch.setitem(drop_copy.PORTS, kind, ask)
    return said


def copy_of(child: VenueOrder, *fills: tuple[str, int]) -> DropCopy:
    """One venue order with these trades, at 99.40."""
    total = sum(qty for _, qty in fills)
    order = TheirOrder(cl_ord_id=child.id, cum_qty=D(total), is_open=total < child.qty)
    trades = [
        TheirTrade(
            exec_id=exec_id,
            cl_ord_id=child.id,
            qty=D(qty),
            price=D("99.4"),
            trade_date=DAY,
            at=clock.now() - timedelta(seconds=1),
        )
        for exec_id, qty in fills
    ]
    return DropCopy((order,), tuple(trades))


def compared(sandbox: datetime) -> list[Reconciliation]:
    with clock.frozen_at(sandbox + LATER):
        return reconciliation.run("intraday")


@pytest.fixture
def missing(sandbox: datetime, told: dict[str, DropCopy]) -> Recovery:
    """1,000 of 3,000 came; the next 1,000 are in the drop copy alone."""
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000, exec_id="HERE"))
    told[trading.VENUE] = copy_of(child, ("HERE", 1000), ("LOST", 1000))
    compared(sandbox)
    return Recovery.objects.get()


def proposed(row: Recovery) -> Recovery:
    return recovering.propose(
        row.id, reason="The venue confirmed.", by=trading.person("alpha_ops"), at=clock.now()
    )


def agreed(row: Recovery, **more: Any) -> Recovery:
    admin = trading.person("alpha_admin")
    return recovering.decide(row.id, agree=True, by=admin, at=clock.now(), **more)


def lost(row: Recovery, **changes: Any) -> Any:
    """The venue's own report of it, as it comes late."""
    child = VenueOrder.objects.get(id=row.venue_order_id)
    terms = {"exec_id": "LOST", "transact_time": row.traded_at, **changes}
    return trading.fill(child, 1000, cum=2000, **terms)


def test_a_fill_of_the_drop_copy_alone_gives_a_break_and_an_offer(
    missing: Recovery, sandbox: datetime
) -> None:
    difference = Break.objects.get(kind="venue_fill_not_here")
    assert missing.difference_id == difference.id
    assert (missing.status, missing.exec_id, missing.qty, missing.price) == (
        "open",
        "LOST",
        D(1000),
        D("99.4"),
    )
    assert (missing.organization_id, missing.order_id) == ("alpha", difference.order_id)
    # Nothing has moved, and looking again offers nothing twice.
    compared(sandbox)
    assert Recovery.objects.count() == 1
    assert trading.order(missing.order_id).cum_qty == 1000


def test_what_is_in_flight_is_not_offered(sandbox: datetime, told: dict[str, DropCopy]) -> None:
    child = trading.routed()
    told[trading.VENUE] = copy_of(child, ("YOUNG", 1000))
    reconciliation.run("intraday")
    assert not Recovery.objects.exists()


NONSENSE: list[dict[str, Any]] = [
    {"qty": D(0)},
    {"exec_id": "L" * 100},
    {"exec_id": "a\x00b"},
    {"exec_id": "a\ud800b"},
    {"qty": D(10) ** 15},
    {"qty": D("0.0000001")},
    {"qty": D("1000.0000001")},
    {"price": D(10) ** 10},
    {"price": D("0.000000001")},
    {"trade_date": date(1901, 1, 1)},
    {"trade_date": date.max},
]


@pytest.mark.parametrize("odd", NONSENSE, ids=str)
def test_nonsense_of_a_drop_copy_is_a_break_and_nothing_to_book(
    sandbox: datetime, told: dict[str, DropCopy], odd: dict[str, Any]
) -> None:
    """Everybody after it is compared all the same, and what else it says is offered."""
    child = trading.routed()
    copy = copy_of(child, ("ODD", 1000), ("LOST", 1000))
    told[trading.VENUE] = DropCopy(copy.orders, (replace(copy.trades[0], **odd), copy.trades[1]))
    made = compared(sandbox)
    assert Break.objects.filter(kind="venue_fill_not_here").count() == 2
    assert Recovery.objects.get().exec_id == "LOST"
    outcomes = {(row.kind, row.party): row.outcome for row in made}
    assert outcomes["venue", trading.VENUE] == "breaks"
    assert {name for _, name in outcomes} >= set(start_of_day.custodians())
    compared(sandbox)
    assert (Break.objects.count(), Recovery.objects.count()) == (3, 1)  # one is of the tallies


def test_a_quantity_with_more_zeros_than_are_kept_is_what_it_says(
    sandbox: datetime, told: dict[str, DropCopy]
) -> None:
    child = trading.routed()
    copy = copy_of(child, ("LOST", 1000))
    zeros = [replace(one, qty=D("1000.00000000"), price=D("99.4000000000")) for one in copy.trades]
    told[trading.VENUE] = DropCopy(copy.orders, tuple(zeros))
    compared(sandbox)
    assert Recovery.objects.get().qty == 1000


def test_what_cannot_be_kept_of_one_party_is_not_checked_and_ends_no_other_s_comparison(
    sandbox: datetime, told: dict[str, DropCopy], monkeypatch: pytest.MonkeyPatch
) -> None:
    told[trading.VENUE] = copy_of(trading.routed(), ("LOST", 1000))
    before = Break.objects.count()

    def broken(*about: Any, **more: Any) -> None:
        raise DataError("odd\x00")

    monkeypatch.setattr(recoveries, "offer", broken)
    made = {(row.kind, row.party): row for row in compared(sandbox)}
    row = made["venue", trading.VENUE]
    assert (row.outcome, row.note) == (
        "not_checked",
        "broke_off: DataError: odd\N{REPLACEMENT CHARACTER}",
    )
    assert {name for _, name in made} >= set(start_of_day.custodians())
    assert Break.objects.count() == before

    # What is wrong with the database is nobody's answer: it is raised.
    def away(*about: Any, **more: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(recoveries, "offer", away)
    with pytest.raises(OperationalError):
        compared(sandbox)


def test_what_was_taken_back_here_and_stands_there_is_a_break_and_nothing_to_book(
    sandbox: datetime, told: dict[str, DropCopy]
) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000, exec_id="HERE"))
    taken = {"exec_type": ExecType.TRADE_CANCEL, "exec_ref_id": "HERE", "exec_id": "BUST"}
    trading.receive(trading.fill(child, 1000, cum=0, **taken))
    assert trading.order(child.order_id).cum_qty == 0
    told[trading.VENUE] = copy_of(child, ("HERE", 1000))
    for _ in range(2):
        compared(sandbox)
        assert Break.objects.get(kind="venue_fill_not_here").closed_at is None
        assert not Recovery.objects.exists()
    assert not Event.objects.filter(event_type__startswith="recovery").exists()


def test_a_break_that_was_open_before_is_offered_too(
    missing: Recovery, sandbox: datetime, told: dict[str, DropCopy]
) -> None:
    """Two more are missing the next time; the first stays offered once."""
    child = VenueOrder.objects.get(id=missing.venue_order_id)
    told[trading.VENUE] = copy_of(child, ("HERE", 1000), ("LOST", 1000), ("MORE", 500))
    compared(sandbox)
    assert sorted(Recovery.objects.values_list("exec_id", flat=True)) == ["LOST", "MORE"]


def test_two_people_book_it_by_the_way_of_every_report(missing: Recovery) -> None:
    proposed(missing)
    row = agreed(missing)
    fill = Execution.objects.get(exec_id="LOST")
    assert (row.status, row.execution_id) == ("booked", fill.id)
    assert (fill.qty, fill.price, fill.trade_date, fill.source) == (
        D(1000),
        D("99.4"),
        DAY,
        "SIMA",
    )
    assert (fill.executed_at, fill.venue_order_id) == (missing.traded_at, missing.venue_order_id)
    trading.check_tree(missing.order_id)
    assert trading.order(missing.order_id).cum_qty == 2000
    lots.drain()
    assert Allocation.objects.get(order_id=missing.order_id).actual_qty == 2000
    # The event says who booked it.
    said = Event.objects.filter(order_id=missing.order_id).order_by("id")
    assert said.filter(event_type="execution").latest("id").actor.endswith("alpha_admin")
    assert {"recovery_offer", "recovery_propose", "recovery_book"} <= set(
        said.values_list("event_type", flat=True)
    )
    # Nothing differs any more: its break is closed by both, and so is that of the tallies.
    assert not Break.objects.filter(closed_at=None).exists()
    assert Adjustment.objects.count() == 2
    entry = Adjustment.objects.get(explained_id=row.difference_id)
    assert entry.reason_code == "our_error"
    assert entry.evidence["execution_id"] == fill.id
    assert entry.made_by_id == trading.person("alpha_ops").user_id
    assert entry.approved_by_id == trading.person("alpha_admin").user_id


def test_the_venue_s_own_report_counts_nothing_when_it_comes_after_all(
    missing: Recovery, sandbox: datetime
) -> None:
    proposed(missing)
    agreed(missing)
    trading.receive(lost(missing))
    assert Inbound.objects.latest("id").verdict == "duplicate"
    assert trading.order(missing.order_id).cum_qty == 2000
    assert Execution.objects.filter(exec_id="LOST").count() == 1
    compared(sandbox)
    assert not Break.objects.filter(closed_at=None, kind__startswith="venue").exists()


def test_what_came_before_it_was_agreed_to_is_booked_once_and_says_so(missing: Recovery) -> None:
    proposed(missing)
    trading.receive(lost(missing))
    row = agreed(missing)
    assert (row.status, row.execution_id) == ("came", None)
    assert trading.order(missing.order_id).cum_qty == 2000
    assert set(Adjustment.objects.values_list("reason_code", flat=True)) == {"timing"}
    with pytest.raises(OmsError) as refusal:
        agreed(missing)
    assert (refusal.value.code, refusal.value.status) == ("already_decided", 409)


def test_what_came_by_itself_is_taken_off_the_list(missing: Recovery, sandbox: datetime) -> None:
    trading.receive(lost(missing))
    compared(sandbox)
    missing.refresh_from_db()
    assert (missing.status, missing.decided_by_id) == ("came", None)


def test_what_came_under_another_trade_date_is_not_booked_again(
    missing: Recovery, sandbox: datetime
) -> None:
    proposed(missing)
    trading.receive(lost(missing, trade_date=DAY + timedelta(days=1)))
    with pytest.raises(OmsError) as refusal:
        agreed(missing)
    assert (refusal.value.code, refusal.value.status) == ("recovery_conflicts", 409)
    assert trading.order(missing.order_id).cum_qty == 2000
    compared(sandbox)
    missing.refresh_from_db()
    assert missing.status == "came"
    assert Recovery.objects.count() == 1


def test_a_report_that_has_another_trade_date_than_what_was_booked_is_an_alarm_and_moves_nothing(
    missing: Recovery,
) -> None:
    proposed(missing)
    agreed(missing)
    late = lost(missing, trade_date=DAY + timedelta(days=1))
    trading.receive(late, late)
    assert trading.order(missing.order_id).cum_qty == 2000
    assert Execution.objects.filter(exec_id="LOST").count() == 1
    assert set(Inbound.objects.order_by("-id").values_list("verdict", flat=True)[:2]) == {"break"}
    row = Break.objects.get(kind="exec_id_conflict")
    assert (row.organization_id, row.order_id) == ("alpha", missing.order_id)
    trading.check_tree(missing.order_id)


def test_a_drop_copy_that_corrects_a_trade_date_offers_the_trade_once(
    missing: Recovery, sandbox: datetime, told: dict[str, DropCopy]
) -> None:
    copy = told[trading.VENUE]
    others = [replace(one, trade_date=DAY + timedelta(days=1)) for one in copy.trades]
    told[trading.VENUE] = DropCopy(copy.orders, tuple(others))
    compared(sandbox)
    assert Recovery.objects.count() == 1


def test_an_id_that_the_venue_has_used_for_something_else_is_not_booked(missing: Recovery) -> None:
    proposed(missing)
    trading.receive(lost(missing, last_px=D("98")))
    with pytest.raises(OmsError) as refusal:
        agreed(missing)
    assert (refusal.value.code, refusal.value.status) == ("recovery_conflicts", 409)
    missing.refresh_from_db()
    assert missing.status == "proposed"
    assert trading.order(missing.order_id).cum_qty == 2000


def test_a_late_one_is_booked_to_an_order_that_is_over(missing: Recovery) -> None:
    """Facts of a venue are applied in whatever state we believed, and marked."""
    child = VenueOrder.objects.get(id=missing.venue_order_id)
    done = {"ord_status": OrdStatus.CANCELED, "cum_qty": D(1000), "leaves_qty": D(0)}
    trading.receive(trading.report(child, ExecType.CANCELED, **done))
    assert trading.order(missing.order_id).status == "canceled"
    proposed(missing)
    agreed(missing)
    assert Execution.objects.get(exec_id="LOST").late
    assert Break.objects.filter(kind="late_fill").exists()
    trading.check_tree(missing.order_id)


def test_what_is_missing_on_an_order_that_was_replaced_is_offered_and_booked(
    sandbox: datetime, told: dict[str, DropCopy]
) -> None:
    """The venue names it by the id of its present terms, and the order by each that it has had."""
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    order_id, child = story.working(3000)
    assert story.amend(order_id, qty=4000, limit_price="99.6").outcome == "pending"
    trading.receive(story.replaced(order_id))
    now = story.leg(order_id).id
    copy = copy_of(story.child(order_id), ("LOST", 1000))
    before = sandbox - timedelta(seconds=1)
    old = TheirOrder(cl_ord_id=child.id, cum_qty=D(0), is_open=False, at=before)
    orders = [replace(one, cl_ord_id=now, at=clock.now()) for one in copy.orders]
    trades = [replace(one, cl_ord_id=now) for one in copy.trades]
    told[trading.VENUE] = DropCopy((*orders, old), tuple(trades))
    compared(sandbox)
    opened = Break.objects.filter(kind__startswith="venue").order_by("kind")
    assert [(one.kind, one.key, one.organization_id, one.order_id) for one in opened] == [
        ("venue_fill_not_here", "SIMA/LOST", "alpha", order_id),
        ("venue_order_differs", f"SIMA/{child.id}", "alpha", order_id),
    ]
    row = Recovery.objects.get()
    assert row.venue_order_id == child.id
    proposed(row)
    assert agreed(row).status == "booked"
    assert not opened.filter(closed_at=None).exists()
    trading.check_tree(order_id)


# --- who may, and on what ----------------------------------------------------------------------
def test_nobody_books_alone_or_on_what_they_have_not_seen(missing: Recovery) -> None:
    read = proposed(missing).version
    with pytest.raises(OmsError) as refusal:
        recovering.decide(missing.id, agree=True, by=trading.person("alpha_ops"), at=clock.now())
    assert (refusal.value.code, refusal.value.status) == ("same_person", 403)
    proposed(missing)
    with pytest.raises(OmsError) as refusal:
        agreed(missing, version=read)
    assert (refusal.value.code, refusal.value.status) == ("proposal_changed", 409)
    admin = trading.person("alpha_admin")
    row = recovering.decide(missing.id, agree=False, by=admin, at=clock.now())
    assert (row.status, row.proposed_by_id) == ("open", None)
    with pytest.raises(OmsError) as refusal:
        agreed(missing)
    assert refusal.value.code == "not_proposed"
    assert trading.order(missing.order_id).cum_qty == 1000


def test_another_house_s_is_not_there_and_a_trader_may_not(missing: Recovery) -> None:
    for name, status in (("beta_ops", 404), ("alpha_trader", 403)):
        by = trading.person(name)
        with pytest.raises(OmsError) as refusal:
            recovering.propose(missing.id, reason="Mine.", by=by, at=clock.now())
        assert refusal.value.status == status
    proposed(missing)
    with pytest.raises(OmsError) as refusal:
        recovering.decide(missing.id, agree=True, by=trading.person("beta_ops"), at=clock.now())
    assert refusal.value.status == 404


def test_a_break_that_was_explained_leaves_nothing_to_book(
    missing: Recovery, sandbox: datetime
) -> None:
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    key, said = missing.difference_id, {"reason_code": "their_error", "text": "They strike it."}
    breaks.propose(key, by=ops, at=clock.now(), **said)
    proposed(missing)
    breaks.decide(key, agree=True, by=admin, at=clock.now())
    for person in (proposed, agreed):
        with pytest.raises(OmsError) as refusal:
            person(missing)
        assert (refusal.value.code, refusal.value.status) == ("already_closed", 409)
    assert trading.order(missing.order_id).cum_qty == 1000
    compared(sandbox)
    missing.refresh_from_db()
    assert missing.status == "dropped"
    # They still say it: another break, and another offer.
    assert Recovery.objects.exclude(id=missing.id).get().status == "open"


def test_the_screen_offers_it_and_the_api_books_it(
    missing: Recovery, api: Callable[[str], Api], client: Client
) -> None:
    ops, admin = api("alpha_ops"), api("alpha_admin")
    path = f"/v1/ops/recovery/{missing.id}/"
    (listed,) = ops.get("/v1/ops/recovery/")[1]["recoveries"]
    assert (listed["recovery_id"], listed["status"]) == (missing.id, "open")
    assert api("beta_ops").get("/v1/ops/recovery/")[1]["recoveries"] == []
    assert ops.post(f"{path}propose/", {})[0] == 422
    status, one = ops.post(f"{path}propose/", {"reason": "They confirmed it."})
    assert (status, one["status"]) == (200, "proposed")
    client.force_login(User.objects.get(username="alpha_admin"))
    board = client.get("/ops/?part=board").content.decode()
    assert "Executions that only a venue tells of" in board
    assert f'data-agree-recovery="{missing.id}" data-version="{one["version"]}"' in board
    assert admin.post(f"{path}agree/", {"version": one["version"] - 1})[0] == 409
    status, one = admin.post(f"{path}agree/", {"version": one["version"]})
    assert (status, one["status"]) == (200, "booked")
    assert ops.get("/v1/ops/recovery/")[1]["recoveries"] == []
    (listed,) = ops.get("/v1/ops/recovery/?all=true")[1]["recoveries"]
    assert listed["execution_id"] == Execution.objects.get(exec_id="LOST").id
    assert admin.post(f"{path}vanish/")[0] == 404


# --- what the database refuses -------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        "qty = 2000",
        "price = 98",
        "exec_id = 'OTHER'",
        "status = 'booked'",
        "status = 'booked', proposed_by_id = {admin}, decided_by_id = {ops}, decided_at = now(),"
        " execution_id = (SELECT id FROM orders_execution WHERE exec_id = 'HERE')",
        "status = 'proposed', proposed_by_id = NULL",
    ],
)
def test_the_database_refuses_an_edit(missing: Recovery, change: str) -> None:
    people = {name: trading.person(f"alpha_{name}").user_id for name in ("ops", "admin")}
    sql = f"UPDATE orders_recovery SET version = version + 1, {change.format(**people)}"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_database_refuses_one_person_and_another_execution(missing: Recovery) -> None:
    proposed(missing)
    people = {name: trading.person(f"alpha_{name}").user_id for name in ("ops", "admin")}
    sql = (
        "UPDATE orders_recovery SET version = version + 1, status = 'booked', decided_at = now(),"
        " decided_by_id = %s, execution_id = (SELECT id FROM orders_execution"
        " WHERE exec_id = 'HERE')"
    )
    with pytest.raises(IntegrityError, match="recovery_maker_is_not_checker"):
        _run(sql, people["ops"])
    with pytest.raises(DatabaseError, match="booked another execution"):
        _run(sql, people["admin"])


def _run(sql: str, *params: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
