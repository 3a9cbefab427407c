"""Trades reported from elsewhere, far from the market: they count after a second look, or never."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, reported
from orders.desk.external import ReportResult, TradeReport
from orders.models import Execution, ExecutionOrder, HeldReport, Order
from tests import trading
from venues import market_data
from venues.models import ReferencePrice

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


def market_order(**changes: Any) -> ExecutionOrder:
    """An order that a trader executes by telephone."""
    order_id = trading.submit(
        bypass_auto_execution=True, ord_type="market", limit_price=None, **changes
    )
    asked = trading.instruction(3000, protocol="external", strategy="external", venue_id="")
    made = desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    assert made.error is None, made.error
    return ExecutionOrder.objects.get(pk=made.execution_order_id)


def mid() -> D:
    return ReferencePrice.objects.get(instrument__cusip=trading.BOND).mid_px


def report(row: ExecutionOrder, price: D, **changes: Any) -> ReportResult:
    asked = TradeReport(**{"qty": D(3000), "price": price, "client_id": "mine", **changes})
    return desk.report_trade(row.order_id, row.id, asked, by=trading.person(), at=clock.now())


def decide(held: HeldReport, *, approve: bool = True, by: str = "alpha_compliance") -> Any:
    return desk.decide_report(
        held.id, approve=approve, note="seen", by=trading.person(by), at=clock.now()
    )


@pytest.mark.parametrize("factor", ["1.1", "0.9"])
def test_ten_percent_off_the_market_is_held_and_nothing_counts(factor: str) -> None:
    row = market_order()
    made = report(row, (mid() * D(factor)).quantize(D("0.001")))
    assert made.execution is None
    assert made.error is None
    assert made.held is not None
    assert made.held.reason.startswith("The price ")
    assert not Execution.objects.exists()
    assert Order.objects.get(pk=row.order_id).cum_qty == 0
    kinds = Event.objects.filter(subject=row.order_id).order_by("seq")
    assert list(kinds.values_list("event_type", flat=True))[-2:] == [
        "external_trade_report_request",
        "external_trade_report_flagged",
    ]
    trading.check_tree(row.order_id)


def test_near_the_market_it_counts_at_once() -> None:
    row = market_order()
    made = report(row, (mid() * D("1.04")).quantize(D("0.001")))
    assert made.held is None
    assert Order.objects.get(pk=row.order_id).cum_qty == 3000


def test_without_a_market_price_nobody_can_say_that_it_fits() -> None:
    row = market_order()
    ReferencePrice.objects.all().delete()
    market_data.forget()
    assert report(row, D(99)).held is not None


def test_a_second_person_lets_it_count_with_all_that_follows() -> None:
    row = market_order()
    price = (mid() * D("1.1")).quantize(D("0.001"))
    held = report(row, price).held
    assert held is not None
    _, fill = decide(held)
    assert (fill.qty, fill.price) == (D(3000), price)
    order = Order.objects.get(pk=row.order_id)
    assert (order.status, order.cum_qty) == ("filled", D(3000))
    assert HeldReport.objects.get().status == "approved"
    trading.check_tree(row.order_id)
    again = report(row, price)
    assert again.replayed
    assert again.execution is not None


def test_refused_it_never_counts_and_may_be_reported_anew() -> None:
    row = market_order()
    price = (mid() * D("1.1")).quantize(D("0.001"))
    held = report(row, price).held
    assert held is not None
    decide(held, approve=False)
    assert not Execution.objects.exists()
    with pytest.raises(OmsError) as refused:
        decide(held)
    assert refused.value.code == "already_decided"
    assert report(row, (mid() * D("1.01")).quantize(D("0.001"))).execution is not None


def test_who_reported_it_may_not_approve_it() -> None:
    row = market_order()
    held = desk.report_trade(
        row.order_id,
        row.id,
        TradeReport(qty=D(3000), price=D(150), client_id="mine"),
        by=trading.person("alpha_admin")
        if trading.person("alpha_admin").may("trade.report")
        else trading.person("alpha_senior"),
        at=clock.now(),
    ).held
    assert held is not None
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_heldreport SET version = version + 1, status = 'approved',"
            " decided_by_id = requested_by_id, decided_at = now()"
        )


def test_it_is_checked_against_the_order_as_it_is_when_it_is_approved() -> None:
    row = market_order()
    held = report(row, D(150)).held
    assert held is not None
    assert report(row, mid(), client_id="other", qty=D(2000)).execution is not None
    with pytest.raises(OmsError) as refused:
        decide(held)
    assert refused.value.details[0].code == "exceeds_open_quantity"
    assert HeldReport.objects.get().status == "held"
    trading.check_tree(row.order_id)


def test_the_same_report_again_is_the_same_report() -> None:
    row = market_order()
    first, again = report(row, D(150)), report(row, D(150))
    assert again.replayed
    assert first.report_id == again.report_id
    other = report(row, D(151))
    assert other.error is not None
    assert other.error.code == "idempotency_conflict"
    assert HeldReport.objects.count() == 1


def test_over_the_api(api: Callable[..., Any]) -> None:
    row = market_order()
    path = f"/v1/trading/order/{row.order_id}/execution-order/{row.id}/external/trade-report/"
    status, told = api("alpha_trader").post(path, {"amount": {"par": 3000}, "price": 150})
    assert (status, told["status"]) == (202, "held")
    _, waiting = api("alpha_compliance").get("/v1/trading/external-trade-report/")
    (one,) = waiting["reports"]
    assert one["external_trade_report_id"] == told["external_trade_report_id"]
    where = f"/v1/trading/external-trade-report/{one['external_trade_report_id']}/"
    assert api("beta_compliance").post(f"{where}approve/", {"annotation": "x"})[0] == 404
    assert api("alpha_trader").post(f"{where}approve/", {"annotation": "x"})[0] == 403
    status, done = api("alpha_compliance").post(f"{where}approve/", {"annotation": "seen"})
    assert (status, done["status"]) == (200, "approved")
    assert Order.objects.get(pk=row.order_id).status == "filled"


def seen_by(who: str, path: str) -> str:
    client = Client()
    client.force_login(User.objects.get(username=who))
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_the_panel_offers_the_decision_to_who_may_take_it_and_says_why_not_to_others() -> None:
    row = market_order()
    held = report(row, D(150)).held
    assert held is not None
    panel = f"/desk/orders/{row.order_id}/?part=panel"
    assert f'data-held="{held.id}"' in seen_by("alpha_compliance", panel)
    for who in ("alpha_trader", "alpha_ops", "alpha_auditor"):
        page = seen_by(who, panel)
        assert "It waits for compliance." in page, who
        assert "data-held" not in page, who
    decide(held)
    page = seen_by("alpha_compliance", panel)
    assert "alpha_compliance: seen" in page
    assert "data-held" not in page


def test_who_reported_it_reads_that_somebody_else_decides() -> None:
    row = market_order()
    report(row, D(150))
    maker = trading.person("alpha_trader")
    both = Principal(maker.user_id, "both", "alpha", frozenset({reported.RELEASE}))
    (own,) = reported.of_order(row.order_id, by=both)
    assert own.stand == "own"
    (other,) = reported.waiting("alpha", by=trading.person("alpha_compliance"))
    assert (other.stand, other.qty, other.price) == ("offer", D(3000), own.price)


def test_the_review_desk_lists_what_waits_with_the_longest_waiting_first() -> None:
    row = market_order()
    first = report(row, D(150), qty=D(1000)).held
    second = report(row, D(151), qty=D(1000), client_id="next").held
    assert first is not None
    assert second is not None
    for path in ("/review/", "/review/reported/"):
        page = seen_by("alpha_compliance", path)
        assert -1 < page.index(f'data-row="{first.id}"') < page.index(f'data-row="{second.id}"')
    assert "data-held" not in seen_by("alpha_auditor", "/review/reported/")
    assert "data-row" not in seen_by("beta_compliance", "/review/reported/")
    decide(first, approve=False)
    page = seen_by("alpha_compliance", "/review/reported/")
    assert first.id not in page
    assert second.id in page
