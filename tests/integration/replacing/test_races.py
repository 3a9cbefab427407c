"""A replace that meets a fill, a cancel, another replace, a lost answer or a silent venue."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from oms_site.kit import clock
from orders import desk
from orders.desk.canceling import CancelResult
from orders.models import Break, Execution, ExecutionOrder, ReplaceLeg, VenueOrder
from orders.replacing import stuck
from tests import policies, trading
from tests.integration.replacing import story
from venues import registry
from venues.messages import CancelReject, ExecType, OrdStatus
from venues.models import Outbound
from venues.smart_routing import VenueFacts

D = Decimal


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _cancel(order_id: str) -> CancelResult:
    (result,) = desk.cancel([order_id], by=trading.person(), at=clock.now())
    return result


def _canceled(child: VenueOrder, **changes: Any) -> Any:
    terms: dict[str, Any] = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0)}
    return trading.report(child, ExecType.CANCELED, **{**terms, **changes})


def _cancel_refused(child: VenueOrder, reason: int) -> CancelReject:
    asked = story.sent("F")[-1]
    said = trading.cancel_refused(child, reason=reason)
    return msgspec.structs.replace(said, orig_cl_ord_id=asked.orig_cl_ord_id)


def test_three_replaces_make_a_chain_and_a_fill_on_any_id_is_the_same_order() -> None:
    order_id, child = story.working(10_000)
    ids = [child.id]
    for qty in (11_000, 12_000, 13_000):
        story.amend(order_id, qty=qty)
        ids.append(story.leg(order_id).id)
        trading.receive(story.replaced(order_id))
    asked = story.sent("G")
    assert [m.orig_cl_ord_id for m in asked] == ids[:-1]
    for n, name in enumerate(ids, start=1):
        trading.receive(trading.fill(child, 1000, cum=1000 * n, cl_ord_id=name))
    order = story.order(order_id)
    assert (order.cum_qty, order.order_qty, order.revision) == (D(4000), D(13_000), 4)
    trading.check_tree(order_id)


def test_a_fill_under_the_new_id_proves_the_replace_before_its_answer_comes() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    late = story.replaced(order_id)
    new_id = story.leg(order_id).id
    part = {"ord_status": OrdStatus.PARTIALLY_FILLED, "leaves_qty": D(1000)}
    new = {"cl_ord_id": new_id, "order_qty": D(12_000)}
    fill = trading.fill(child, 11_000, cum=11_000, **part, **new)
    trading.receive(fill)
    order = story.order(order_id)
    assert (order.order_qty, order.leaves_qty, str(order.status)) == (
        D(12_000),
        D(1000),
        "partially_filled",
    )
    trading.receive(late)
    assert story.order(order_id).order_qty == D(12_000)
    assert not Execution.objects.get(order_id=order_id).overfill
    trading.check_tree(order_id)


def test_a_full_fill_and_then_an_accepted_increase_opens_it_again() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    trading.receive(trading.fill(child, 10_000, cum=10_000))
    order = story.order(order_id)
    assert (str(order.status), order.pending) == ("filled", "replace")
    trading.receive(story.replaced(order_id))
    order = story.order(order_id)
    assert (str(order.status), order.leaves_qty, order.filled_at) == (
        "partially_filled",
        D(2000),
        None,
    )
    assert str(ExecutionOrder.objects.get(order_id=order_id).status) == "partially_filled"
    trading.receive(trading.fill(child, 2000, cum=12_000, cl_ord_id=story.leg(order_id).id))
    assert str(story.order(order_id).status) == "filled"
    trading.check_tree(order_id)


def test_a_cancel_may_follow_a_replace_and_wins() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    assert _cancel(order_id).outcome == "pending"
    order = story.order(order_id)
    assert (order.pending, order.amending) == ("cancel", "sent")
    trading.receive(story.replaced(order_id))
    assert story.order(order_id).pending == "cancel"
    trading.receive(_canceled(child, order_qty=D(12_000)))
    order = story.order(order_id)
    assert (str(order.status), order.order_qty, order.amending) == ("canceled", D(12_000), "")
    trading.check_tree(order_id)


def test_a_cancel_that_comes_first_ends_the_replace() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    _cancel(order_id)
    trading.receive(_canceled(child))
    assert str(story.order(order_id).status) == "canceled"
    assert story.replacement(order_id).code == "order_ended"
    trading.receive(story.refused(order_id, reason=0))
    assert story.replacement(order_id).code == "order_ended"
    trading.check_tree(order_id)


def test_a_venue_that_did_replace_it_before_it_ended_is_believed_when_it_says_so_late() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    late = story.replaced(order_id)
    trading.receive(_canceled(child), late)
    order = story.order(order_id)
    assert (str(order.status), order.order_qty, order.revision) == ("canceled", D(12_000), 2)
    assert str(story.replacement(order_id).status) == "replaced"
    trading.check_tree(order_id)


def test_a_busy_venue_is_asked_to_cancel_again_when_it_has_answered_the_replace() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    result = _cancel(order_id)
    trading.receive(_cancel_refused(child, 3))
    assert story.order(order_id).pending == "cancel"
    assert len(story.sent("F")) == 1
    trading.receive(story.replaced(order_id))
    first, second = story.sent("F")
    assert second.orig_cl_ord_id == story.leg(order_id).id
    assert first.cl_ord_id != second.cl_ord_id
    trading.receive(_cancel_refused(child, 1))
    assert story.order(order_id).pending == ""
    assert story.body(order_id, "cancel_reject")["cancel_request_id"] == result.cancel_id
    trading.check_tree(order_id)


def test_a_cancel_under_an_old_id_is_sent_again_under_the_new_one_a_few_times() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    _cancel(order_id)
    trading.receive(story.replaced(order_id), _cancel_refused(child, 1))
    assert [m.orig_cl_ord_id for m in story.sent("F")] == [child.id, story.leg(order_id).id]
    assert story.order(order_id).pending == "cancel"


def test_a_cancel_that_was_too_late_names_the_request_it_answers() -> None:
    order_id, child = story.working(10_000)
    result = _cancel(order_id)
    trading.receive(trading.fill(child, 10_000, cum=10_000))
    assert story.body(order_id, "cancel_reject")["cancel_request_id"] == result.cancel_id


def test_a_fill_inside_the_answer_is_missed_and_asked_for() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    trading.receive(story.replaced(order_id, cum_qty=D(3000), leaves_qty=D(9000)))
    assert VenueOrder.objects.get(pk=child.pk).in_doubt
    assert Break.objects.filter(kind="cum_qty_mismatch", order_id=order_id).exists()
    assert story.sent("H")[-1].cl_ord_id == story.leg(order_id).id
    hidden = trading.fill(child, 3000, cum=3000, cl_ord_id=story.leg(order_id).id)
    trading.receive(hidden)
    assert not VenueOrder.objects.get(pk=child.pk).in_doubt


def test_a_second_amendment_waits_for_the_first() -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, qty=12_000)
    error = story.amend(order_id, qty=13_000).error
    assert error is not None
    assert error.code == "replacement_pending"
    trading.receive(story.refused(order_id))
    assert story.amend(order_id, qty=13_000).outcome == "pending"
    assert story.replacement(order_id).revision == 4


def test_a_silent_venue_is_asked_again_and_nothing_is_guessed() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    start = clock.now()
    for minutes in (1, 5, 10):
        with clock.frozen_at(start + timedelta(minutes=minutes, seconds=1)):
            assert stuck.sweep() == 1
    order = story.order(order_id)
    assert (order.pending, order.order_qty) == ("replace", D(10_000))
    assert VenueOrder.objects.get(pk=child.pk).in_doubt
    assert Break.objects.filter(kind="replace_unanswered", order_id=order_id).count() == 1
    assert [m.cl_ord_id for m in story.sent("H")] == [child.id] * 3
    # It has the order on its old terms: still nobody's answer to the replace.
    trading.receive(trading.report(child, ExecType.ORDER_STATUS))
    assert story.order(order_id).pending == "replace"
    # It has it on the new ones: that is an answer.
    new = {"cl_ord_id": story.leg(order_id).id, "orig_cl_ord_id": child.id, "order_qty": D(12_000)}
    trading.receive(trading.report(child, ExecType.ORDER_STATUS, leaves_qty=D(12_000), **new))
    order = story.order(order_id)
    assert (order.pending, order.order_qty) == ("", D(12_000))
    assert not VenueOrder.objects.get(pk=child.pk).in_doubt


def test_a_replace_that_nobody_asked_for_is_looked_at_by_a_person() -> None:
    order_id, child = story.working(10_000)
    said = trading.report(child, ExecType.REPLACED, orig_cl_ord_id=child.id, cl_ord_id="strange")
    trading.receive(said)
    assert Break.objects.filter(kind="unknown_replace", order_id=order_id).exists()
    assert story.order(order_id).order_qty == D(10_000)


# --- busts, corrections and late fills after a replace -----------------------------------------
def test_a_bust_after_a_replace_gives_back_to_the_new_terms() -> None:
    order_id, child = story.working(10_000)
    first = trading.fill(child, 4000, cum=4000)
    trading.receive(first)
    story.amend(order_id, qty=6000)
    trading.receive(story.replaced(order_id))
    new_id = story.leg(order_id).id
    trading.receive(trading.fill(child, 2000, cum=6000, cl_ord_id=new_id, order_qty=D(6000)))
    assert str(story.order(order_id).status) == "filled"
    bust = trading.report(
        child,
        ExecType.TRADE_CANCEL,
        exec_ref_id=first.exec_id,
        cl_ord_id=new_id,
        cum_qty=D(2000),
        last_qty=D(4000),
    )
    trading.receive(bust)
    order = story.order(order_id)
    assert (str(order.status), order.cum_qty, order.leaves_qty) == (
        "partially_filled",
        D(2000),
        D(4000),
    )
    trading.check_tree(order_id)


def test_a_correction_and_a_late_fill_after_a_canceled_replaced_order_are_kept() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    trading.receive(story.replaced(order_id))
    new_id = story.leg(order_id).id
    first = trading.fill(child, 1000, cum=1000, cl_ord_id=new_id)
    trading.receive(first)
    _cancel(order_id)
    trading.receive(_canceled(child, cl_ord_id="vc", orig_cl_ord_id=new_id, cum_qty=D(1000)))
    correct = trading.report(
        child,
        ExecType.TRADE_CORRECT,
        exec_ref_id=first.exec_id,
        cl_ord_id=new_id,
        last_qty=D(1500),
        last_px=D("99.4"),
        cum_qty=D(1500),
    )
    trading.receive(correct, trading.fill(child, 500, cum=2000, cl_ord_id=new_id))
    order = story.order(order_id)
    assert (str(order.status), order.cum_qty) == ("canceled", D(2000))
    assert Break.objects.filter(kind="late_fill", order_id=order_id).exists()
    trading.check_tree(order_id)


def test_a_report_of_an_unknown_replaced_id_is_kept_as_a_break() -> None:
    _, child = story.working(10_000)
    trading.receive(trading.fill(child, 1000, cum=1000, cl_ord_id="vr_NOBODY", orig_cl_ord_id=""))
    assert Break.objects.filter(kind="unknown_order").exists()


def test_more_than_its_share_freezes_what_else_works_the_order() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    one, other = trading.execute(order_id, 4000), trading.execute(order_id, 6000)
    trading.receive(trading.report(one, ExecType.NEW), trading.report(other, ExecType.NEW))
    trading.receive(trading.fill(one, 5000, cum=5000))
    frozen = ExecutionOrder.objects.get(pk=other.execution_order_id)
    assert frozen.pending == "cancel"
    assert [m.orig_cl_ord_id for m in story.sent("F")] == [other.id]
    trading.receive(_canceled(other))
    order = story.order(order_id)
    assert (str(order.status), order.leaves_qty) == ("partially_filled", D(5000))
    trading.check_tree(order_id)


# --- a venue that cannot replace ---------------------------------------------------------------
@pytest.fixture
def plain_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry.find

    def find(venue_id: str) -> VenueFacts | None:
        known = real(venue_id)
        return known and dataclasses.replace(known, replaces=False)

    monkeypatch.setattr(registry, "find", find)


@pytest.mark.usefixtures("plain_venue")
def test_what_a_venue_cannot_replace_is_canceled_and_its_proven_rest_sent_anew() -> None:
    order_id, child = story.working(10_000)
    trading.receive(trading.fill(child, 1000, cum=1000))
    story.amend(order_id, qty=12_000, limit_price="99.6")
    assert story.sent("G") == []
    (cancel,) = story.sent("F")
    assert cancel.orig_cl_ord_id == child.id
    trading.receive(trading.fill(child, 500, cum=1500))
    trading.receive(_canceled(child, cl_ord_id=cancel.cl_ord_id, cum_qty=D(1500)))
    successor = story.child(order_id)
    assert successor.id != child.id
    assert (successor.qty, successor.limit_price) == (D(10_500), D("99.6"))
    assert story.sent("D")[-1].cl_ord_id == successor.id
    order = story.order(order_id)
    assert (order.order_qty, order.cum_qty, order.leaves_qty, order.revision) == (
        D(12_000),
        D(1500),
        D(10_500),
        2,
    )
    assert story.leg(order_id).successor_id == successor.id
    trading.receive(trading.fill(successor, 10_500, cum=10_500))
    assert str(story.order(order_id).status) == "filled"
    trading.check_tree(order_id)


@pytest.mark.usefixtures("plain_venue")
def test_nothing_is_sent_anew_before_the_venue_has_told_of_all_its_fills() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    (cancel,) = story.sent("F")
    gone = _canceled(child, cl_ord_id=cancel.cl_ord_id, cum_qty=D(2000))
    trading.receive(gone)
    assert VenueOrder.objects.get(pk=child.pk).in_doubt
    assert VenueOrder.objects.filter(order_id=order_id).count() == 1
    trading.receive(trading.fill(child, 2000, cum=2000))
    trading.receive(
        trading.report(child, ExecType.ORDER_STATUS, ord_status=OrdStatus.CANCELED, cum_qty=D(2000))
    )
    assert story.child(order_id).qty == D(10_000)
    trading.check_tree(order_id)


@pytest.mark.usefixtures("plain_venue")
def test_a_new_order_that_is_refused_leaves_the_rest_staged_and_alarms() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    (cancel,) = story.sent("F")
    trading.receive(_canceled(child, cl_ord_id=cancel.cl_ord_id))
    successor = story.child(order_id)
    trading.receive(
        trading.report(successor, ExecType.REJECTED, ord_status=OrdStatus.REJECTED, leaves_qty=D(0))
    )
    order = story.order(order_id)
    assert (str(order.status), order.leaves_qty) == ("pending_execution", D(12_000))
    assert Break.objects.filter(kind="replacement_refused", order_id=order_id).exists()
    assert trading.execute(order_id, 12_000).qty == D(12_000)


@pytest.mark.usefixtures("plain_venue")
def test_a_fill_beats_the_cancel_that_stands_for_a_replace() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    trading.receive(trading.fill(child, 10_000, cum=10_000))
    trading.receive(story.refused(order_id, reason=0))
    order = story.order(order_id)
    assert (str(order.status), order.pending, order.revision) == ("filled", "", 1)
    assert story.replacement(order_id).code == "too_late"


@pytest.mark.usefixtures("plain_venue")
def test_a_cancel_in_between_leaves_nothing_to_send_anew() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    _cancel(order_id)
    first, _ = story.sent("F")
    trading.receive(_canceled(child, cl_ord_id=first.cl_ord_id))
    assert str(story.order(order_id).status) == "canceled"
    assert VenueOrder.objects.filter(order_id=order_id).count() == 1
    assert story.replacement(order_id).code == "order_ended"


def test_what_is_not_at_a_venue_changes_at_once() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    assert story.amend(order_id, qty=12_000, limit_price="99.7").outcome == "replaced"
    order = story.order(order_id)
    assert (order.order_qty, order.leaves_qty, order.limit_price) == (
        D(12_000),
        D(12_000),
        D("99.7"),
    )
    assert not Outbound.objects.filter(kind="G").exists()
    assert ReplaceLeg.objects.count() == 0


def test_quantity_that_nobody_has_taken_changes_first() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    child = trading.execute(order_id, 4000)
    assert story.amend(order_id, qty=5000).outcome == "replaced"
    assert VenueOrder.objects.get(pk=child.pk).qty == D(4000)
    assert story.amend(order_id, qty=3000).outcome == "pending"
    assert story.sent("G")[-1].order_qty == D(3000)
    trading.receive(story.replaced(order_id))
    assert story.order(order_id).leaves_qty == D(3000)
    trading.check_tree(order_id)


def test_another_limit_goes_to_every_execution_order_and_each_answers_for_itself() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    one, other = trading.execute(order_id, 4000), trading.execute(order_id, 6000)
    assert story.amend(order_id, limit_price="99.7").outcome == "pending"
    legs = list(ReplaceLeg.objects.order_by("id"))
    assert {leg.venue_order_id for leg in legs} == {one.id, other.id}
    assert story.amend(order_id, limit_price="99.8").error is not None
    trading.receive(_answer(one, legs), _refusal(other, legs))
    order = story.order(order_id)
    assert (order.limit_price, order.revision, order.pending) == (D("99.7"), 2, "")
    rows = {row.id: row.limit_price for row in ExecutionOrder.objects.all()}
    assert rows == {one.execution_order_id: D("99.7"), other.execution_order_id: D("99.5")}
    trading.check_tree(order_id)


def test_a_tighter_limit_that_one_venue_refuses_stays_the_old_one() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    one, other = trading.execute(order_id, 4000), trading.execute(order_id, 6000)
    story.amend(order_id, limit_price="99.3")
    legs = list(ReplaceLeg.objects.order_by("id"))
    trading.receive(_answer(one, legs), _refusal(other, legs))
    order = story.order(order_id)
    assert (order.limit_price, order.revision) == (D("99.5"), 2)
    assert story.body(order_id, "replace")["as_asked"] is False


def _answer(child: VenueOrder, legs: list[ReplaceLeg]) -> Any:
    leg = next(leg for leg in legs if leg.venue_order_id == child.id)
    return trading.report(
        child, ExecType.REPLACED, cl_ord_id=leg.id, orig_cl_ord_id=child.id, order_qty=leg.qty
    )


def _refusal(child: VenueOrder, legs: list[ReplaceLeg]) -> CancelReject:
    leg = next(leg for leg in legs if leg.venue_order_id == child.id)
    return CancelReject(
        seq=trading.next_seq(),
        order_id=f"V-{child.id}",
        cl_ord_id=leg.id,
        orig_cl_ord_id=child.id,
        ord_status=OrdStatus.NEW,
        cxl_rej_reason=99,
        transact_time=clock.now(),
        response_to="2",
        text="no",
    )
