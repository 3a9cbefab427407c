"""Orders that only a venue knew: before a desk, in suspense, adopted by two, counted once (P09)."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from controls.models import Screening
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, lots, routing
from orders.externals import deciding
from orders.models import (
    Adjustment,
    Break,
    DeskClaim,
    Execution,
    ExecutionOrder,
    ExternalFill,
    ExternalOrder,
    Order,
)
from orders.reconciling import venue
from orders.requests import Instruction
from tests import trading
from tests.integration.orders import limits
from tests.trading import D
from venues.drop_copy import DropCopy, TheirOrder, TheirTrade
from venues.messages import ExecType, OrdStatus

QTY = 2000


@pytest.fixture(autouse=True)
def claimed(sandbox: datetime) -> None:
    """Whatever begins with RATES belongs to that desk of alpha's."""
    for organization_id, prefix, name in (("alpha", "RATES", "rates"), ("beta", "RATES-B", "b")):
        DeskClaim.objects.create(
            organization_id=organization_id, venue_id=trading.VENUE, prefix=prefix, desk=name
        )
    generation.check()


def unknown(cl_ord_id: str = "RATES-1", qty: int = QTY) -> Any:
    """A venue order that nobody here has sent, as the stories' words want it."""
    return SimpleNamespace(id=cl_ord_id, qty=D(qty))


def fill(child: Any, qty: int = QTY, *, cum: int = QTY, **more: Any) -> Any:
    return trading.fill(child, qty, cum=cum, **more)


def ours(qty: int = QTY, **changes: Any) -> ExecutionOrder:
    """An order of ours that is worked outside, with room for a fill."""
    order_id = trading.submit(
        qty=D(qty),
        instructions=(Instruction(protocol="external", strategy="external", qty=D(qty)),),
        **changes,
    )
    routing.drain()
    return ExecutionOrder.objects.get(order_id=order_id)


def propose(row: ExternalOrder, child: ExecutionOrder | None, by: str = "alpha_ops") -> None:
    deciding.propose(
        row.id,
        execution_order_id=child.id if child else "",
        reason="Dealt by telephone.",
        by=trading.person(by),
        at=clock.now(),
    )


def agree(
    row: ExternalOrder,
    by: str = "alpha_admin",
    *,
    agree: bool = True,
    version: int | None = None,
) -> ExternalOrder:
    return deciding.decide(
        row.id, agree=agree, version=version, by=trading.person(by), at=clock.now()
    )


def test_an_unknown_order_is_laid_before_the_desk_with_the_longest_prefix() -> None:
    trading.receive(trading.report(unknown(), ExecType.NEW))
    trading.receive(trading.report(unknown("RATES-B7"), ExecType.NEW))
    trading.receive(trading.report(unknown("STRANGE"), ExecType.NEW))
    rows = ExternalOrder.objects.order_by("cl_ord_id")
    assert [(row.cl_ord_id, row.organization_id, row.desk, row.status) for row in rows] == [
        ("RATES-1", "alpha", "rates", "suspense"),
        ("RATES-B7", "beta", "b", "suspense"),
        ("STRANGE", "house", "", "suspense"),
    ]
    assert Break.objects.filter(kind="unknown_order", closed_at=None).count() == 3


def test_its_fills_count_for_nobody_until_two_people_adopt_them() -> None:
    child = ours()
    trading.receive(fill(unknown(), 1200, cum=1200), fill(unknown(), 800, cum=2000))
    (row,) = ExternalOrder.objects.all()
    assert (row.cum_qty, row.fills_made) == (D(QTY), 2)
    assert not Execution.objects.exists()
    propose(row, child)
    with pytest.raises(OmsError, match="Another person"):
        agree(row, "alpha_ops")
    agree(row)
    fills = list(Execution.objects.order_by("sequence"))
    assert [(one.source, one.qty, one.order_id) for one in fills] == [
        (trading.VENUE, D(1200), child.order_id),
        (trading.VENUE, D(800), child.order_id),
    ]
    order = Order.objects.get(pk=child.order_id)
    assert (order.status, order.cum_qty) == ("filled", D(QTY))
    assert lots.drain() == 1
    (entry,) = Adjustment.objects.all()
    assert (entry.reason_code, entry.made_by.username) == ("our_error", "alpha_ops")
    assert not Break.objects.filter(kind="unknown_order", closed_at=None).exists()


