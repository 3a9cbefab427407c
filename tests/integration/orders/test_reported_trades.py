"""Trades reported from elsewhere: whose ids they bear, when they were, and which come too late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from oms_site.kit import clock
from orders import desk
from orders.desk import reported_ids
from orders.desk.external import ReportResult, TradeReport
from orders.models import Break, Execution, ExecutionOrder, HeldReport, Order, ReportedTrade
from tests import trading
from tests.integration.orders.test_held_reports import decide, market_order, mid
from venues.calendar import NEW_YORK
from venues.messages import ExecType, OrdStatus
from venues.models import Instrument

D = Decimal
DAY = date(2026, 11, 23)
pytestmark = pytest.mark.usefixtures("sandbox")


def told(row: ExecutionOrder, **changes: Any) -> ReportResult:
    """A thousand at the market, with some of it changed."""
    terms: dict[str, Any] = {"qty": D(1000), "price": mid(), "counterparty": "GSCO", **changes}
    return desk.report_trade(
        row.order_id, row.id, TradeReport(**terms), by=trading.person(), at=clock.now()
    )


def refused(made: ReportResult) -> list[tuple[str, str]]:
    """Field and code of everything that speaks against a report."""
    assert made.error is not None
    return [(one.field, one.code) for one in made.error.details]


def conflict(made: ReportResult) -> tuple[str, int, str]:
    assert made.error is not None
    (fault,) = made.error.details
    return made.error.code, made.error.status, fault.field


# --- ids -------------------------------------------------------------------------------------
def test_a_clients_id_is_one_report_whatever_the_other_side_calls_the_trade() -> None:
    row = market_order()
    first = told(row, client_id="cx1", execution_id="T1")
    again = told(row, client_id="cx1", execution_id="T1")
    assert again.replayed
    assert (again.report_id, again.execution) == (first.report_id, first.execution)
    client = ("idempotency_conflict", 409, "client_external_trade_report_id")
    assert conflict(told(row, client_id="cx1", execution_id="T2")) == client
    assert conflict(told(row, client_id="cx1", execution_id="T1", qty=D(2000))) == client
    assert Order.objects.get(pk=row.order_id).cum_qty == 1000
    trading.check_tree(row.order_id)


def test_a_clients_id_is_used_once_in_all_orders_of_a_firm() -> None:
    one, other = market_order(), market_order(account_id="alpha-003")
    assert told(one, client_id="cx1").execution is not None
    assert conflict(told(other, client_id="cx1"))[0] == "idempotency_conflict"
    assert not Execution.objects.filter(order_id=other.order_id).exists()


def test_two_dealers_may_call_their_trades_alike() -> None:
    row = market_order()
    first, second = told(row, execution_id="T1"), told(row, execution_id="T1", counterparty="JPMS")
    assert first.execution is not None
    assert second.execution is not None
    assert first.execution.id != second.execution.id
    assert not second.replayed
    assert Order.objects.get(pk=row.order_id).cum_qty == 2000
    trading.check_tree(row.order_id)


def test_one_ticket_of_a_dealer_may_be_for_two_orders() -> None:
    one, other = market_order(), market_order(account_id="alpha-003")
    assert told(one, execution_id="T1").execution is not None
    assert told(other, execution_id="T1").execution is not None


@pytest.mark.parametrize(
    "other",
    [
        {"trade_date": DAY},
        {"qty": D(2000)},
        {"settlement_date": date(2026, 11, 25)},
        {"bypass_trade_booking": True},
        {"client_id": "mine"},
    ],
)
def test_a_trade_with_other_content_is_no_replay(other: dict[str, Any]) -> None:
    row = market_order()
    assert told(row, execution_id="T1").execution is not None
    assert conflict(told(row, execution_id="T1", **other)) == (
        "idempotency_conflict",
        409,
        "execution_id",
    )
    assert Execution.objects.filter(order_id=row.order_id).count() == 1


def test_how_a_number_or_a_time_was_written_is_no_content() -> None:
    row = market_order()
    at = clock.now() - timedelta(minutes=5)
    assert told(row, client_id="cx1", executed_at=at).execution is not None
    there = at.astimezone(NEW_YORK)
    again = told(row, client_id="cx1", executed_at=there, qty=D("1000.00"))
    assert again.replayed


def test_reports_without_ids_are_trades_of_their_own() -> None:
    row = market_order()
    assert told(row).report_id != told(row).report_id
    assert Order.objects.get(pk=row.order_id).cum_qty == 2000


def test_a_held_report_keeps_its_ids_until_it_is_refused() -> None:
    row = market_order()
    held = told(row, client_id="cx1", execution_id="T1", price=D(150)).held
    assert held is not None
    assert told(row, client_id="cx1", execution_id="T1", price=D(150)).held == held
    assert conflict(told(row, client_id="cx1", execution_id="T1"))[0] == "idempotency_conflict"
    assert told(row, execution_id="T1", counterparty="JPMS").execution is not None
    decide(held, approve=False)
    assert told(row, client_id="cx1", execution_id="T1").execution is not None
    standing = ReportedTrade.objects.filter(client_report_id="cx1").order_by("reported_at", "id")
    assert sorted(standing.values_list("standing", flat=True)) == ["counted", "refused"]


def test_who_loses_the_race_for_an_id_finds_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = market_order(), market_order(account_id="alpha-003")
    find, looks = reported_ids.find, []

    def late(*asked: Any) -> Any:
        looks.append(asked)
        return None if len(looks) == 1 else find(*asked)

    assert told(one, client_id="cx1").execution is not None
    monkeypatch.setattr(reported_ids, "find", late)
    assert conflict(told(other, client_id="cx1"))[0] == "idempotency_conflict"
    assert len(looks) == 2
    assert not Execution.objects.filter(order_id=other.order_id).exists()


def _by_hand(table: str, sql: str, key: str) -> None:
    """What no law would let us do."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, [key])
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _forget(report_id: str) -> None:
    """The report as it was left before its ids were kept."""
    _by_hand("orders_reportedtrade", "DELETE FROM orders_reportedtrade WHERE id = %s", report_id)


