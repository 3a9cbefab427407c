"""Reconciliation: every planted difference is found, nothing else is, and silence is not clean."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from allocations.custodians.port import CustodianBooking, CustodianPosition, CustodianStatement
from oms_site.firm.models import User
from oms_site.journal import actors, unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks, fitness, last_look, reconciliation, start_of_day
from orders.models import Adjustment, Break, Execution, ReplaceLeg, VenueOrder
from orders.reconciling import custodian, internal, venue
from orders.reconciling.differences import Difference
from tests import policies, trading
from tests.client import Api
from tests.integration.replacing import story
from venues.drop_copy import DropCopy, TheirOrder, TheirTrade
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

D = Decimal
SOON = timedelta(hours=1)


def _copy(changes: dict[str, Any] | None = None) -> DropCopy:
    """What the venue would say if it agreed with us."""
    orders = [
        TheirOrder(cl_ord_id=row.id, cum_qty=row.cum_qty, is_open=not row.is_terminal)
        for row in VenueOrder.objects.order_by("id")
    ]
    trades = [
        TheirTrade(
            exec_id=fill.exec_id,
            cl_ord_id=fill.venue_order_id or "",
            qty=fill.qty,
            price=fill.price,
            trade_date=fill.trade_date,
        )
        for fill in Execution.objects.order_by("id")
    ]
    return DropCopy(tuple(orders), tuple(trades))


def _run(copy: DropCopy) -> list[Difference]:
    return venue.run(trading.VENUE, copy, grace=clock.now() + SOON).found


def _filled(count: int) -> list[VenueOrder]:
    children = [trading.routed() for _ in range(count)]
    for child in children:
        trading.receive(trading.fill(child, 1000, cum=1000))
    return children


def test_a_venue_that_agrees_has_no_differences(sandbox: datetime) -> None:
    _filled(3)
    assert _run(_copy()) == []
    assert internal.run().found == []


def test_twenty_planted_differences_are_found_and_no_other(sandbox: datetime) -> None:
    _filled(24)
    copy = _copy()
    orders, trades = list(copy.orders), list(copy.trades)
    planted: set[tuple[str, str]] = set()
    for n in range(4):  # a fill we never heard of
        trades.append(
            TheirTrade(
                exec_id=f"ghost-{n}",
                cl_ord_id=orders[n].cl_ord_id,
                qty=D(1000),
                price=D(99),
                trade_date=date(2026, 11, 23),
            )
        )
        planted.add(("venue_fill_not_here", f"ghost-{n}"))
    for n in range(4, 8):  # a quantity, or a price, that is another
        was = trades[n]
        changed = {"qty": D(2000)} if n % 2 else {"price": D(98)}
        terms = {name: getattr(was, name) for name in ("exec_id", "cl_ord_id", "qty", "price")}
        trades[n] = TheirTrade(**{**terms, **changed}, trade_date=was.trade_date)
        planted.add(("venue_fill_differs", was.exec_id))
    for n in range(8, 12):  # our fill, unknown there
        planted.add(("venue_fill_not_there", trades[n].exec_id))
    trades = [t for n, t in enumerate(trades) if not 8 <= n < 12]
    for n in range(12, 16):  # another tally, or another state
        was_order = orders[n]
        orders[n] = TheirOrder(
            cl_ord_id=was_order.cl_ord_id,
            cum_qty=D(3000) if n % 2 else was_order.cum_qty,
            is_open=was_order.is_open if n % 2 else not was_order.is_open,
        )
        planted.add(("venue_order_differs", was_order.cl_ord_id))
    for n in range(2):  # an order nobody here knows
        orders.append(TheirOrder(cl_ord_id=f"alien-{n}", cum_qty=D(0), is_open=True))
        planted.add(("venue_order_not_here", f"alien-{n}"))
    for n in range(16, 18):  # our order, unknown there
        planted.add(("venue_order_not_there", orders[n].cl_ord_id))
    orders = [o for n, o in enumerate(orders) if not 16 <= n < 18]
    assert len(planted) == 20
    found = _run(DropCopy(tuple(orders), tuple(trades)))
    assert {(one.kind, one.key) for one in found} == planted
    assert len(found) == 20
    assert all(one.evidence["differs"] for one in found)


def test_a_window_compares_what_moved_in_it_on_either_side_and_what_lives(
    sandbox: datetime,
) -> None:
    _, live = _filled(2)
    with clock.frozen_at(sandbox + timedelta(days=2)):
        (fresh,) = _filled(1)
        copy = _copy()
        since = clock.now() - timedelta(days=1)
        orders = {one.cl_ord_id: one for one in copy.orders}
        aged = [
            TheirOrder(
                cl_ord_id=key,
                cum_qty=one.cum_qty + (1 if key == live.id else 0),
                is_open=one.is_open,
                at=sandbox,
            )
            for key, one in orders.items()
            if key != fresh.id
        ]
        found = venue.run(
            trading.VENUE,
            DropCopy(tuple(aged), copy.trades),
            grace=clock.now() + SOON,
            since=since,
        ).found
    # The one that lives differs although it is old; the fresh one is missed there.
    assert {(one.kind, one.key) for one in found} == {
        ("venue_order_differs", live.id),
        ("venue_order_not_there", fresh.id),
    }


def test_an_order_is_one_order_under_every_id_that_its_terms_have_had(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    order_id = trading.submit(qty=D(8000), bypass_auto_execution=True)
    first, second = (trading.execute(order_id, qty) for qty in (5000, 3000))
    trading.receive(*(trading.report(child, ExecType.NEW) for child in (first, second)))
    trading.receive(*(trading.fill(child, 1000, cum=1000) for child in (first, second)))
    # Of the second nothing more is wanted, and less of the first.
    assert story.amend(order_id, qty=4000).outcome == "pending"
    names = dict(ReplaceLeg.objects.values_list("venue_order_id", "id"))
    assert sorted(name[:3] for name in names.values()) == ["vr_", "vx_"]
    terms = {"orig_cl_ord_id": second.id, "cl_ord_id": names[second.id], "cum_qty": D(1000)}
    ended = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0)}
    trading.receive(trading.report(second, ExecType.CANCELED, **terms, **ended))
    terms = {"orig_cl_ord_id": first.id, "cl_ord_id": names[first.id], "cum_qty": D(1000)}
    trading.receive(trading.report(first, ExecType.REPLACED, **terms, order_qty=D(3000)))
    copy = _copy()
    also = [dataclasses.replace(one, cl_ord_id=names[one.cl_ord_id]) for one in copy.orders]
    trades = [dataclasses.replace(one, cl_ord_id=names[one.cl_ord_id]) for one in copy.trades]
    assert _run(DropCopy((*copy.orders, *also), tuple(trades))) == []
    # An id of that kind that nobody here has given is nobody's order.
    alien = TheirOrder(cl_ord_id="vr_alien", cum_qty=D(0), is_open=True)
    (one,) = _run(DropCopy((*copy.orders, alien), tuple(trades)))
    assert (one.kind, one.key, one.organization_id) == (
        "venue_order_not_here",
        "vr_alien",
        breaks.HOUSE,
    )


def test_what_was_refused_at_the_wire_is_missed_by_nobody(sandbox: datetime) -> None:
    (filled,) = _filled(1)
    child = trading.routed()
    rows = list(Outbound.objects.filter(cl_ord_id=child.id))
    with patch.object(fitness, "of_children", lambda _, at: {child.id: OmsError("no", "No.")}):
        assert last_look.before_wire(trading.VENUE, rows) == []
    told = [one for one in _copy().orders if one.cl_ord_id == filled.id]
    assert _run(DropCopy(tuple(told), _copy().trades)) == []
    # One that was sent and is unknown there all the same is missed.
    Outbound.objects.filter(cl_ord_id=child.id).update(sends=1)
    (missed,) = _run(DropCopy(tuple(told), _copy().trades))
    assert (missed.kind, missed.key) == ("venue_order_not_there", child.id)


def test_our_own_sums_are_asked_for_a_window_too(sandbox: datetime) -> None:
    _filled(2)
    assert internal.run(since=sandbox - timedelta(days=1)).compared == 2
    assert internal.run(since=sandbox + timedelta(days=1)).compared == 0


def test_what_is_in_flight_is_not_missed(sandbox: datetime) -> None:
    _filled(1)
    empty = DropCopy((), ())
    assert venue.run(trading.VENUE, empty, grace=sandbox - timedelta(seconds=30)).found == []


def test_a_party_that_does_not_answer_is_not_checked(
    sandbox: datetime, settings: Any, tmp_path: Any
) -> None:
    settings.OUTSIDE_DIR = tmp_path
    made = reconciliation.run("intraday")
    by_kind = {row.kind: row for row in made}
    assert by_kind["venue"].outcome == by_kind["custodian"].outcome == "not_checked"
    assert by_kind["internal"].outcome == "clean"
    assert by_kind["custodian"].note.startswith("custodian_unreachable")


def test_a_custodian_s_extra_booking_is_a_break(sandbox: datetime) -> None:
    booked = CustodianBooking(
        key="bl_alien",
        booking_ref="X-1",
        account="ALPHA-002",
        cusip="037833DP2",
        side="1",
        qty=D(2000),
        net_money=D(1990),
    )
    there = CustodianPosition(account="ALPHA-002", cusip="037833DP2", qty=D(2000), settled_qty=D(0))
    day = sandbox.date()
    made = CustodianStatement(as_of=day, at=sandbox, positions=(there,))
    before = custodian.ours("cust_lpl", [day], day=day)
    asked: dict[str, Any] = {"dates": [day], "day": day, "grace": sandbox}
    parts = custodian.compared("cust_lpl", before, [booked], made, **asked)
    found = [one for part in parts.values() for one in part.found]
    assert {(one.kind, one.organization_id) for one in found} == {
        ("booking_not_here", "alpha"),
        ("position_not_here", "alpha"),
    }


# --- closing them ----------------------------------------------------------------------------
@pytest.fixture
def opened(sandbox: datetime) -> str:
    with unit.work(by=actors.system("test"), at=sandbox) as work:
        breaks.open(
            work, kind="late_fill", key="x", evidence={"a": 1}, at=sandbox, organization_id="alpha"
        )
    return Break.objects.get(key="x").id


def test_a_break_is_closed_by_two_people_and_an_entry(opened: str, sandbox: datetime) -> None:
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    breaks.assign(opened, by=ops, at=sandbox)
    breaks.propose(opened, reason_code="timing", text="They booked it late.", by=ops, at=sandbox)
    with pytest.raises(OmsError) as refusal:
        breaks.decide(opened, agree=True, by=ops, at=sandbox)
    assert refusal.value.code == "same_person"
    breaks.decide(opened, agree=True, by=admin, at=sandbox)
    row, entry = Break.objects.get(id=opened), Adjustment.objects.get()
    assert (row.closed_by_id, row.owner_id) == (admin.user_id, ops.user_id)
    assert (entry.made_by_id, entry.approved_by_id) == (ops.user_id, admin.user_id)
    assert entry.evidence == row.evidence == {"a": 1}
    with pytest.raises(OmsError) as refusal:
        breaks.propose(opened, reason_code="timing", text="Again.", by=ops, at=sandbox)
    assert refusal.value.code == "already_closed"


def test_the_database_refuses_the_same_person(opened: str, sandbox: datetime) -> None:
    ops = trading.person("alpha_ops")
    breaks.propose(opened, reason_code="timing", text="Mine.", by=ops, at=sandbox)

    def close() -> None:
        with transaction.atomic(), unit.work(by=actors.person(ops), at=sandbox) as work:
            row = work.lock(Break, [opened])[opened]
            row.close(user_id=ops.user_id, at=sandbox)
            work.record(row, "break_close", body={})

    with pytest.raises(IntegrityError, match="break_maker_is_not_checker"):
        close()


def test_an_explanation_can_be_sent_back_and_others_break_is_nobody_s(
    opened: str, sandbox: datetime
) -> None:
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    breaks.propose(opened, reason_code="accepted", text="So it is.", by=ops, at=sandbox)
    breaks.decide(opened, agree=False, by=admin, at=sandbox)
    assert Break.objects.get(id=opened).proposed_by_id is None
    with pytest.raises(OmsError) as refusal:
        breaks.assign(opened, by=trading.person("alpha_trader"), at=sandbox)
    assert refusal.value.status == 403


def test_who_closes_a_break_decides_on_what_they_have_read(opened: str, sandbox: datetime) -> None:
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    breaks.propose(opened, reason_code="timing", text="They were late.", by=ops, at=sandbox)
    read = Break.objects.get(id=opened).version
    breaks.propose(opened, reason_code="accepted", text="So it is.", by=ops, at=sandbox)
    for agree in (True, False):
        with pytest.raises(OmsError) as refusal:
            breaks.decide(opened, agree=agree, version=read, by=admin, at=sandbox)
        assert (refusal.value.code, refusal.value.status) == ("proposal_changed", 409)
    row = Break.objects.get(id=opened)
    assert (row.closed_at, row.reason_code) == (None, "accepted")
    breaks.decide(opened, agree=True, version=row.version, by=admin, at=sandbox)
    assert Break.objects.get(id=opened).closed_at == sandbox


def test_the_screen_and_the_api_send_the_version_that_was_shown(
    opened: str, sandbox: datetime, api: Callable[[str], Api], client: Client
) -> None:
    ops, admin = api("alpha_ops"), api("alpha_admin")
    path, said = f"/v1/ops/break/{opened}/", {"reason_code": "timing", "text": "Late."}
    _, one = ops.post(f"{path}propose/", said)
    client.force_login(User.objects.get(username="alpha_admin"))
    board = client.get("/ops/?part=board").content.decode()
    assert f'data-agree="{opened}" data-version="{one["version"]}"' in board
    ops.post(f"{path}assign/")
    status, answer = admin.post(f"{path}agree/", {"version": one["version"]})
    assert (status, answer["code"]) == (409, "proposal_changed")
    assert admin.post(f"{path}agree/", {"version": "the last one"})[0] == 422
    (listed,) = admin.get("/v1/ops/break/")[1]["breaks"]
    assert (listed["break_id"], listed["proposed"]) == (opened, True)
    assert admin.post(f"{path}agree/", {"version": listed["version"]})[0] == 200
    assert admin.get("/v1/ops/break/")[1]["breaks"] == []
    (closed,) = admin.get("/v1/ops/break/?closed=true")[1]["breaks"]
    assert (closed["break_id"], closed["resolution"]) == (opened, "Late.")


# --- the start of the day --------------------------------------------------------------------
def test_intake_is_held_until_the_day_began_clean(
    sandbox: datetime, settings: Any, tmp_path: Any
) -> None:
    settings.OUTSIDE_DIR = tmp_path
    held = start_of_day.hold("alpha", day=sandbox.date())
    assert held is not None
    assert held.code == "start_of_day_hold"
    reconciliation.run("start", day=sandbox.date())
    held = start_of_day.hold("alpha", day=sandbox.date())
    assert held is not None
    assert "Not checked" in held.message