def test_an_adopted_fill_that_takes_a_limit_over_is_told_with_it() -> None:
    child = ours()
    trading.receive(fill(unknown()))
    row = ExternalOrder.objects.get()
    propose(row, child)
    limits.in_force("position.limit", max_qty="1000")
    agree(row)
    told = Event.objects.filter(subject=child.order_id, event_type="limit_breach")
    assert told.count() == 1
    (kept,) = Screening.objects.filter(subject=child.order_id, stage="post_trade")
    assert "2,000 long" in str(kept.results)


def test_a_report_that_comes_twice_is_one_fill() -> None:
    said = fill(unknown())
    trading.receive(said)
    trading.receive(said)
    assert ExternalFill.objects.count() == 1
    assert ExternalOrder.objects.get().cum_qty == D(QTY)


def test_a_later_fill_puts_what_was_adopted_in_suspense_again_and_only_it_is_added() -> None:
    child = ours()
    trading.receive(fill(unknown(), 1200, cum=1200))
    row = ExternalOrder.objects.get()
    propose(row, child)
    agree(row)
    trading.receive(fill(unknown(), 800, cum=2000))
    assert ExternalOrder.objects.get().status == "suspense"
    assert Execution.objects.count() == 1
    propose(row, child)
    agree(row)
    assert [one.qty for one in Execution.objects.order_by("sequence")] == [D(1200), D(800)]


def test_what_was_busted_in_suspense_never_becomes_an_execution() -> None:
    child = ours()
    first = fill(unknown(), 1200, cum=1200)
    gone = fill(unknown(), 0, cum=0, exec_type=ExecType.TRADE_CANCEL, exec_ref_id=first.exec_id)
    trading.receive(first, gone, fill(unknown(), 500, cum=500))
    row = ExternalOrder.objects.get()
    assert row.cum_qty == D(500)
    propose(row, child)
    agree(row)
    assert [one.qty for one in Execution.objects.all()] == [D(500)]


def test_the_bust_of_an_adopted_fill_takes_it_back_once_two_agree() -> None:
    child = ours()
    first = fill(unknown())
    trading.receive(first)
    row = ExternalOrder.objects.get()
    propose(row, child)
    agree(row)
    trading.receive(
        fill(unknown(), 0, cum=0, exec_type=ExecType.TRADE_CANCEL, exec_ref_id=first.exec_id)
    )
    propose(row, child)
    agree(row)
    fills = [(one.kind, one.qty) for one in Execution.objects.order_by("sequence")]
    assert fills == [("trade", D(QTY)), ("bust", D(-QTY))]
    assert Order.objects.get(pk=child.order_id).cum_qty == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"qty": 1000}, "exceeds_open_quantity"), ({"side": "sell"}, "side_differs")],
)
def test_an_order_that_it_does_not_fit_cannot_take_it(changes: dict[str, Any], code: str) -> None:
    child = ours(**changes)
    trading.receive(fill(unknown()))
    with pytest.raises(OmsError) as refused:
        propose(ExternalOrder.objects.get(), child)
    assert refused.value.code == code


def test_an_order_that_was_filled_meanwhile_is_not_overfilled_by_the_second_person() -> None:
    child = ours()
    trading.receive(fill(unknown()))
    row = ExternalOrder.objects.get()
    propose(row, child)
    desk.cancel([child.order_id], by=trading.person(), at=clock.now())
    with pytest.raises(OmsError, match="still open"):
        agree(row)
    assert not Execution.objects.exists()
    assert ExternalOrder.objects.get().status == "proposed"


def test_a_mistake_of_the_venue_is_disowned_by_two_and_explained() -> None:
    trading.receive(fill(unknown()))
    row = ExternalOrder.objects.get()
    propose(row, None)
    assert agree(row).status == "disowned"
    assert Adjustment.objects.get().reason_code == "their_error"
    assert not Execution.objects.exists()


