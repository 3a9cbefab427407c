"""Requests for quotes: nothing trades before the dealer says so, and every answer is kept."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import closing, desk, routing, tree
from orders.models import ExecutionOrder, Quote, Rfq, VenueOrder
from orders.rfq import decisions, sweeping
from tests import quoting, trading
from tests.quoting import BROAD, LOOK, SHY, SWIFT
from venues import messages, transmission
from venues.messages import ExecType, OrdStatus
from venues.models import Inbound, Outbound

pytestmark = [pytest.mark.usefixtures("sandbox"), pytest.mark.django_db]
PRICES = ((SWIFT, "99.30"), (BROAD, "99.45"), (LOOK, "99.25"))


def _code(result: object) -> str:
    error = getattr(result, "error", None)
    return error.code if error else ""


def _events(rfq: Rfq) -> list[str]:
    return list(
        Event.objects.filter(subject=rfq.id).order_by("seq").values_list("event_type", flat=True)
    )


def test_every_answer_of_every_dealer_is_kept_passes_too() -> None:
    rfq = quoting.ask(quoting.staged(), dealers=(SWIFT, LOOK, SHY, "DLR-MUTE"))
    quoting.hear(
        quoting.said(rfq, SWIFT, "99.30"),
        quoting.said(rfq, LOOK, "99.25"),
        quoting.passing(rfq, SHY),
    )
    rfq = quoting.fresh(rfq)
    assert rfq.status == "quoting"
    found = quoting.quotes(rfq)
    assert {k: (q.status, q.price) for k, q in found.items()} == {
        SWIFT: ("active", Decimal("99.30")),
        LOOK: ("active", Decimal("99.25")),
        SHY: ("passed", None),
    }
    assert _events(rfq) == ["rfq_create", "rfq_quote", "rfq_quote", "rfq_pass"]


def test_a_hit_is_pending_until_the_dealers_execution_report() -> None:
    order_id = quoting.staged()
    rfq = quoting.ask(order_id)
    found = quoting.quoted(rfq, PRICES)
    made = quoting.hit(found[LOOK])
    assert not _code(made)
    child = quoting.child(made)
    assert (child.status, child.venue_id, child.limit_price) == (
        "pending_new",
        "SIMQ",
        Decimal("99.25"),
    )
    order = trading.order(order_id)
    assert (str(order.status), order.cum_qty) == ("pending_execution", Decimal(0))
    sent = Outbound.objects.get(cl_ord_id=child.id)
    assert sent.kind == "AJ1"
    hit = messages.decode_outgoing(sent.body)
    assert isinstance(hit, messages.QuoteResponse)
    assert (hit.quote_id, hit.order_qty, hit.price) == (
        found[LOOK].quote_ref,
        Decimal(3000),
        Decimal("99.25"),
    )
    quoting.hear(trading.fill(child, 3000, cum=3000, last_px=Decimal("99.25")))
    assert trading.order(order_id).status == "filled"
    rfq = quoting.fresh(rfq)
    assert rfq.status == "executed"
    trading.check_tree(order_id)


def test_the_losing_quotes_are_ranked_as_cover_tied_and_done_away() -> None:
    order_id = quoting.staged()
    rfq = quoting.ask(order_id, dealers=(SWIFT, BROAD, LOOK, "DLR-FICKLE", SHY))
    found = quoting.quoted(
        rfq, ((LOOK, "99.25"), (SWIFT, "99.25"), (BROAD, "99.45"), ("DLR-FICKLE", "99.31"))
    )
    made = quoting.hit(found[LOOK])
    quoting.hear(trading.fill(quoting.child(made), 3000, cum=3000, last_px=Decimal("99.25")))
    assert {k: (q.status, q.rank) for k, q in quoting.quotes(rfq).items()} == {
        LOOK: ("done", 1),
        SWIFT: ("tied", 2),
        "DLR-FICKLE": ("cover", 3),
        BROAD: ("done_away", 4),
    }
    told = Outbound.objects.filter(kind__in=["AJ4", "AJ5", "AJ9"]).values_list("kind", flat=True)
    assert sorted(told) == ["AJ4", "AJ5", "AJ9"]
    assert not Outbound.objects.filter(kind__in=["AJ4", "AJ5", "AJ9"], answered_at=None).exists()


def test_a_last_look_refusal_returns_the_inquiry_to_quoting() -> None:
    order_id = quoting.staged()
    rfq = quoting.ask(order_id)
    found = quoting.quoted(rfq, PRICES)
    first = quoting.hit(found[LOOK])
    quoting.hear(
        trading.report(
            quoting.child(first), ExecType.REJECTED, ord_status=OrdStatus.REJECTED, text="last look"
        )
    )
    rfq = quoting.fresh(rfq)
    assert rfq.status == "quoting"
    assert quoting.quotes(rfq)[LOOK].status == "rejected"
    assert ExecutionOrder.objects.get(pk=first.execution_order_id).status == "rejected"
    assert _code(quoting.hit(found[LOOK])) == "quote_rejected"
    second = quoting.hit(found[SWIFT])
    quoting.hear(trading.fill(quoting.child(second), 3000, cum=3000, last_px=Decimal("99.30")))
    assert trading.order(order_id).status == "filled"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [("expire", "quote_expired"), ("change", "quote_changed"), ("withdraw", "quote_canceled")],
)
def test_a_quote_that_is_gone_cannot_be_hit(spoil: str, code: str) -> None:
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, PRICES)[LOOK]
    at = clock.now()
    if spoil == "expire":
        assert quote.valid_until is not None
        at = quote.valid_until
    elif spoil == "change":
        quoting.hear(quoting.said(rfq, LOOK, "99.28", round=2, replaces=quote.quote_ref))
    else:
        quoting.hear(quoting.withdrawal(quote))
    assert _code(quoting.hit(quote, at=at)) == code
    assert not VenueOrder.objects.filter(order_id=rfq.order_id).exists()
    reject = Event.objects.filter(order_id=rfq.order_id, event_type="execution_order_reject").get()
    assert code in reject.body


def test_a_quote_can_be_hit_a_moment_before_it_expires() -> None:
    quote = quoting.quoted(quoting.ask(quoting.staged()), PRICES)[LOOK]
    assert quote.valid_until is not None
    assert not _code(quoting.hit(quote, at=quote.valid_until - timedelta(microseconds=1)))


def test_a_quote_worse_than_the_orders_limit_cannot_be_hit() -> None:
    rfq = quoting.ask(quoting.staged(limit_price=Decimal("99.4")))
    assert _code(quoting.hit(quoting.quoted(rfq, PRICES)[BROAD])) == "quote_worse_than_limit"


def test_a_hit_is_not_larger_than_the_quote_or_the_open_order() -> None:
    rfq = quoting.ask(quoting.staged(), qty=Decimal(2000))
    quoting.hear(quoting.said(rfq, LOOK, "99.2", size=Decimal(1000)))
    quoting.hear(quoting.said(rfq, SWIFT, "99.3", size=Decimal(9000)))
    found = quoting.quotes(rfq)
    assert _code(quoting.hit(found[LOOK], 2000)) == "exceeds_quote_size"
    assert _code(quoting.hit(found[SWIFT], 4000)) == "exceeds_open_quantity"


def test_an_inquiry_is_canceled_until_a_hit_waits_for_its_dealer() -> None:
    rfq = quoting.ask(quoting.staged())
    found = quoting.quoted(rfq, PRICES)
    quoting.hit(found[LOOK])
    late = desk.cancel_rfq(rfq.id, by=trading.person(), at=clock.now())
    assert (late.outcome, late.code) == ("refused", 0)
    other = quoting.ask(quoting.staged())
    assert desk.cancel_rfq(other.id, by=trading.person(), at=clock.now()).outcome == "canceled"
    assert _events(rfq)[-1] == "rfq_cancel_reject"
    assert _events(other) == ["rfq_create", "rfq_cancel_request", "rfq_cancel"]
    assert Outbound.objects.filter(kind="AJ6").count() == 1


def test_a_counter_ends_the_quote_and_the_answer_is_a_new_round() -> None:
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, PRICES)[BROAD]
    shown = desk.counter(
        rfq.id, quote.id, price=Decimal("99.3"), by=trading.person(), at=clock.now()
    )
    assert shown["status"] == "countered"
    assert _code(quoting.hit(quote)) == "quote_countered"
    quoting.hear(quoting.said(rfq, BROAD, "99.375", round=2, replaces=quote.quote_ref))
    quote = quoting.fresh(quote)
    assert quote.status == "replaced"
    assert quoting.quotes(rfq)[BROAD].round == 2


def test_bin_quotes_cannot_be_hit_before_they_are_due() -> None:
    at = clock.now()
    rfq = quoting.ask(quoting.staged(), bidding="bin", due_time=at + timedelta(seconds=20))
    quote = quoting.quoted(rfq, PRICES)[LOOK]
    assert _code(quoting.hit(quote)) == "quote_not_open"
    assert not _code(quoting.hit(quote, at=rfq.due_at))


def test_an_inquiry_that_every_dealer_passes_ends_without_quotes() -> None:
    rfq = quoting.ask(quoting.staged(), dealers=(SWIFT, SHY))
    quoting.hear(quoting.passing(rfq, SWIFT), quoting.passing(rfq, SHY))
    rfq = quoting.fresh(rfq)
    assert rfq.status == "no_quotes"


def test_the_same_quote_reported_twice_is_one_quote() -> None:
    rfq = quoting.ask(quoting.staged())
    one = quoting.said(rfq, LOOK, "99.25")
    quoting.hear(one, one)
    quoting.hear(one)
    assert Quote.objects.filter(rfq=rfq).count() == 1


@pytest.mark.parametrize("odd", [{"side": "1"}, {"security_id": "912810RX8"}], ids=str)
def test_a_price_for_the_other_side_or_of_another_security_is_no_quote(odd: dict[str, Any]) -> None:
    rfq = quoting.ask(quoting.staged(side="sell", limit_price=Decimal(99)))
    quoting.hear(quoting.said(rfq, SWIFT, "99.50", **odd), quoting.said(rfq, LOOK, "99.25"))
    assert [(q.dealer_id, q.price) for q in Quote.objects.filter(rfq=rfq)] == [
        (LOOK, Decimal("99.25"))
    ]
    heard = Inbound.objects.filter(venue_id=quoting.VENUE).order_by("seq")
    assert [row.verdict for row in heard] == ["break", "applied"]


def test_autoex_hits_the_best_quote_once_its_criteria_hold() -> None:
    order_id = quoting.staged()
    made = quoting.automatic(order_id, 3000, min_quotes=2)
    assert not _code(made)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES[:1])
    sweeping.sweep()
    rfq = quoting.fresh(rfq)
    assert rfq.status == "quoting"
    quoting.quoted(rfq, PRICES[1:])
    sweeping.sweep()
    child = quoting.child(made)
    assert child.limit_price == Decimal("99.25")
    assert sweeping.sweep() == 0
    quoting.hear(trading.fill(child, 3000, cum=3000, last_px=Decimal("99.25")))
    assert trading.order(order_id).status == "filled"


def test_autoex_tries_the_next_quote_after_a_refusal() -> None:
    order_id = quoting.staged()
    made = quoting.automatic(order_id, 3000, min_quotes=1, best_n=2)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES)
    for price in ("99.25", "99.30"):
        sweeping.sweep()
        child = quoting.child(made)
        assert child.limit_price == Decimal(price)
        quoting.hear(trading.report(child, ExecType.REJECTED, ord_status=OrdStatus.REJECTED))
    sweeping.sweep()
    row = ExecutionOrder.objects.get(pk=made.execution_order_id)
    assert (row.status, row.reason) == ("canceled", "2 quotes were tried: stage")
    assert trading.order(order_id).status == "pending_execution"
    trading.check_tree(order_id)


def test_autoex_takes_the_next_quote_though_a_refusal_left_fewer_than_it_asked_for() -> None:
    order_id = quoting.staged()
    made = quoting.automatic(order_id, 3000, min_quotes=2, best_n=2)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES[:2])
    best, next_best = sorted(Decimal(price) for _, price in PRICES[:2])
    sweeping.sweep()
    child = quoting.child(made)
    assert child.limit_price == best
    quoting.hear(trading.report(child, ExecType.REJECTED, ord_status=OrdStatus.REJECTED))
    sweeping.sweep()
    child = quoting.child(made)
    assert child.limit_price == next_best
    quoting.hear(trading.fill(child, 3000, cum=3000, last_px=next_best))
    assert trading.order(order_id).status == "filled"
    words = [word for look in decisions.of_inquiry(quoting.fresh(rfq)) for word in look["words"]]
    assert "2 quotes can be hit, at least 2 are asked for: met." in words
    assert "Enough quotes were there at the first try, 1 can be hit now: met." in words


@pytest.mark.parametrize(
    ("fallback", "status", "orders"),
    [("stage", "pending_execution", 1), ("sor", "pending_execution", 2), ("cancel", "canceled", 1)],
)
def test_autoex_without_a_quote_leaves_by_its_exit_criterion(
    fallback: str, status: str, orders: int
) -> None:
    order_id = quoting.staged()
    made = quoting.automatic(order_id, 3000, fallback=fallback)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.hear(*(quoting.passing(rfq, dealer) for dealer in rfq.dealers))
    assert trading.order(order_id).status == status
    rows = ExecutionOrder.objects.filter(order_id=order_id)
    assert rows.count() == orders
    trading.check_tree(order_id)


def test_a_canceled_execution_order_takes_its_inquiry_with_it() -> None:
    order_id = quoting.staged(explicit_cancelation_required=True)
    made = quoting.automatic(order_id, 3000, min_quotes=3)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES[:2])
    stopped = desk.cancel_execution(
        order_id, made.execution_order_id, by=trading.person(), at=clock.now()
    )
    assert stopped.outcome == "canceled"
    sweeping.sweep()
    rfq = quoting.fresh(rfq)
    assert (rfq.status, rfq.reason) == ("canceled", "its execution order is over")


def test_a_dealer_fills_although_the_execution_order_is_being_canceled() -> None:
    order_id = quoting.staged()
    rfq = quoting.ask(order_id)
    made = quoting.hit(quoting.quoted(rfq, PRICES)[LOOK])
    stopped = desk.cancel_execution(
        order_id, made.execution_order_id, by=trading.person(), at=clock.now()
    )
    assert stopped.outcome == "pending"
    quoting.hear(trading.fill(quoting.child(made), 3000, cum=3000, last_px=Decimal("99.25")))
    assert trading.order(order_id).status == "filled"
    rfq = quoting.fresh(rfq)
    assert rfq.status == "executed"


def test_a_trade_after_a_refusal_moves_the_order_all_the_same() -> None:
    order_id = quoting.staged()
    rfq = quoting.ask(order_id)
    made = quoting.hit(quoting.quoted(rfq, PRICES)[LOOK])
    child = quoting.child(made)
    quoting.hear(trading.report(child, ExecType.REJECTED, ord_status=OrdStatus.REJECTED))
    quoting.hear(trading.fill(child, 3000, cum=3000, last_px=Decimal("99.25")))
    assert trading.order(order_id).cum_qty == 3000


def test_an_expired_inquiry_has_no_open_quotes() -> None:
    rfq = quoting.ask(quoting.staged(), expire_time=clock.now() + timedelta(microseconds=1))
    sweeping.sweep()
    rfq = quoting.fresh(rfq)
    # The frozen clock stands: nothing is due before it moves.
    assert rfq.status == "sent"


def test_an_order_routed_by_a_rule_for_autoex_asks_dealers() -> None:
    instruction = trading.instruction(3000, protocol="rfq", strategy="auto_ex", venue_id="")
    order_id = trading.submit(instructions=(instruction,))
    routing.drain()
    rfq = Rfq.objects.get(order_id=order_id)
    assert rfq.execution_order_id
    assert len(rfq.dealers) == 6


def test_a_hit_that_never_went_out_gives_the_inquiry_back() -> None:
    rfq = quoting.ask(quoting.staged())
    made = quoting.hit(quoting.quoted(rfq, PRICES)[LOOK])
    with unit.work(by=actors.system("last-look"), at=clock.now()) as work:
        one = tree.lock(work, [rfq.order_id])[rfq.order_id]
        row = one.execution_orders[0]
        child = one.venue_orders[row.id][0]
        child.reject(at=clock.now(), text="halted")
        closing.close_execution(
            work, one, row, "reject", by=work.by, at=clock.now(), reason="halted", also=(child,)
        )
    sweeping.sweep()
    assert quoting.fresh(rfq).status == "quoting"
    assert quoting.quotes(rfq)[LOOK].status == "rejected"
    assert ExecutionOrder.objects.get(pk=made.execution_order_id).status == "rejected"


def test_a_hit_that_no_report_has_named_is_asked_about_and_never_forgotten() -> None:
    rfq = quoting.ask(quoting.staged())
    child = quoting.child(quoting.hit(quoting.quoted(rfq, PRICES)[LOOK]))
    transmission.take_due("SIMQ")
    with clock.frozen_at(clock.now() + timedelta(seconds=30)):
        doubtful = transmission.take_doubtful("SIMQ", older_than=timedelta(seconds=5))
    assert child.id in {row.cl_ord_id for row in doubtful}
