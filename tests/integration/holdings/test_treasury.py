"""Currencies, corporate actions, margin and what may leave: every amount worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allocations import corporate_actions, holdings, margin
from allocations.holdings import coupons, ledger
from allocations.holdings.posting import of_trade
from allocations.models import (
    Account,
    CorporateAction,
    FxRate,
    MarginCall,
    MarginRate,
    Movement,
    Position,
    TaxLot,
)
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import corporate, holdings_page, lots
from orders.books import folding
from orders.books import holdings as books
from orders.books.verdicts import Run
from orders.models import Execution
from orders.requests import AccountAsk, AllocationAsk
from tests import trading, unsourced
from tests.client import Api
from venues import instruments, market_data
from venues.models import Instrument

D = trading.D
Apis = Callable[[str], Api]


@pytest.fixture(autouse=True)
def _at_ten(sandbox: datetime) -> None:
    assert sandbox == clock.now()


def bond() -> instruments.InstrumentFacts:
    found = instruments.find(trading.BOND)
    assert found is not None
    return found


def in_euro(**account: Any) -> None:
    """The bond is in euro from now on; alpha-002 pays in dollars."""
    Instrument.objects.filter(pk=bond().id).update(currency="EUR")
    Account.objects.filter(id__in=["alpha-002", "alpha-003", "alpha-004"]).update(**account)
    generation.check()


def rate(value: str, *, at: datetime, source: str = "ecb") -> None:
    FxRate.objects.create(
        organization_id="alpha", base="EUR", quote="USD", rate=D(value), source=source, at=at
    )


def bought(qty: int = 3000, **changes: Any) -> Any:
    child = trading.routed(qty=D(qty), **changes)
    trading.receive(trading.fill(child, qty, cum=qty))
    return child


def differences() -> list[Any]:
    """What the checks of the books find wrong with the client side, over all that a test did."""
    one = Run(at=clock.now(), machine_at=clock.now())
    found = [wrong for check in books.CHECKS for wrong in check.run(one).first]
    folded = [wrong for check in folding.CHECKS for wrong in check.run(one).first]
    return [*found, *(wrong for wrong in folded if wrong.key.startswith("allocations_"))]


# --- currencies ------------------------------------------------------------------------------
def test_a_foreign_trade_is_paid_in_the_accounts_own_currency_at_a_kept_rate(
    api: Apis, sandbox: datetime
) -> None:
    in_euro(converts=True)
    rate("1.0825", at=sandbox - timedelta(minutes=30))
    bought()
    fill = Execution.objects.get()
    owed = fill.net_money
    sold, euro = Movement.objects.filter(source_id=fill.id).exclude(kind="trade").order_by("-kind")
    # What the bond costs in euro is bought, and 1.0825 dollars are paid for each of them.
    assert (euro.kind, euro.currency, euro.cash) == ("fx_buy", "EUR", owed)
    dollars = -(owed * D("1.0825")).quantize(D("0.01"))
    assert (sold.kind, sold.currency, sold.cash) == ("fx_sell", "USD", dollars)
    assert (sold.fx_rate, sold.fx_source) == (D("1.0825"), "ecb")
    assert sold.fx_at == sandbox - timedelta(minutes=30)
    money = holdings.cash(["alpha-002"])
    assert money["alpha-002", "EUR"].traded == 0
    assert money["alpha-002", "USD"].traded == dollars
    assert differences() == []


def test_profit_in_the_accounts_currency_is_the_markets_and_the_currencys(
    api: Apis, sandbox: datetime
) -> None:
    in_euro(converts=True)
    rate("1.10", at=sandbox - timedelta(minutes=30))
    bought()
    rate("1.20", at=sandbox + timedelta(seconds=30))
    with clock.frozen_at(sandbox + timedelta(minutes=1)):
        _, body = api("alpha_trader").get("/v1/position/?account_id=alpha-002")
    (one,) = body["positions"]
    # It cost 2982.00 euro at 1.10 = 3280.20 dollars, and is valued at 1.20.
    assert (one["cost"], one["base_cost"]) == (2982.0, 3280.2)
    worth = D(str(one["market_value"])) * D("1.20")
    assert one["base_market_value"] == pytest.approx(float(worth), abs=0.005)
    assert one["base_unrealized"] == pytest.approx(float(worth) - 3280.2, abs=0.005)
    assert (one["fx_source"], one["base_currency"]) == ("ecb", "USD")


def test_without_a_rate_money_stays_where_it_is_and_worth_is_unknown(api: Apis) -> None:
    in_euro(converts=True)
    bought()
    assert (
        holdings.cash(["alpha-002"])["alpha-002", "EUR"].traded
        == -Execution.objects.get().net_money
    )
    (one,) = api("alpha_trader").get("/v1/position/?account_id=alpha-002")[1]["positions"]
    assert (one["base_market_value"], one["fx_rate"]) == (None, None)
    _, value = api("alpha_trader").get("/v1/account/alpha-002/value/")
    assert value["total"] is None
    assert "rate of EUR in USD" in value["missing"]


def test_a_blocks_dollars_add_up_to_its_euros_at_the_rate(sandbox: datetime) -> None:
    in_euro(converts=True)
    rate("1.0825", at=sandbox)
    accounts = ("alpha-002", "alpha-003", "alpha-004")
    child = trading.routed(
        qty=D(9000),
        account_id=None,
        allocation=AllocationAsk(
            strategy="pro_rata_with_averaging",
            accounts=tuple(AccountAsk(account_id=name, qty=D(3000)) for name in accounts),
        ),
    )
    trading.receive(trading.fill(child, 9000, cum=9000, last_px=D("99.411")))
    lots.drain()
    euros = -Execution.objects.get().net_money
    money = holdings.cash(accounts)
    dollars = sum((money[name, "USD"].traded for name in accounts), D(0))
    assert dollars == (euros * D("1.0825")).quantize(D("0.01"))
    assert all(money[name, "EUR"].traded == 0 for name in accounts)
    assert differences() == []


def test_money_is_exchanged_at_the_newest_rate_and_only_what_is_there(
    api: Apis, sandbox: datetime
) -> None:
    ops = api("alpha_ops")
    body = {"base": "EUR", "quote": "USD", "rate": "1.25", "source": "desk"}
    assert ops.post("/v1/fx-rate/", body)[0] == 201
    ops.post("/v1/transaction/", {"kind": "deposit", "account_id": "alpha-002", "amount": 100})
    ask = {"kind": "exchange", "account_id": "alpha-002", "amount": 99.99, "to_currency": "EUR"}
    status, made = ops.post("/v1/transaction/", ask)
    # 1 / 1.25 = 0.8; 99.99 × 0.8 = 79.992 → 79.99.
    assert (status, made["to_amount"], made["fx_rate"]) == (201, 79.99, 0.8)
    money = holdings.cash(["alpha-002"])
    assert money["alpha-002", "USD"].traded == D("0.01")
    assert money["alpha-002", "EUR"].traded == D("79.99")
    status, refused = ops.post("/v1/transaction/", ask)
    assert (status, refused["code"]) == (422, "insufficient_cash")
    assert (
        ops.post("/v1/transaction/", {**ask, "to_currency": "JPY"})[1]["code"] == "fx_rate_unknown"
    )
    assert api("alpha_trader").post("/v1/fx-rate/", body)[0] == 403


def test_money_goes_only_into_currencies_that_the_account_may_hold(api: Apis) -> None:
    ops = api("alpha_ops")
    for quote in ("EUR", "GBP"):
        body = {"base": quote, "quote": "USD", "rate": "1.25", "source": "desk"}
        assert ops.post("/v1/fx-rate/", body)[0] == 201
    Account.objects.filter(id="alpha-002").update(currencies=["GBP"])
    generation.check()
    ops.post("/v1/transaction/", {"kind": "deposit", "account_id": "alpha-002", "amount": 100})
    ask = {"kind": "exchange", "account_id": "alpha-002", "amount": 10, "to_currency": "EUR"}
    status, refused = ops.post("/v1/transaction/", ask)
    assert (status, refused["code"]) == (422, "currency_not_allowed")
    assert "USD, GBP only" in refused["error"]
    assert ops.post("/v1/transaction/", {**ask, "to_currency": "GBP"})[0] == 201


def test_what_is_no_currency_is_neither_paid_in_nor_bought(api: Apis) -> None:
    ops = api("alpha_ops")
    ask = {"kind": "deposit", "account_id": "alpha-002", "amount": 5}
    for code in ("XXX", "EUX", "usd"):
        status, refused = ops.post("/v1/transaction/", {**ask, "currency": code})
        assert (status, refused["code"]) == (422, "currency_unknown")
    assert holdings.cash(["alpha-002"]) == {}
    assert ops.post("/v1/transaction/", {**ask, "currency": "CHF"})[0] == 201
    for base, quote in (("XXX", "USD"), ("usd", "USD"), ("EUR", "E1R")):
        body = {"base": base, "quote": quote, "rate": "1.25", "source": "desk"}
        status, refused = ops.post("/v1/fx-rate/", body)
        assert (status, refused["code"]) == (422, "currencies_not_two")
    exchange = {**ask, "kind": "exchange", "currency": "CHF", "to_currency": "XXX"}
    status, refused = ops.post("/v1/transaction/", exchange)
    assert (status, refused["code"]) == (422, "currency_unknown")


def test_a_rate_is_kept_for_ever(sandbox: datetime) -> None:
    rate("1.1", at=sandbox)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE allocations_fxrate SET rate = 2")


# --- what may leave --------------------------------------------------------------------------
def test_nothing_leaves_that_is_owed_reserved_or_not_there(api: Apis) -> None:
    ops = api("alpha_ops")
    ops.post("/v1/transaction/", {"kind": "deposit", "account_id": "alpha-002", "amount": 5000})
    trading.routed(qty=D(3000))  # an open buy reserves 2985.00 and 25.25 of interest
    take = {"kind": "withdrawal", "account_id": "alpha-002", "amount": 1989.76}
    status, body = ops.post("/v1/transaction/", take)
    assert (status, body["code"]) == (422, "insufficient_cash")
    assert "1989.75 is there" in body["error"]
    assert ops.post("/v1/transaction/", {**take, "amount": 1989.75})[0] == 201
    bonds = {
        "kind": "transfer",
        "account_id": "alpha-003",
        "to_account_id": "alpha-004",
        "instrument_id": trading.BOND,
        "qty": 1000,
        "cost": 990,
    }
    assert ops.post("/v1/transaction/", bonds)[1]["code"] == "insufficient_securities"


def test_an_account_on_margin_may_owe_and_is_called_for_it(api: Apis, sandbox: datetime) -> None:
    Account.objects.filter(id="alpha-002").update(margin=True)
    MarginRate.objects.create(organization_id="alpha", asset_class="corporate", percent=D(50))
    generation.check()
    ops = api("alpha_ops")
    ops.post("/v1/transaction/", {"kind": "deposit", "account_id": "alpha-002", "amount": 2000})
    bought()
    first = margin.standings("alpha", ["alpha-002"], at=clock.now())["alpha-002"]
    assert first.requirement is not None
    assert margin.watch() == 1
    assert not MarginCall.objects.exists()
    bought(limit_price=D("99.6"))
    second = margin.standings("alpha", ["alpha-002"], at=clock.now())["alpha-002"]
    # Twice the position needs twice as much: to the cent of the two roundings.
    assert second.requirement is not None
    assert abs(second.requirement - 2 * first.requirement) <= D("0.01")
    assert second.equity is not None
    margin.watch()
    margin.watch()
    call = MarginCall.objects.get()
    assert (call.requirement, call.equity) == (second.requirement, second.equity)
    assert call.met_at is None
    _, told = api("alpha_trader").get("/v1/margin/")
    assert [one["shortfall"] for one in told["calls"]] == [
        float(second.requirement - second.equity)
    ]
    ops.post("/v1/transaction/", {"kind": "deposit", "account_id": "alpha-002", "amount": 9000})
    margin.watch()
    assert MarginCall.objects.get().met_at is not None
    kinds = Event.objects.filter(event_type__startswith="margin").order_by("id")
    assert [one.event_type for one in kinds] == ["margin_call", "margin_met"]


# --- corporate actions -----------------------------------------------------------------------
@pytest.fixture
def later(sandbox: datetime) -> Callable[[date], Any]:
    def at_noon(day: date) -> Any:
        moment = sandbox.replace(year=day.year, month=day.month, day=day.day, hour=17)
        return clock.frozen_at(moment)

    return at_noon


def test_the_bonds_own_schedule_pays_whom_it_had_settled_for(
    later: Callable[[date], Any],
) -> None:
    terms = bond().bond
    assert terms is not None
    bought()
    fill = Execution.objects.get()
    day = next(one for one in coupon_days(terms) if one > fill.settlement_date)
    with later(day):
        assert corporate.run() == 1
        assert corporate.run() == 0
        paid = Movement.objects.get(kind="coupon")
        # Half a year's interest on 3000 par.
        half = terms.coupon_percent / terms.frequency
        assert paid.cash == (D(3000) * half / 100).quantize(D("0.01"))
        row = Position.objects.get(account_id="alpha-002")
        # What was paid for accrued interest comes back as interest: cost and profit stay.
        assert (row.qty, row.cost, row.realized) == (D(3000), D("2982.00"), D(0))
        assert row.accrued_interest == fill.accrued_interest - paid.cash
        assert differences() == []


def coupon_days(terms: Any) -> list[date]:
    return [one.day for one in coupons.between(terms, date(2026, 11, 1), terms.maturity_date)]


def test_a_redemption_ends_the_position_its_lots_and_the_open_orders(
    later: Callable[[date], Any], api: Apis
) -> None:
    bought()
    ask = {
        "kind": "call",
        "instrument_id": trading.BOND,
        "record_date": "2026-11-24",
        "pay_date": "2026-11-24",
        "rate": 101,
        "reason": "The issuer's notice of 23 November.",
    }
    status, made = api("alpha_ops").post("/v1/corporate-action/", ask)
    assert (status, made["status"]) == (202, "announced")
    apply_it = f"/v1/corporate-action/{made['id']}/apply/"
    assert api("alpha_compliance").post(apply_it)[1]["code"] == "not_due"
    with later(date(2026, 11, 24)):
        standing = trading.submit(qty=D(5000), limit_price=D("98"))
        assert api("alpha_ops").post(apply_it)[1]["code"] == "maker_is_checker"
        status, body = api("alpha_compliance").post(apply_it)
        assert (status, body["status"], body["entitled_accounts"]) == (200, "applied", 1)
        # 3000 at 101 are 3030.00; they had cost 2982.00.
        row = Position.objects.get(account_id="alpha-002")
        assert (row.qty, row.cost, row.realized) == (D(0), D(0), D("48.00"))
        assert not TaxLot.objects.exclude(open_qty=0).exists()
        # Since the coupon of 11 September 73 days of 360: 3000 at 4.15 % have earned 25.25.
        paid = Movement.objects.get(kind="call")
        assert (paid.principal, paid.accrued_interest) == (D("-3030.00"), D("-25.25"))
        assert (paid.cash, body["accrued"]) == (D("3055.25"), 0.8415277778)
        assert trading.order(standing).status == "canceled"
        event = Event.objects.get(subject=standing, event_type="cancel")
        assert "corporate actions" in event.actor
        assert differences() == []
        assert api("alpha_compliance2").post(apply_it)[1]["code"] == "already_decided"


def test_a_split_multiplies_lots_and_leaves_their_cost(later: Callable[[date], Any]) -> None:
    share = Instrument.objects.filter(asset_class="equity").order_by("id").first()
    assert share is not None

    def buy(source: str, qty: str, money: str) -> None:
        with unit.work(by=actors.system("test"), at=clock.now()) as work:
            terms: dict[str, Any] = {
                "side": "buy" if D(qty) > 0 else "sell",
                "qty": abs(D(qty)),
                "principal": D(money),
                "accrued_interest": D(0),
                "fees": D(0),
                "organization_id": "alpha",
                "account_id": "alpha-002",
                "instrument_id": share.pk,
                "currency": "USD",
                "kind": "trade",
                "source_id": source,
                "trade_date": date(2026, 11, 23),
                "settlement_date": date(2026, 11, 24),
            }
            ledger.post(work, [of_trade(**terms)], at=clock.now())

    unsourced.lift()
    buy("x1", "100", "1000.00")
    buy("x2", "51", "600.00")
    buy("x3", "-20", "220.00")
    ops, other = trading.person("alpha_ops"), trading.person("alpha_compliance")
    today = date(2026, 11, 23)
    row = corporate_actions.announce(
        corporate_actions.Ask(
            kind="split",
            instrument_id=share.cusip,
            record_date=today,
            pay_date=today,
            ratio_new=3,
            ratio_old=2,
            reason="Three for two.",
        ),
        by=ops,
        at=clock.now(),
    )
    corporate_actions.decide(row.id, apply_it=True, by=other, at=clock.now())
    # 131 shares become 196.5; the lots of 80 and 51 become 120 and 76.5 and cost 800 and 600.
    assert Position.objects.get(account_id="alpha-002").qty == D("196.5")
    found = list(TaxLot.objects.order_by("opened").values_list("open_qty", "open_cost"))
    assert found == [(D(120), D("800.00")), (D("76.5"), D("600.00"))]
    buy("x4", "-150", "1500.00")
    # First in, first out: 120 cost 800.00, 30 of 76.5 cost 235.29; 1500.00 came in, 20.00 before.
    assert Position.objects.get(account_id="alpha-002").realized == D("20.00") + D("464.71")


def test_pages_of_holdings_are_read_by_key_from_the_database(
    api: Apis, sandbox: datetime, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in (2, 3, 4):
        bought(1000, account_id=f"alpha-00{n}")
    with CaptureQueriesContext(connection) as seen:
        _, body = api("alpha_trader").get("/v1/position/?limit=1")
    assert body["has_more"]
    read = [q["sql"] for q in seen if 'FROM "allocations_position"' in q["sql"]]
    assert any("LIMIT 2" in sql for sql in read)
    monkeypatch.setattr(holdings_page, "_MOST", 2)
    client.force_login(User.objects.get(username="alpha_trader"))
    first = client.get("/holdings/")
    assert [one["account_code"] for one in first.context["positions"]] == ["ALPHA-002", "ALPHA-003"]
    assert "Next page" in first.content.decode()
    rest = client.get("/holdings/", {"after": first.context["next"]})
    assert [one["account_code"] for one in rest.context["positions"]] == ["ALPHA-004"]


def test_an_action_is_announced_once_and_says_where_it_was_heard(api: Apis) -> None:
    ask = {
        "kind": "split",
        "instrument_id": trading.BOND,
        "record_date": "2026-11-24",
        "pay_date": "2026-11-23",
    }
    status, body = api("alpha_ops").post("/v1/corporate-action/", ask)
    assert (status, body["code"]) == (422, "invalid_request")
    good = {**ask, "kind": "coupon", "pay_date": "2026-11-24", "rate": 2, "reason": "notice"}
    assert api("alpha_ops").post("/v1/corporate-action/", good)[0] == 202
    assert api("alpha_ops").post("/v1/corporate-action/", good)[1]["code"] == "action_exists"
    assert api("alpha_trader").post("/v1/corporate-action/", good)[0] == 403
    assert api("beta_trader").get("/v1/corporate-action/")[1]["corporate_actions"] == []
    assert CorporateAction.objects.get().status == "announced"
    assert market_data.reference(bond().id) is not None