def test_nobody_agrees_to_a_proposal_that_has_changed_since_it_was_read() -> None:
    child = ours()
    trading.receive(fill(unknown()))
    row = ExternalOrder.objects.get()
    propose(row, None)
    seen = ExternalOrder.objects.get().version
    propose(row, child)
    for agreed in (True, False):
        with pytest.raises(OmsError) as refused:
            agree(row, agree=agreed, version=seen)
        assert (refused.value.code, refused.value.status) == ("proposal_changed", 409)
    now = ExternalOrder.objects.get()
    assert (now.status, now.execution_order_id) == ("proposed", child.id)
    assert agree(row, version=now.version).status == "adopted"


@pytest.mark.parametrize("first", ["nobody", "one"])
@pytest.mark.parametrize("then", ["nobody", "another"])
def test_a_proposal_that_changes_while_the_second_person_decides_is_not_decided(
    monkeypatch: pytest.MonkeyPatch, first: str, then: str
) -> None:
    children = {"nobody": None, "one": ours(), "another": ours()}
    trading.receive(fill(unknown()))
    row = ExternalOrder.objects.get()
    propose(row, children[first])
    held = deciding._held

    def late(*about: Any) -> Any:
        monkeypatch.setattr(deciding, "_held", held)
        propose(row, children[then])
        return held(*about)

    monkeypatch.setattr(deciding, "_held", late)
    if first == then:
        assert agree(row).status == "disowned"
        return
    with pytest.raises(OmsError) as refused:
        agree(row)
    assert refused.value.code == "proposal_changed"
    assert not Execution.objects.exists()
    assert ExternalOrder.objects.get().status == "proposed"


def test_the_version_that_somebody_saw_is_shown_and_taken_over_the_api(api: Any) -> None:
    child = ours()
    trading.receive(fill(unknown()))
    propose(ExternalOrder.objects.get(), None)
    status, answer = api("alpha_admin").get("/v1/ops/external-order/?waiting=true")
    (shown,) = answer["external_orders"]
    path = f"/v1/ops/external-order/{shown['external_order_id']}/agree/"
    propose(ExternalOrder.objects.get(), child)
    status, refused = api("alpha_admin").post(path, {"version": shown["version"]})
    assert (status, refused["code"]) == (409, "proposal_changed")
    for wrong in ("1", True, 1.5):
        status, refused = api("alpha_admin").post(path, {"version": wrong})
        assert (status, refused["code"]) == (422, "not_a_number")
    seen = ExternalOrder.objects.get().version
    assert api("alpha_admin").post(path, {"version": seen})[1]["status"] == "adopted"


def test_another_firm_neither_sees_nor_decides_it() -> None:
    trading.receive(fill(unknown()))
    row = ExternalOrder.objects.get()
    with pytest.raises(OmsError) as refused:
        propose(row, None, "beta_ops")
    assert refused.value.code == "not_found"
    with pytest.raises(OmsError):
        propose(row, None, "alpha_trader")


def test_the_drop_copy_of_what_lies_in_suspense_is_no_further_difference() -> None:
    said = fill(unknown())
    trading.receive(said)
    late = clock.now() + timedelta(hours=1)
    copy = DropCopy(
        (TheirOrder(cl_ord_id="RATES-1", cum_qty=D(QTY), is_open=False),),
        (
            TheirTrade(
                exec_id=said.exec_id,
                cl_ord_id="RATES-1",
                qty=D(QTY),
                price=said.last_px,
                trade_date=said.trade_date,
            ),
        ),
    )
    assert venue.run(trading.VENUE, copy, grace=late).found == []
    more = DropCopy((TheirOrder(cl_ord_id="RATES-1", cum_qty=D(9), is_open=False),), copy.trades)
    assert [one.kind for one in venue.run(trading.VENUE, more, grace=late).found] == [
        "venue_order_not_here"
    ]


def test_that_it_ended_at_the_venue_is_noted_and_moves_nothing() -> None:
    trading.receive(trading.report(unknown(), ExecType.NEW))
    trading.receive(
        trading.report(unknown(), ExecType.CANCELED, ord_status=OrdStatus.CANCELED, cum_qty=D(0))
    )
    row = ExternalOrder.objects.get()
    assert (row.ord_status, row.status, row.cum_qty) == ("4", "suspense", D(0))