def test_trades_from_before_ids_were_kept_are_still_known() -> None:
    row = market_order()
    made = told(row, client_id="old")
    _forget(made.report_id)
    again = told(row, client_id="old")
    assert again.replayed
    assert again.execution == made.execution
    assert conflict(told(row, client_id="old", qty=D(2000)))[0] == "idempotency_conflict"
    assert told(row, execution_id="old", counterparty="JPMS").execution is not None


def test_held_reports_from_before_ids_were_kept_are_still_known_and_decided() -> None:
    row = market_order()
    held = told(row, client_id="old", price=D(150)).held
    assert held is not None
    _forget(held.id)
    assert told(row, client_id="old", price=D(150)).held == held
    assert conflict(told(row, client_id="old"))[0] == "idempotency_conflict"
    _, fill = decide(held)
    assert ReportedTrade.objects.get(pk=held.id).execution_id == fill.id


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders_reportedtrade SET version = version + 1, client_report_id = 'x'",
        "UPDATE orders_reportedtrade SET version = version + 1, standing = 'refused',"
        " execution_id = NULL",
        "INSERT INTO orders_reportedtrade (id, version, client_report_id, exec_id, counterparty,"
        " fingerprint, reported_at, standing, execution_order_id, order_id, organization_id)"
        " SELECT 'xtr_2', 1, 'cx2', 'T2', '', fingerprint, reported_at, 'refused',"
        " execution_order_id, order_id, organization_id FROM orders_reportedtrade",
        "DELETE FROM orders_reportedtrade",
    ],
)
def test_the_database_keeps_what_was_reported(sql: str) -> None:
    told(market_order(), client_id="cx1")
    connection.check_constraints()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


# --- too late --------------------------------------------------------------------------------
def _end(row: ExecutionOrder, how: str) -> None:
    if how == "order canceled":
        desk.cancel([row.order_id], by=trading.person(), at=clock.now())
    elif how == "execution order canceled":
        desk.cancel_execution(row.order_id, row.id, by=trading.person(), at=clock.now())
    else:
        assert told(row, qty=D(3000)).execution is not None


@pytest.mark.parametrize("how", ["order canceled", "execution order canceled"])
def test_what_was_held_when_its_order_was_canceled_traded_all_the_same(how: str) -> None:
    row = market_order()
    held = told(row, qty=D(1000), price=D(150)).held
    assert held is not None
    _end(row, how)
    assert Order.objects.get(pk=row.order_id).status == "canceled"
    _, fill = decide(held)
    assert fill.late
    order = Order.objects.get(pk=row.order_id)
    assert (order.status, order.cum_qty) == ("canceled", D(1000))
    assert HeldReport.objects.get().status == "approved"
    (found,) = Break.objects.filter(order_id=row.order_id)
    assert (found.kind, found.key) == ("late_fill", fill.id)
    trading.check_tree(row.order_id)


def test_what_was_held_when_its_order_was_filled_otherwise_is_too_much_and_is_shown() -> None:
    row = market_order()
    held = told(row, qty=D(3000), price=D(150)).held
    assert held is not None
    _end(row, "filled")
    _, fill = decide(held)
    assert (fill.late, fill.overfill) == (True, True)
    assert Order.objects.get(pk=row.order_id).cum_qty == 6000
    assert Break.objects.filter(kind="late_fill", key=fill.id).exists()
    trading.check_tree(row.order_id)


def test_what_comes_late_stops_what_another_execution_order_would_buy_again() -> None:
    row = market_order(explicit_cancelation_required=True)
    held = told(row, qty=D(3000), price=D(150)).held
    assert held is not None
    _end(row, "execution order canceled")
    working = trading.execute(row.order_id, 3000)
    decide(held)
    assert ExecutionOrder.objects.get(pk=working.execution_order_id).pending == "cancel"
    assert Break.objects.get(order_id=row.order_id).kind == "late_fill"


