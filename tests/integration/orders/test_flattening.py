"""Closing positions out under a reducing halt: two people, the ordinary door, controls noted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from allocations.models import Position
from controls import halts, screening
from controls.models import Halt, Screening
from oms_site.firm import generation, principals
from oms_site.journal.models import Event
from oms_site.kit import clock, correlation
from oms_site.kit.errors import OmsError
from orders import desk, halting, last_look, routing
from orders.books import folding, gate, running
from orders.books.verdicts import Run
from orders.flattening import deciding, proposing, sizing, views, working
from orders.models import Execution, Flatten, FlattenLine, Order, VenueOrder
from orders.requests import AmendAsk, AmendRequest
from tests import hiring, trading
from tests.integration.orders import limits
from venues import instruments, market_data
from venues.messages import ExecType
from venues.models import Outbound, ReferencePrice

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
ACCOUNT = "alpha-002"
ONE = D(1)


def _held(qty: int = 5000, *, side: str = "buy", account: str = ACCOUNT) -> VenueOrder:
    """A filled order: the account holds so much more of the bond, or less."""
    child = trading.routed(qty=D(qty), side=side, account_id=account)
    wire = "1" if side == "buy" else "2"
    trading.receive(
        trading.report(child, ExecType.NEW, side=wire),
        trading.fill(child, qty, cum=qty, side=wire, last_px=D("99.5")),
    )
    return child


def _halt(mode: str = "reducing", scope: str = "account", target: str = ACCOUNT) -> Halt:
    by = trading.person("alpha_compliance")
    found = halting.target_of(scope, target, by=by)
    row = halts.engage(found, reason="a test", cancels=False, by=by, at=clock.now(), mode=mode)
    generation.check()
    return row


def _position() -> Decimal:
    facts = instruments.find(trading.BOND)
    assert facts is not None
    row = Position.objects.filter(account_id=ACCOUNT, instrument_id=facts.id).first()
    return row.qty if row else D(0)


def _propose(halt: Halt, *, by: str = "alpha_trader", collar: Decimal | None = ONE) -> Flatten:
    seen = sizing.seen(sizing.lines(halt, collar=collar, at=clock.now()))
    return proposing.propose(
        halt, collar=collar, reason="out", seen=seen, by=trading.person(by), at=clock.now()
    )


def _approve(row: Flatten, *, by: str = "alpha_compliance", seen: str = "") -> Flatten:
    return deciding.approve(row.id, seen=seen or row.seen, by=trading.person(by), at=clock.now())


def _out(halt: Halt, **how: Any) -> tuple[Flatten, FlattenLine]:
    """Proposed, agreed to and worked; the line of the bond."""
    row = _approve(_propose(halt, **how))
    working.drain()
    return Flatten.objects.get(pk=row.id), _line(row)


def _line(row: Flatten) -> FlattenLine:
    return row.lines.get(instrument__cusip=trading.BOND, account_id=ACCOUNT)


def _order(line: FlattenLine) -> Order:
    return Order.objects.get(flatten_line_id=line.id)


def _code(refused: pytest.ExceptionInfo[OmsError]) -> str:
    return refused.value.code


# --- proposing -----------------------------------------------------------------------------------
def test_what_is_held_is_what_would_be_sold_behind_the_reference(api: Callable[..., Any]) -> None:
    before = _position()
    _held(5000)
    halt = _halt()
    path = f"/v1/kill-switch/{halt.id}/flatten/"
    body = {"price": "limit", "collar_percent": 2}
    status, told = api("alpha_trader").post(f"{path}?dry_run=true", body)
    assert status == 200
    line = next(one for one in told["lines"] if one["instrument_id"] == trading.BOND)
    facts = instruments.find(trading.BOND)
    assert facts is not None
    price = market_data.reference(facts.id)
    assert price is not None
    assert (line["side"], D(str(line["position"]))) == ("sell", before + 5000)
    assert D(str(line["amount"])) == before + 5000
    assert price.mid * D("0.98") <= D(str(line["limit_price"])) < price.mid * D("0.981")
    assert not Flatten.objects.exists()


def test_two_people_close_a_position_out_over_the_api(api: Callable[..., Any]) -> None:
    _held()
    halt = _halt()
    trader, other = api("alpha_trader"), api("alpha_compliance")
    path = f"/v1/kill-switch/{halt.id}/flatten/"
    body = {"price": "limit", "collar_percent": 1}
    _, told = trader.post(f"{path}?dry_run=true", body)
    agreed = {**body, "reason": "out", "seen": told["seen"]}
    assert trader.post(path, {**agreed, "confirm": "yes"})[1]["code"] == "not_confirmed"
    status, made = trader.post(path, {**agreed, "confirm": "close out"})
    assert (status, made["status"]) == (202, "proposed")
    assert not Order.objects.exclude(flatten_line=None).exists(), "one person trades nothing"
    working.drain()
    assert not Order.objects.exclude(flatten_line=None).exists(), "one person trades nothing"
    yes = {"seen": made["seen"], "confirm": "close out"}
    one = f"/v1/flatten/{made['flatten_id']}/"
    assert trader.post(f"{one}approve/", yes)[0] == 403
    status, agreed = other.post(f"{one}approve/", yes)
    assert (status, agreed["status"], agreed["decided_by"]) == (202, "approved", "alpha_compliance")
    working.drain()
    _, done = trader.get(one)
    assert (done["status"], done["counts"]["due"]) == ("done", 0)
    line = next(x for x in done["lines"] if x["instrument_id"] == trading.BOND)
    assert (line["outcome"], line["order_status"]) == ("ordered", "pending_execution")
    assert trader.get(path)[1]["flattens"][0]["flatten_id"] == made["flatten_id"]
    assert api("beta_trader").get(one)[0] == 404
    events = Event.objects.filter(subject=made["flatten_id"]).order_by("seq")
    assert [event.event_type for event in events] == [
        *("flatten_propose", "flatten_approve", "flatten_done")
    ]


def test_its_orders_name_the_request_that_agreed_to_it() -> None:
    _held()
    with correlation.within("rq_propose"):
        row = _propose(_halt())
    with correlation.within("rq_approve"):
        _approve(row)
    working.drain()
    order = _order(_line(row))
    asked = Event.objects.filter(subject=order.id, seq=1).values_list("correlation_id", flat=True)
    assert list(asked) == ["rq_approve"]


def test_only_a_standing_reducing_halt_lets_it() -> None:
    _held()
    by = trading.person()
    with pytest.raises(OmsError) as refused:
        proposing.standing(_halt(mode="halt").id, by=by)
    assert _code(refused) == "not_reducing"
    with pytest.raises(OmsError) as refused:
        sizing.lines(_halt(scope="trader", target="alpha_trader"), collar=None, at=clock.now())
    assert _code(refused) == "flatten_scope"


def test_what_has_moved_since_it_was_seen_is_not_proposed() -> None:
    _held()
    halt = _halt()
    seen = sizing.seen(sizing.lines(halt, collar=None, at=clock.now()))
    trading.submit(side="sell", qty=D(1000))
    with pytest.raises(OmsError) as refused:
        proposing.propose(
            halt, collar=None, reason="out", seen=seen, by=trading.person(), at=clock.now()
        )
    assert _code(refused) == "flatten_moved"


def test_without_a_reference_price_a_limit_is_not_left_out_but_nothing_is_ordered() -> None:
    _held()
    halt = _halt()
    ReferencePrice.objects.filter(instrument__cusip=trading.BOND).delete()
    market_data.forget()
    facts = instruments.find(trading.BOND)
    assert facts is not None

    def line(collar: Decimal | None) -> sizing.Line:
        found = sizing.lines(halt, collar=collar, at=clock.now())
        return next(one for one in found if one.instrument_id == facts.id)

    limited, at_market = line(ONE), line(None)
    assert (limited.qty, limited.limit_price) == (D(0), None)
    assert "no reference price" in limited.note
    assert (at_market.qty, at_market.limit_price, at_market.note) == (_position(), None, "")


# --- deciding ------------------------------------------------------------------------------------
def test_nobody_agrees_to_his_own_proposal() -> None:
    _held()
    user = hiring.hire("alpha_both", of="alpha", roles=["trader", "compliance"])
    both, halt = principals.of_user(user, via="test"), _halt()
    seen = sizing.seen(sizing.lines(halt, collar=ONE, at=clock.now()))
    row = proposing.propose(halt, collar=ONE, reason="out", seen=seen, by=both, at=clock.now())
    with pytest.raises(OmsError) as refused:
        deciding.approve(row.id, seen=seen, by=both, at=clock.now())
    assert _code(refused) == "self_approval"
    with pytest.raises(OmsError) as refused:
        _approve(row, by="alpha_trader")
    assert _code(refused) == "not_entitled"
    with pytest.raises(IntegrityError, match="two_persons_flatten"), transaction.atomic():
        _sql(
            "UPDATE orders_flatten SET decision = 'approved', decided_by_id = proposed_by_id,"
            " version = version + 1"
        )


def test_it_is_agreed_to_in_time_once_and_as_it_was_seen() -> None:
    _held()
    row = _propose(_halt())
    with pytest.raises(OmsError) as refused:
        _approve(row, seen="0" * 64)
    assert _code(refused) == "flatten_moved"
    with pytest.raises(OmsError) as refused:
        deciding.approve(
            row.id,
            seen=row.seen,
            by=trading.person("alpha_compliance"),
            at=clock.now() + timedelta(minutes=11),
        )
    assert _code(refused) == "flatten_expired"
    deciding.refuse(row.id, note="no", by=trading.person(), at=clock.now())
    with pytest.raises(OmsError) as refused:
        _approve(row)
    assert _code(refused) == "already_decided"
    working.drain()
    assert not Order.objects.exclude(flatten_line=None).exists()


# --- ordering ------------------------------------------------------------------------------------
def test_what_is_open_already_is_not_ordered_twice() -> None:
    before = _position()
    _held(5000)
    trading.submit(side="sell", qty=D(2000), bypass_auto_execution=True)
    _, line = _out(_halt())
    assert _order(line).order_qty == before + 3000


def test_what_has_been_sold_meanwhile_is_not_sold_again() -> None:
    before = _position()
    _held(5000)
    row = _approve(_propose(_halt()))
    trading.submit(side="sell", qty=D(4000), bypass_auto_execution=True)
    working.drain()
    assert _order(_line(row)).order_qty == before + 1000


def test_a_drain_that_was_killed_goes_on_and_orders_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _held()
    row = _approve(_propose(_halt()))
    with monkeypatch.context() as patch:
        patch.setattr(working, "_note", lambda said: None)  # killed before it was noted
        working._drain(Flatten.objects.get(pk=row.id))
    made = _order(_line(row)).id
    assert _line(row).outcome == ""
    working.drain()
    assert (_line(row).outcome, _order(_line(row)).id) == ("ordered", made)
    assert Order.objects.exclude(flatten_line=None).count() == 1
    working.drain()
    assert Order.objects.exclude(flatten_line=None).count() == 1


def test_once_the_halt_is_over_nothing_more_is_ordered() -> None:
    _held()
    halt = _halt()
    row = _approve(_propose(halt))
    by, other = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    halts.request_release(halt.id, reason="over", by=by, at=clock.now())
    halts.release(halt.id, by=other, at=clock.now())
    generation.check()
    working.drain()
    assert (_line(row).outcome, _line(row).reason) == ("nothing", "It has been released.")


def test_a_short_position_is_bought_back() -> None:
    had = _position()
    _held(int(had) + 4000, side="sell")
    assert _position() == -4000
    _, line = _out(_halt(), collar=None)
    order = _order(line)
    assert (order.side, order.order_qty, order.ord_type) == ("buy", D(4000), "market")


# --- the gate ------------------------------------------------------------------------------------
def _said(order: Order) -> dict[str, str]:
    row = Screening.objects.get(pk=order.screening_id)
    return {one["control_id"]: one["effect"] for one in screening.read_results(row.results)}


@pytest.mark.parametrize("remediation", ["reject", "flag"])
def test_a_control_of_the_firm_says_what_it_says_and_stops_nothing(remediation: str) -> None:
    _held()
    control = limits.in_force("size.max_quantity", remediation=remediation, max_qty="1")
    flat, line = _out(_halt())
    order = _order(line)
    assert (order.status, line.outcome) == ("pending_execution", "ordered")
    assert _said(order)[control.code] == "exempt"
    assert flat.done_at is not None
    plain = trading.order(trading.submit(side="sell", qty=D(1000)))
    assert plain.status in ("rejected", "pending_approval"), "nobody else is exempt"


def test_what_a_regulator_asks_for_holds_and_is_shown() -> None:
    _held()
    limits.in_force("size.max_quantity", regulatory=True, max_qty="1")
    _, line = _out(_halt())
    assert _order(line).status == "rejected"
    assert line.outcome == "refused"
    assert line.reason.startswith("quantity_over_limit: ")


def test_what_is_restricted_is_not_closed_out() -> None:
    _held()
    limits.listed("frozen", trading.BOND)
    limits.in_force("universe.restricted")
    _, line = _out(_halt())
    assert line.reason.startswith("instrument_restricted: ")
    assert _order(line).status == "rejected"


def test_an_order_that_would_no_longer_lessen_is_stopped_before_the_wire() -> None:
    bought = _held()
    _, line = _out(_halt())
    routing.drain()
    child = VenueOrder.objects.get(order_id=_order(line).id)
    (row,) = Outbound.objects.filter(cl_ord_id=child.id)
    (passed,) = last_look.before_wire(child.venue_id, [row])
    assert passed.cl_ord_id == child.id
    # The purchase is taken back: what the account holds is less than what would be sold.
    trading.receive(
        trading.fill(
            bought,
            5000,
            cum=0,
            exec_type=ExecType.TRADE_CANCEL,
            exec_ref_id=Execution.objects.get(order_id=bought.order_id).exec_id,
            last_px=D("99.5"),
        )
    )
    assert last_look.before_wire(child.venue_id, [row]) == []


def test_what_two_people_agreed_to_is_not_amended() -> None:
    _held()
    _, line = _out(_halt())
    order = _order(line)
    ask = AmendAsk(qty=order.order_qty + 1000)
    (result,) = desk.replace([AmendRequest(order.id, ask)], by=trading.person(), at=clock.now())
    assert result.error is not None
    assert result.error.code == "closes_position"


# --- the database --------------------------------------------------------------------------------
def _sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def test_the_database_lets_no_order_be_exempt_by_the_word_of_one() -> None:
    _held()
    row = _propose(_halt())
    copy = """
        INSERT INTO orders_order SELECT n.* FROM orders_order o, LATERAL jsonb_populate_record(
            o, jsonb_build_object('id', 'mo_copy', 'side', 'sell', 'client_order_id', NULL,
                'flatten_line_id', %s, 'limit_price', (SELECT limit_price FROM orders_flattenline
                WHERE id = %s))) n WHERE o.account_id = %s LIMIT 1"""
    line = _line(row)
    with pytest.raises(IntegrityError, match="two people did not agree"), transaction.atomic():
        _sql(copy, line.id, line.id, ACCOUNT)
    _approve(row)
    _sql(copy, line.id, line.id, ACCOUNT)
    with pytest.raises(IntegrityError, match="one_order_for_a_flatten_line"), transaction.atomic():
        _sql(copy.replace("mo_copy", "mo_other"), line.id, line.id, ACCOUNT)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("orders_flattenline SET outcome = 'nothing'", "worked once"),
        ("orders_flatten SET reason = 'other', version = version + 1", "terms never change"),
        ("orders_flatten SET decision = 'refused', version = version + 1", "decided"),
        (
            "orders_order SET order_qty = order_qty - 1 WHERE flatten_line_id IS NOT NULL",
            "just this",
        ),
    ],
)
def test_the_database_keeps_what_was_agreed_to(change: str, why: str) -> None:
    _held()
    _out(_halt())
    with pytest.raises(IntegrityError, match=why), transaction.atomic():
        _sql(f"UPDATE {change}")


@pytest.mark.parametrize("change", ["qty = qty - 1", "limit_price = 1", "position = 1"])
def test_the_database_keeps_what_is_still_to_be_ordered(change: str) -> None:
    _held()
    _approve(_propose(_halt()))
    with pytest.raises(IntegrityError, match="agreed to"), transaction.atomic():
        _sql(f"UPDATE orders_flattenline SET {change}")


def test_the_database_lets_no_screening_be_exempt_from_nothing() -> None:
    order = trading.order(trading.submit())
    look = """
        INSERT INTO controls_screening SELECT n.* FROM controls_screening s, LATERAL
            jsonb_populate_record(s, '{"id": "scr_copy", "results": [["x", 1, "exempt", null,
            "fl-1", "c", "m"]]}'::jsonb) n WHERE s.id = %s"""
    with pytest.raises(IntegrityError, match="exempt from nothing"), transaction.atomic():
        _sql(f"SET CONSTRAINTS ALL IMMEDIATE; {look}", order.screening_id)


def test_the_books_agree_after_closing_out() -> None:
    _held()
    limits.in_force("size.max_quantity", max_qty="1")
    flat, line = _out(_halt())
    run = Run(at=clock.now(), machine_at=clock.machine_now())
    checks = [*folding.CHECKS, *gate.CHECKS]
    assert [one.name for one in running.run(run, checks=checks) if one.count] == []
    assert views.results(flat)
    assert line.outcome == "ordered"
    trading.check_tree(_order(line).id)
