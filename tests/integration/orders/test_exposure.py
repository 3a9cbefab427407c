"""Limits that orders share: what counts, what frees, and that nothing is asked without a limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allocations.models import CashBalance
from controls.models import Screening
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, last_look, rescreen, routing
from orders.models import Break, ExecutionOrder, Order, VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from tests import policies, trading
from tests.integration.orders.limits import in_force, listed
from tests.integration.replacing import story
from venues import market_data, transmission
from venues.market_data import prices
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound, ReferencePrice

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
BOND = trading.BOND


def said(**changes: Any) -> str:
    """The status, or the reject code, of a new order."""
    order = trading.order(trading.submit(**changes))
    return order.reject_code or order.status


def test_two_orders_of_one_batch_share_a_limit() -> None:
    in_force("exposure.gross", max_gross="5000")
    results = desk.submit([trading.request(), trading.request()])
    statuses = [trading.order(result.order_id) for result in results]
    assert [order.reject_code for order in statuses] == ["", "gross_exposure_over_limit"]
    assert "2,985 now and 2,985 by this order" in statuses[1].reject_reason


def test_the_limit_itself_passes_and_one_increment_more_does_not() -> None:
    in_force("exposure.gross", max_gross="2985")
    assert said(qty=D(4000)) == "gross_exposure_over_limit"
    assert said() == "pending_execution"
    assert said(qty=D(1000), limit_price=D("97")) == "gross_exposure_over_limit"


def test_another_accounts_orders_do_not_count_unless_the_limit_is_the_organizations() -> None:
    in_force("exposure.gross", max_gross="3000")
    assert [said(), said(account_id="alpha-003")] == ["pending_execution"] * 2
    in_force("exposure.gross", max_gross="6000", scope="organization")
    assert said(account_id="alpha-004") == "gross_exposure_over_limit"


def test_a_rejected_order_takes_nothing() -> None:
    in_force("exposure.gross", max_gross="3000")
    assert said(qty=D(100000)) == "gross_exposure_over_limit"
    assert said() == "pending_execution"


def test_a_cancel_request_frees_nothing_and_the_venues_answer_does() -> None:
    in_force("exposure.gross", max_gross="3000")
    child = trading.routed()
    desk.cancel([child.order_id], by=trading.person(), at=clock.now())
    assert said() == "gross_exposure_over_limit"
    trading.receive(
        trading.report(child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED, leaves_qty=D(0))
    )
    assert trading.order(child.order_id).status == "canceled"
    assert said() == "pending_execution"


def test_what_is_filled_is_held_and_still_counts() -> None:
    in_force("position.limit", max_qty="5000")
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    assert trading.order(child.order_id).status == "filled"
    assert said() == "position_over_limit"
    assert said(qty=D(2000)) == "pending_execution"


def test_selling_what_is_held_reduces_and_may_be_exempt() -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    in_force("size.max_quantity", max_qty="1000", exempt_reducing=True)
    assert said() == "quantity_over_limit"
    assert said(side="sell") == "pending_execution"
    # The first sell has taken what was there to reduce.
    assert said(side="sell", limit_price=D("99.6")) == "quantity_over_limit"


def test_an_own_order_on_the_other_side_is_not_crossed() -> None:
    in_force("cross.self")
    assert said(side="sell", limit_price=D("99.5")) == "pending_execution"
    assert said(limit_price=D("99.5")) == "self_cross"
    assert said(limit_price=D("99.4")) == "pending_execution"
    assert said(account_id="alpha-003", limit_price=D("99.5")) == "pending_execution"


def test_an_own_sell_that_is_being_amended_upwards_still_stands_at_its_old_price(
    sandbox: datetime,
) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    in_force("cross.self")
    order_id, _ = story.working(3000, side="sell", limit_price=D("99.5"))
    assert story.amend(order_id, limit_price="101").outcome == "pending"
    assert said(limit_price=D(100)) == "self_cross"
    assert said(limit_price=D("99.4")) == "pending_execution"
    trading.receive(story.replaced(order_id))
    assert said(limit_price=D(100)) == "pending_execution"


def test_a_window_counts_orders_and_forgets_them() -> None:
    in_force("window.count", max_count=2, window_s=60)
    assert [said(), said(), said()] == ["pending_execution"] * 2 + ["too_many_orders"]
    with clock.frozen_at(clock.now() + timedelta(seconds=60)):
        assert said() == "pending_execution"


def test_the_day_counts_money_by_trader() -> None:
    in_force("window.notional", max_notional="6000", scope="trader")
    assert [said(), said(account_id="alpha-003")] == ["pending_execution"] * 2
    assert said(account_id="alpha-004") == "window_notional_over_limit"


def test_a_market_order_is_valued_at_the_reference_price() -> None:
    in_force("exposure.gross", max_gross="3100")
    price = ReferencePrice.objects.get(instrument__cusip=BOND).mid_px
    qty = (D(3100) * 100 / price // 1000) * 1000
    assert said(ord_type="market", limit_price=None, qty=qty + 1000) == "gross_exposure_over_limit"


def test_without_a_price_a_limit_on_money_fails() -> None:
    in_force("exposure.gross", max_gross="1000000")
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    ReferencePrice.objects.filter(instrument__cusip=BOND).delete()
    market_data.forget()
    order = trading.order(trading.submit())
    assert order.status == "rejected"
    assert "could not be checked" in order.reject_reason


def test_of_two_orders_for_three_fifths_of_the_cash_the_second_is_refused(api: Any) -> None:
    in_force("cash.buying_power")
    deposit = {"kind": "deposit", "account_id": "alpha-002", "amount": 5030}
    assert api("alpha_ops").post("/v1/transaction/", deposit)[0] == 201
    child = trading.routed()  # 3,000 at 99.5: 2,985 of 5,030, and 25.25 accrued
    assert said() == "insufficient_buying_power"
    assert said(side="sell") == "pending_execution"
    trading.receive(trading.fill(child, 3000, cum=3000))  # at 99.4, and its accrued interest
    left = CashBalance.objects.get(account_id=child.order.account_id, currency="USD").amount
    assert D(1930) < left < D(2048)
    assert said() == "insufficient_buying_power"
    assert [said(qty=D(1000)) for _ in range(3)] == [
        *["pending_execution"] * 2,  # 995 each, and 8.42 accrued
        "insufficient_buying_power",
    ]


def test_unknown_cash_does_not_pass() -> None:
    in_force("cash.buying_power")
    CashBalance.objects.all().delete()
    assert said() == "control_unavailable"


def test_a_block_counts_for_each_account_by_its_part() -> None:
    in_force("position.limit", max_qty="2000")
    parts = (("alpha-002", 2000), ("alpha-003", 1000))
    block = AllocationAsk(
        strategy="pro_rata_with_averaging",
        accounts=tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in parts),
    )
    assert said(account_id=None, allocation=block) == "pending_execution"
    assert said(qty=D(1000)) == "position_over_limit"
    assert said(qty=D(1000), account_id="alpha-003") == "pending_execution"


def test_the_screening_stores_the_figures_it_was_given_by() -> None:
    in_force("exposure.gross", max_gross="5000")
    trading.submit()
    order = trading.order(trading.submit())
    ticket = Screening.objects.get(pk=order.screening_id).ticket
    assert ticket["figures"] == {"gross|account:" + str(order.account_id) + "||0": D("2985")}


def test_no_shared_limit_means_no_lock_and_no_query_more() -> None:
    trading.submit()
    with CaptureQueriesContext(
        connection,
    ) as before:
        desk.submit([trading.request() for _ in range(20)])
    sql = " ".join(query["sql"] for query in before.captured_queries)
    assert "pg_advisory_xact_lock(" not in sql
    assert "allocations_position" not in sql


@pytest.mark.parametrize("count", [1, 25])
def test_shared_limits_cost_the_same_few_queries_for_one_and_for_many(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Prices are read anew each second, which is no matter of limits.
    monkeypatch.setattr(prices, "_KEEP_SECONDS", 1e9)
    trading.submit()
    # Who asks is read anew each second as well.
    first, second = ([trading.request() for _ in range(count)] for _ in range(2))
    with CaptureQueriesContext(connection) as without:
        desk.submit(first)
    in_force("exposure.gross", max_gross="100000000")
    in_force("window.count", max_count=1000)
    in_force("position.limit", max_qty="100000000", scope="organization")
    trading.submit()
    with CaptureQueriesContext(connection) as given:
        desk.submit(second)
    assert len(given) - len(without) == 4


def test_a_preview_looks_without_a_lock() -> None:
    in_force("exposure.gross", max_gross="1000")
    with CaptureQueriesContext(connection) as asked:
        answer = desk.preview(trading.request())
    assert answer["outcome"] == "rejected"
    assert "pg_advisory_xact_lock(" not in " ".join(q["sql"] for q in asked.captured_queries)


# --- looked at again ----------------------------------------------------------------------------
def test_an_execution_order_meets_the_controls_of_now() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    in_force("size.max_quantity", max_qty="1000")
    made = desk.execute(
        order_id, trading.instruction(3000), by=trading.person(), at=clock.now(), correlation_id=""
    )
    assert made.error is not None
    assert made.error.code == "quantity_over_limit"
    (kept,) = Screening.objects.filter(subject=order_id, stage="execution_order")
    assert kept.outcome == "rejected"
    assert trading.execute(order_id, 1000).qty == 1000


def test_an_order_does_not_count_against_itself_on_its_way_to_market() -> None:
    in_force("exposure.gross", max_gross="2985")
    order_id = trading.submit(bypass_auto_execution=True)
    trading.execute(order_id, 1000)
    trading.execute(order_id, 2000)
    assert ExecutionOrder.objects.filter(order_id=order_id).count() == 2


def test_routing_refuses_what_a_control_rejects_by_now() -> None:
    order_id = trading.submit()
    in_force("size.max_quantity", max_qty="1000")
    routing.drain()
    assert not VenueOrder.objects.filter(order_id=order_id).exists()
    assert Screening.objects.filter(subject=order_id, stage="execution_order").count() == 1


def test_a_passed_look_at_release_is_kept_by_the_caller() -> None:
    order = trading.order(trading.submit())
    (looked,) = rescreen.at_release([order], at=clock.now())
    assert not looked.refused
    assert looked.row().stage == "release"


def test_a_change_over_the_limit_is_refused_and_the_order_itself_is_not_counted_twice() -> None:
    in_force("exposure.gross", max_gross="3000")
    order = trading.order(trading.submit())
    said = rescreen.at_replace(
        [rescreen.Change(order, D(3000), D(100))], at=clock.now()
    ) + rescreen.at_replace([rescreen.Change(order, D(3000), D("100.1"))], at=clock.now())
    assert [looked.refused for looked in said] == [False, True]
    assert said[1].error().code == "gross_exposure_over_limit"


def test_a_restricted_security_is_stopped_before_the_wire() -> None:
    child = trading.routed()
    listed("stop", BOND)
    (row,) = transmission.take_due(trading.VENUE)
    assert last_look.before_wire(trading.VENUE, [row]) == []
    assert VenueOrder.objects.get(pk=child.pk).status == "rejected"
    assert Outbound.objects.get(pk=row.pk).answered_at is not None
    (kept,) = Screening.objects.filter(subject=child.order_id, stage="wire")
    assert "stop version 1" in str(kept.results)


def test_the_last_look_costs_the_same_for_one_and_for_many() -> None:
    desk.submit([trading.request() for _ in range(20)])
    routing.drain()
    rows = transmission.take_due(trading.VENUE)
    counts = []
    for some in (rows[:1], rows):
        with CaptureQueriesContext(connection) as asked:
            assert len(last_look.before_wire(trading.VENUE, some)) == len(some)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 4


def test_a_list_is_known_by_its_version() -> None:
    in_force("universe.restricted", lists=["mine"])
    for cusips in (["912810SX7"], [], [BOND]):
        listed("mine", *cusips, kind="do_not_trade")
    order = trading.order(trading.submit())
    assert order.reject_reason.count("mine version 3")


def test_prevailing_market_price_is_left_out_only_for_those_who_may() -> None:
    in_force("price.pmp", max_percent="0.01", max_age_s=10**7)
    ReferencePrice.objects.filter(instrument__cusip=BOND).update(
        bid_px=D(97), ask_px=D("97.1"), mid_px=D("97.05")
    )
    market_data.forget()
    order_id = trading.submit(bypass_auto_execution=True)
    ask = trading.instruction(1000, suppress_pmp_check=True)
    by = trading.person()
    plain = desk.execute(order_id, trading.instruction(1000), by=by, at=clock.now())
    assert plain.error is not None
    assert plain.error.code == "outside_prevailing_market"
    may = _with(by, "pmp.suppress")
    made = desk.execute(order_id, ask, by=may, at=clock.now())
    assert made.error is None
    kept = Screening.objects.filter(subject=order_id, outcome="passed", stage="execution_order")
    assert any("suppressed" in row and "alpha_trader" in row for row in kept.get().results)


def test_nobody_suppresses_it_in_an_order_without_the_right() -> None:
    asked = trading.request(instructions=(trading.instruction(1000, suppress_pmp_check=True),))
    (result,) = desk.submit([asked])
    assert result.error is not None
    assert (result.error.code, result.error.status) == ("not_entitled", 403)


def _with(principal: Any, entitlement: str) -> Any:
    from dataclasses import replace

    return replace(principal, entitlements=principal.entitlements | {entitlement})


# --- after the trade ----------------------------------------------------------------------------
def test_a_fill_that_takes_a_limit_over_is_told_in_the_same_batch() -> None:
    child = trading.routed()
    in_force("position.limit", max_qty="2000")
    trading.receive(trading.fill(child, 2000, cum=2000))
    assert "limit_breach" in _told(child.order_id)
    (kept,) = Screening.objects.filter(subject=child.order_id, stage="post_trade")
    # 2,000 held and 1,000 still open.
    assert "3,000 long" in str(kept.results)


def test_a_fill_within_the_limit_tells_nothing() -> None:
    child = trading.routed()
    in_force("position.limit", max_qty="3000")
    trading.receive(trading.fill(child, 2000, cum=2000), trading.fill(child, 1000, cum=3000))
    assert "limit_breach" not in _told(child.order_id)


@pytest.mark.parametrize(
    "changes", [{"last_px": D("99.51")}, {"side": "2"}, {"security_id": "912810SX7"}]
)
def test_a_fill_outside_the_terms_is_a_break_and_still_moves(changes: dict[str, Any]) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000, **changes))
    assert Break.objects.filter(kind="outside_terms", order_id=child.order_id).count() == 1
    assert trading.order(child.order_id).cum_qty == 1000


def test_a_fill_at_the_limit_is_no_break() -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000, last_px=D("99.5")))
    assert not Break.objects.exists()


def _told(order_id: str) -> list[str]:
    return list(Event.objects.filter(order_id=order_id).values_list("event_type", flat=True))


# --- the day's accumulators ---------------------------------------------------------------------
def test_the_volumes_are_the_sum_of_the_days_orders(api: Callable[..., Any]) -> None:
    trading.submit()
    trading.submit(account_id="alpha-003", side="sell", limit_price=D("99.6"))
    trading.submit(limit_price=D(60))  # rejected: far outside the collar
    body = api("alpha_trader").get("/v1/control/volumes/")[1]
    counted = Order.objects.filter(organization_id="alpha").exclude(status="rejected")
    money = sum((o.order_qty * o.limit_price / 100 for o in counted if o.limit_price), D(0))
    assert body["total"]["orders"] == counted.count() == 2
    assert D(str(body["total"]["notional"])) == money
    assert [one["orders"] for one in body["accounts"]] == [1, 1]
    assert sum(D(str(one["notional"])) for one in body["instruments"]) == money


def test_the_volumes_start_at_nothing_with_a_new_day(api: Callable[..., Any]) -> None:
    trading.submit()
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        body = api("alpha_trader").get("/v1/control/volumes/")[1]
    assert body["total"]["orders"] == 0


def test_another_organization_sees_its_own_volumes(api: Callable[..., Any]) -> None:
    trading.submit()
    assert api("beta_trader").get("/v1/control/volumes/")[1]["total"]["orders"] == 0


def test_compliance_publishes_a_list_and_a_trader_may_not(api: Callable[..., Any]) -> None:
    asked = {"name": "embargo", "kind": "restricted", "cusips": [BOND]}
    assert api("alpha_trader").post("/v1/control/list/", asked)[0] == 403
    status, body = api("alpha_compliance").post("/v1/control/list/", asked)
    assert (status, body["version"], body["status"]) == (201, 1, "proposed")
    approve = "/v1/control/list/embargo/1/approve/"
    assert api("alpha_compliance").post(approve, {})[0] == 403
    assert api("alpha_compliance2").post(approve, {})[0] == 200
    generation.check()
    assert said() == "instrument_restricted"