def test_so_does_what_a_venue_fills_after_it_said_that_it_had_canceled() -> None:
    order_id = trading.submit(bypass_auto_execution=True, explicit_cancelation_required=True)
    first = trading.execute(order_id, 3000)
    ended = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0)}
    trading.receive(trading.report(first, ExecType.CANCELED, **ended))
    second = trading.execute(order_id, 3000)
    trading.receive(trading.fill(first, 3000, cum=3000))
    assert Order.objects.get(pk=order_id).status == "filled"
    assert ExecutionOrder.objects.get(pk=second.execution_order_id).pending == "cancel"
    assert Break.objects.get(order_id=order_id).kind == "late_fill"


def test_a_late_trade_outside_the_terms_of_then_has_a_break() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    asked = trading.instruction(3000, protocol="external", strategy="external", venue_id="")
    made = desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    row = ExecutionOrder.objects.get(pk=made.execution_order_id)
    held = told(row, price=D(89)).held
    assert held is not None
    _end(row, "order canceled")
    sql = "UPDATE orders_executionorder SET limit_price = 88 WHERE id = %s"
    _by_hand("orders_executionorder", sql, row.pk)
    decide(held)
    kinds = Break.objects.filter(order_id=order_id).order_by("kind")
    assert list(kinds.values_list("kind", flat=True)) == ["late_fill", "outside_terms"]


# --- days ------------------------------------------------------------------------------------
def test_a_held_report_is_booked_with_the_day_and_time_it_was_told() -> None:
    row = market_order()
    held = told(row, price=D(150)).held
    assert held is not None
    with clock.frozen_at(held.requested_at + timedelta(days=1, hours=1)):
        _, fill = decide(held)
    assert (fill.trade_date, fill.settlement_date) == (DAY, date(2026, 11, 24))
    assert (fill.executed_at, fill.received_at) == (held.requested_at, held.requested_at)


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"settlement_date": date(2099, 1, 1)}, "settlement_date", "settles_after_maturity"),
        ({"settlement_date": date(2027, 1, 25)}, "settlement_date", "settles_too_late"),
        ({"settlement_date": date(2026, 11, 28)}, "settlement_date", "no_settlement_day"),
        ({"settlement_date": date(2026, 11, 26)}, "settlement_date", "no_settlement_day"),
        ({"settlement_date": date(2026, 11, 20)}, "settlement_date", "settles_before_trade"),
        ({"trade_date": date(2026, 11, 24)}, "trade_date", "trade_date_in_future"),
        ({"trade_date": date(2026, 11, 20)}, "trade_date", "trade_date_before_order"),
        (
            {"executed_at": datetime(2030, 1, 1, tzinfo=UTC)},
            "executed_at",
            "executed_in_future",
        ),
        (
            {"executed_at": datetime(2026, 11, 20, 15, tzinfo=UTC)},
            "executed_at",
            "trade_date_before_order",
        ),
        (
            {"executed_at": datetime(2026, 11, 20, 15, tzinfo=UTC), "trade_date": DAY},
            "executed_at",
            "executed_on_another_day",
        ),
    ],
)
def test_days_that_cannot_be_are_refused_with_their_field(
    given: dict[str, Any], field: str, code: str
) -> None:
    row = market_order()
    made = told(row, **given)
    assert refused(made) == [(field, code)]
    assert made.error is not None
    assert made.error.status == 422
    assert not Execution.objects.exists()
    assert not ReportedTrade.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"settlement_date": date(2026, 11, 23)},
        {"settlement_date": date(2027, 1, 22)},
        {"executed_at": datetime(2026, 11, 23, 15, 0, 30, tzinfo=UTC)},
        {"executed_at": datetime(2026, 11, 23, 14, tzinfo=UTC), "trade_date": DAY},
    ],
)
def test_days_that_can_be_are_kept_as_told(given: dict[str, Any]) -> None:
    made = told(market_order(), **given).execution
    assert made is not None
    assert {name: getattr(made, name) for name in given} == given


def test_nothing_settles_after_maturity_even_by_the_usual_day() -> None:
    row = market_order()
    Instrument.objects.filter(cusip=trading.BOND).update(maturity_date=DAY)
    assert refused(told(row)) == [("settlement_date", "settles_after_maturity")]
    assert told(row, settlement_date=DAY).execution is not None


def test_over_the_api_days_and_ids_are_told_with_what_to_do(api: Callable[..., Any]) -> None:
    row = market_order()
    path = f"/v1/trading/order/{row.order_id}/execution-order/{row.id}/external/trade-report/"
    body = {"amount": {"par": 1000}, "price": 99, "client_external_trade_report_id": "cx1"}
    status, told_ = api("alpha_trader").post(path, {**body, "settlement_date": "2026-11-28"})
    (fault,) = told_["error_details"]
    assert (status, fault["field"], fault["code"]) == (422, "settlement_date", "no_settlement_day")
    assert fault["message"].endswith("give a business day.")
    assert api("alpha_trader").post(path, body)[0] == 202
    assert api("alpha_trader").post(path, body)[0] == 200
    status, told_ = api("alpha_trader").post(path, {**body, "execution_id": "T9"})
    assert (status, told_["code"]) == (409, "idempotency_conflict")
