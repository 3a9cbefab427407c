"""New terms pass the gate before anything is sent: rejected, flagged, released, counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from django.db import DatabaseError, connection, transaction

from controls import reviews
from controls.models import Review, Screening
from oms_site.firm import principals
from oms_site.firm.models import User
from oms_site.kit import clock
from orders import desk, expiry, holdings, last_look, routing
from orders.desk.reviewing import Decision
from orders.models import ExecutionOrder, Order
from orders.review_desk import context, queue
from tests import hiring, policies, trading
from tests.integration.orders.limits import in_force, listed
from tests.integration.replacing import story
from venues import messages, transmission
from venues.models import Outbound

D = Decimal
FLAGGED, REJECTED = "107", "125"  # alpha flags limits 5 % off the reference, rejects 20 %


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _decide(order_id: str, *, approve: bool = True, by: str = "alpha_compliance") -> Decision:
    return desk.decide(
        order_id,
        approve=approve,
        annotation="looked at",
        client_decision_id="",
        by=trading.person(by),
        at=clock.now(),
    )


def test_a_control_that_rejects_the_new_terms_leaves_the_order_working() -> None:
    order_id, child = story.working(10_000)
    result = story.amend(order_id, limit_price=REJECTED)
    assert result.error is not None
    assert result.outcome == "rejected"
    assert story.sent("G") == []
    order = story.order(order_id)
    assert (order.limit_price, order.pending, order.revision) == (D("99.5"), "", 1)
    kept = Screening.objects.get(pk=story.replacement(order_id).screening_id)
    assert (kept.outcome, kept.subject_version, kept.stage) == ("rejected", 2, "replace")
    trading.receive(trading.fill(child, 10_000, cum=10_000))
    assert str(story.order(order_id).status) == "filled"


def test_flagged_terms_wait_for_a_second_person_while_the_old_ones_go_on() -> None:
    order_id, child = story.working(10_000)
    result = story.amend(order_id, limit_price=FLAGGED)
    assert (result.error, result.outcome) == (None, "review")
    order = story.order(order_id)
    assert (order.amending, order.pending) == ("review", "")
    assert story.sent("G") == []
    trading.receive(trading.fill(child, 1000, cum=1000))
    assert _decide(order_id).error is None
    (message,) = story.sent("G")
    assert message.price == D(FLAGGED)
    assert story.order(order_id).pending == "replace"
    trading.receive(story.replaced(order_id))
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert (row.order_version, row.screening_outcome, row.review_status) == (
        2,
        "flagged",
        "approved",
    )
    assert story.order(order_id).revision == 2


def test_terms_refused_in_review_change_nothing() -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, limit_price=FLAGGED)
    assert _decide(order_id, approve=False).error is None
    assert story.replacement(order_id).code == "rejected_in_review"
    order = story.order(order_id)
    assert (order.amending, order.asked_qty, order.revision) == ("", None, 1)
    assert story.amend(order_id, limit_price="99.6").outcome == "pending"


def test_a_policy_that_holds_sends_nothing_more_until_the_review_has_ended(
    sandbox: datetime,
) -> None:
    policies.agreed(preset="full", rules={"amendment_review": "hold"}, at=sandbox)
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    story.amend(order_id, limit_price=FLAGGED)
    assert story.order(order_id).pending == "replace"
    refused = desk.execute(
        order_id, trading.instruction(1000), by=trading.person(), at=clock.now()
    ).error
    assert refused is not None
    assert refused.code == "order_pending_replace"
    _decide(order_id, approve=False)
    assert trading.execute(order_id, 1000).qty == D(1000)


def test_the_maker_of_new_terms_does_not_release_them() -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, limit_price=FLAGGED)
    refused = desk.decide(
        order_id,
        approve=True,
        annotation="mine",
        client_decision_id="",
        by=trading.person("alpha_trader"),
        at=clock.now(),
    ).error
    assert refused is not None
    assert story.sent("G") == []


def _trader_who_reviews_and_a_colleague() -> None:
    hiring.give(User.objects.get(username="alpha_trader"), ["trader", "compliance"])
    hiring.give(User.objects.get(username="alpha_ops"), ["trader"])
    principals.forget()


def test_who_entered_an_order_does_not_release_what_a_colleague_made_of_it() -> None:
    _trader_who_reviews_and_a_colleague()
    order_id = trading.submit(by="alpha_trader", limit_price=D(FLAGGED))
    assert story.amend(order_id, "alpha_ops", limit_price="108").outcome == "replaced"
    refused = _decide(order_id, by="alpha_trader").error
    assert refused is not None
    assert (refused.code, refused.status) == ("self_approval", 403)
    assert str(story.order(order_id).status) == "pending_approval"
    assert story.body(order_id, "manual_approve_fail")["reason"] == "self_approval"
    assert _decide(order_id).error is None
    # To refuse is no release.
    mine = trading.submit(by="alpha_trader", limit_price=D("107.5"))
    story.amend(mine, "alpha_ops", limit_price="108.5")
    assert _decide(mine, approve=False, by="alpha_trader").error is None


def test_the_database_refuses_the_approval_of_who_entered_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _trader_who_reviews_and_a_colleague()
    order_id = trading.submit(by="alpha_trader", limit_price=D(FLAGGED))
    story.amend(order_id, "alpha_ops", limit_price="108")
    decided = reviews.decide
    monkeypatch.setattr(
        reviews, "decide", lambda *row, **how: decided(*row, **{**how, "author_id": None})
    )
    with pytest.raises(DatabaseError, match="who entered an order does not approve it"):
        _decide(order_id, by="alpha_trader")


def test_a_cancel_ends_the_review_of_new_terms() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    story.amend(order_id, limit_price=FLAGGED)
    desk.cancel([order_id], by=trading.person(), at=clock.now())
    assert str(story.order(order_id).status) == "canceled"
    assert story.replacement(order_id).code == "order_ended"
    assert [str(r.status) for r in Review.objects.filter(subject=order_id)] == ["withdrawn"]


def test_the_end_of_the_day_ends_it_too() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    story.amend(order_id, limit_price=FLAGGED)
    with clock.frozen_at(story.order(order_id).expires_at):
        expiry.sweep()
    assert str(story.order(order_id).status) == "expired"
    assert story.replacement(order_id).code == "order_ended"


def test_an_order_that_waits_for_approval_is_looked_at_as_it_is_now() -> None:
    order_id = trading.submit(limit_price=D(FLAGGED))
    assert str(story.order(order_id).status) == "pending_approval"
    assert story.amend(order_id, limit_price="108").outcome == "replaced"
    reviews = Review.objects.filter(subject=order_id).order_by("id")
    assert [(str(r.status), r.subject_version) for r in reviews] == [("withdrawn", 1), ("open", 2)]
    assert _decide(order_id).error is None
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert (row.order_version, row.limit_price) == (2, D(108))


def test_an_order_that_waits_for_approval_and_needs_none_any_more_goes_its_way() -> None:
    order_id = trading.submit(limit_price=D(FLAGGED))
    assert story.amend(order_id, limit_price="99.5").outcome == "replaced"
    assert str(story.order(order_id).status) == "pending_execution"
    routing.drain()
    assert ExecutionOrder.objects.get(order_id=order_id).order_version == 2


def test_limits_count_the_greater_of_old_and_new_until_the_venue_answers() -> None:
    in_force("exposure.gross", max_gross="20000")

    def room(qty: int) -> bool:
        with trading.for_this_example():
            return trading.order(trading.submit(qty=D(qty))).reject_code == ""

    order_id, _ = story.working(10_000)  # 9,950
    story.amend(order_id, qty=15_000)  # 14,925
    assert not room(6000)
    trading.receive(story.refused(order_id))
    assert room(6000)
    story.amend(order_id, qty=5000)
    assert not room(11_000)
    trading.receive(story.replaced(order_id))
    assert room(11_000)


def test_a_replace_over_the_limit_is_rejected_while_the_order_goes_on() -> None:
    in_force("exposure.gross", max_gross="12000")
    order_id, _ = story.working(10_000)
    result = story.amend(order_id, qty=13_000)
    assert result.error is not None
    assert result.error.code == "gross_exposure_over_limit"
    assert story.amend(order_id, qty=12_000).outcome == "pending"


@pytest.mark.parametrize(("qty", "sent"), [(12_000, 0), (8000, 1)])
def test_what_a_control_rejects_by_now_is_not_sent_unless_it_asks_for_less(
    qty: int, sent: int
) -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, qty=qty)
    in_force("universe.restricted", lists=["stop"])
    listed("stop", trading.BOND)
    transmission.take_due(trading.VENUE)
    rows = list(Outbound.objects.filter(kind="G"))
    assert len(last_look.before_wire(trading.VENUE, rows)) == sent
    order = story.order(order_id)
    assert (order.pending, order.order_qty) == ("replace" if sent else "", D(10_000))
    if not sent:
        assert story.body(order_id, "replace_reject")["code"] == "instrument_restricted"


def test_a_replace_that_its_venues_format_cannot_say_ends_before_the_wire() -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, qty=8000)
    transmission.take_due(trading.VENUE)
    (row,) = Outbound.objects.filter(kind="G")
    said = messages.decode_outgoing(row.body)
    extended = msgspec.structs.replace(said, extensions=(("peg_offset", "1"),))
    row.body = messages.encode(extended).decode()
    assert last_look.before_wire(trading.VENUE, [row]) == []
    assert story.order(order_id).pending == ""
    assert story.body(order_id, "replace_reject")["code"] == "venue_format_refused"
    trading.check_tree(order_id)


def test_the_price_that_a_replace_asks_for_is_looked_at_before_the_wire() -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, limit_price="101")
    transmission.take_due(trading.VENUE)
    rows = list(Outbound.objects.filter(kind="G"))
    with trading.for_this_example():
        in_force("price.collar", max_percent="3", max_age_s=10**7)
        assert last_look.before_wire(trading.VENUE, rows) == rows
    in_force("price.collar", max_percent="0.5", max_age_s=10**7)
    assert last_look.before_wire(trading.VENUE, rows) == []
    assert story.body(order_id, "replace_reject")["code"] == "price_outside_collar"


# --- duplicates ----------------------------------------------------------------------------------
def _twice() -> str:
    """The second of two equal orders, flagged as a duplicate."""
    in_force("duplicates.economic", remediation="flag", window_s=60)
    stop = {"ord_type": "stop_limit", "side": "sell", "limit_price": D("97.5"), "stop_price": D(98)}
    trading.submit(**stop)
    with clock.frozen_at(clock.now() + timedelta(seconds=30)):
        order_id = trading.submit(**stop)
    assert story.order(order_id).status == "pending_approval"
    return order_id


def _reviews(order_id: str) -> list[tuple[str, int]]:
    rows = Review.objects.filter(subject=order_id).order_by("opened_at", "subject_version")
    return [(str(row.status), row.subject_version) for row in rows]


@pytest.mark.parametrize("later_s", [31, 600])
def test_a_duplicate_does_not_get_round_its_review_by_an_amendment(later_s: int) -> None:
    order_id = _twice()
    with clock.frozen_at(clock.now() + timedelta(seconds=later_s)):
        assert story.amend(order_id, stop_price="98.1").outcome == "replaced"
    assert story.order(order_id).status == "pending_approval"
    assert _reviews(order_id) == [("withdrawn", 1), ("open", 2)]


def test_what_is_amended_away_and_back_to_a_duplicate_is_one() -> None:
    order_id = _twice()
    with clock.frozen_at(clock.now() + timedelta(seconds=31)):
        story.amend(order_id, limit_price="97.6")
        assert story.order(order_id).status == "pending_execution"
        assert story.amend(order_id, limit_price="97.5").outcome == "review"
    assert _reviews(order_id) == [("withdrawn", 1), ("open", 3)]


def test_an_order_is_no_duplicate_of_itself() -> None:
    in_force("duplicates.economic", remediation="flag", window_s=60)
    order_id, _ = story.working(10_000)
    story.amend(order_id, qty=9000)
    trading.receive(story.replaced(order_id))
    assert story.amend(order_id, qty=10_000).outcome == "pending"


def _refused_by_the_database(sql: str, key: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [key])


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders_order SET order_qty = 1, version = version + 1 WHERE id = %s",
        "UPDATE orders_order SET revision = 2, version = version + 1 WHERE id = %s",
        "UPDATE orders_order SET order_qty = 9, revision = 2, version = version + 1 WHERE id = %s",
        "UPDATE orders_executionorder SET qty = 9, version = version + 1 WHERE order_id = %s",
        "UPDATE orders_executionorder SET order_version = 2, version = version + 1"
        " WHERE order_id = %s",
        "UPDATE orders_venueorder SET qty = 9, version = version + 1 WHERE order_id = %s",
        "UPDATE orders_venueorder SET limit_price = 9, version = version + 1 WHERE order_id = %s",
    ],
)
def test_the_database_refuses_terms_without_their_revision(sql: str) -> None:
    order_id, _ = story.working(10_000)
    _refused_by_the_database(sql, order_id)


def test_the_database_refuses_an_execution_order_cleared_for_older_terms() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    row = Order.objects.get(pk=order_id)
    story.amend(order_id, limit_price="99.6")
    assert story.order(order_id).revision == 2
    old = row.screening_id
    sql = f"""
        INSERT INTO orders_executionorder (id, organization_id, version, order_id, order_version,
            screening_id, screening_outcome, fingerprint, protocol, strategy, qty, all_or_none,
            suppress_pmp_check, fees, annotation, origin, rule, created_at, status, pending,
            cum_qty, leaves_qty, gross, ended, reason, cancel_request_id)
        SELECT 'eo_old', o.organization_id, 1, o.id, 1, '{old}', 'passed', '', 'external',
            'external', 1000, false, false, '[]', '', 'test', '', now(), 'pending_execution', '',
            0, 1000, 0, '', '', '' FROM orders_order o WHERE o.id = %s"""
    _refused_by_the_database(sql, order_id)


def test_terms_that_were_in_force_never_change() -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, qty=9000)
    trading.receive(story.replaced(order_id))
    _refused_by_the_database(
        "UPDATE orders_orderterms SET order_qty = 1 WHERE order_id = %s", order_id
    )


def test_a_reviewer_sees_the_terms_that_it_is_to_have() -> None:
    order_id, _ = story.working(10_000)
    story.amend(order_id, qty=12_000, limit_price=FLAGGED)
    (row,) = [one for one in queue.waiting("alpha") if one["order"] == order_id]
    assert (row["par"], row["lim"], row["version"]) == ("12000", "107.000", 2)
    review = Review.objects.get(subject=order_id, status="open")
    shown = context.context(review, by=trading.person("alpha_compliance"), at=clock.now())
    assert (shown["limit"], shown["asked"].was_limit_price) == (D(FLAGGED), D("99.5"))


def test_cash_is_reserved_for_the_greater_of_old_and_new_too() -> None:
    order_id, _ = story.working(10_000)
    account = str(story.order(order_id).account_id)

    def reserved() -> Decimal:
        return sum(holdings.reservations([account]).cash.values(), D(0))

    # 10,000 at 99.5 and 84.15 of interest; of 15,000 it is 126.23.
    assert reserved() == D("10034.15")
    story.amend(order_id, qty=15_000)
    assert reserved() == D("15051.23")
    trading.receive(story.refused(order_id))
    assert reserved() == D("10034.15")
