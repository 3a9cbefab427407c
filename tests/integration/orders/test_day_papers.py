"""The papers of a day: one click, from the store, the same bytes however often and whenever."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from allocations.models import TradeConfirm
from allocations.settlement import daily
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.kit import clock
from orders import day_papers, day_trades
from orders.models import Execution
from tests import trading
from tests.client import Api
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story
from tests.integration.settlement.conftest import outside
from venues.models import Instrument

Apis = Callable[[str], Api]
D = trading.D
__all__ = ["outside"]  # a fixture
DAY = "2026-11-23"


@pytest.fixture
def traded(outside: Outside) -> None:
    story.traded()
    story.traded("alpha-003", side="sell", qty=2000)
    story.turn()


def browser(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


@pytest.mark.parametrize("name", day_papers.PAPERS)
@pytest.mark.parametrize("kind", daily.TYPES)
def test_a_click_gives_the_newest_stored_day_in_the_same_bytes_for_ever(
    traded: None, name: str, kind: str
) -> None:
    ops = browser("alpha_ops")
    first = ops.get(f"/ops/papers/{name}.{kind}")
    assert first["Content-Disposition"] == f'attachment; filename="{name}-{DAY}.{kind}"'
    assert first["Content-Type"].startswith({"csv": "text/csv", "pdf": "application/pdf"}[kind])
    assert first.content.startswith({"csv": b"", "pdf": b"%PDF"}[kind])
    # Two days on, after what followed has happened, by page and by API: the very same bytes.
    with story.on(11, 25, 18):
        story.turn()
        assert ops.get(f"/ops/papers/{name}.{kind}").content == first.content
        api = Api("alpha_ops")._client
        path = {"confirms": "confirm", "trades": "trade"}[name]
        for query in (f"?kind={kind}", f"?kind={kind}&trade_date={DAY}"):
            assert api.get(f"/v1/ops/{path}/file/{query}").content == first.content
        assert ops.get(f"/ops/papers/{name}.{kind}?day={DAY}").content == first.content


def test_the_page_offers_the_day_as_it_is_stored_and_not_the_clocks(traded: None) -> None:
    with story.on(11, 27):
        page = browser("alpha_ops").get("/ops/").content.decode()
    assert f"Confirm file of {DAY}" in page
    for name in day_papers.PAPERS:
        for kind in daily.TYPES:
            assert f'href="/ops/papers/{name}.{kind}?day={DAY}"' in page


def test_a_day_without_confirmations_is_no_day(sandbox: datetime) -> None:
    ops = browser("alpha_ops")
    assert "Nothing has been confirmed yet" in ops.get("/ops/").content.decode()
    assert ops.get("/ops/papers/confirms.csv").status_code == 404
    assert Api("alpha_ops").get("/v1/ops/confirm/file/")[0] == 404


@pytest.mark.parametrize(
    "path",
    ["secrets.csv", "confirms.exe", "confirms.csv?day=yesterday", "trades.csv?day=2026-13-1"],
)
def test_what_is_no_paper_is_not_found(traded: None, path: str) -> None:
    assert browser("alpha_ops").get(f"/ops/papers/{path}").status_code == 404


def test_only_operations_read_them_and_only_their_own(traded: None, api: Apis) -> None:
    assert browser("alpha_trader").get("/ops/papers/trades.csv").status_code == 403
    assert Client().get("/ops/papers/trades.csv").status_code == 302
    for path in ("confirm", "trade"):
        assert api("alpha_trader").get(f"/v1/ops/{path}/file/")[0] == 403
        assert api("beta_ops").get(f"/v1/ops/{path}/file/")[0] == 404
        assert api("alpha_ops").get(f"/v1/ops/{path}/file/?kind=doc")[1]["code"] == "not_a_choice"
        assert api("alpha_ops").get(f"/v1/ops/{path}/file/?trade_date=x")[1]["code"] == "not_a_date"
    text = api("beta_ops")._client.get(f"/v1/ops/trade/file/?trade_date={DAY}").content.decode()
    assert "0 executions" in text


def test_the_trade_report_adds_up_what_the_store_holds(traded: None) -> None:
    child = trading.routed(qty=D(3000))
    trading.receive(trading.fill(child, 1000, cum=1000, last_px=D("99.0")))
    trading.receive(trading.fill(child, 2000, cum=3000, last_px=D("99.3")))
    day = datetime.fromisoformat(DAY).date()
    text = day_trades.trades("alpha", trade_date=day).decode()
    rows = list(csv.reader(io.StringIO(text)))
    # 1,000 at 99.4, 1,000 at 99.0 and 2,000 at 99.3 were bought: 99.25 on average.
    (bought,) = [row for row in rows if row[:2] == [trading.BOND, "buy"]]
    assert bought[2:6] == ["3", "4000", "99.25", "3970.00"]
    (venue,) = [row for row in rows if row[:1] == [trading.VENUE]]
    assert venue[1:5] == ["4", "0", "3970.00", "1988.00"]
    listed = [row for row in rows if row and row[-1].startswith("mo_")]
    assert len(listed) == Execution.objects.count() == 4
    nets = sum((Decimal(row[10]) for row in listed), D(0))
    assert nets == sum(Execution.objects.values_list("net_money", flat=True), D(0))


def test_what_was_paid_in_two_currencies_is_added_up_in_each(sandbox: datetime) -> None:
    other = "912810SX7"
    Instrument.objects.filter(cusip=other).update(currency="EUR")
    generation.check()
    for name, px in ((trading.BOND, "99.0"), (other, "98.0")):
        child = trading.routed(instrument_id=name, limit_price=D("99.5"), qty=D(1000))
        trading.receive(trading.fill(child, 1000, cum=1000, last_px=D(px)))
    day = datetime.fromisoformat(DAY).date()
    rows = list(csv.reader(io.StringIO(day_trades.trades("alpha", trade_date=day).decode())))
    venue = [row for row in rows if row[:1] == [trading.VENUE]]
    assert [(row[3], row[-1]) for row in venue] == [("980.00", "EUR"), ("990.00", "USD")]
    bought = {row[0]: (row[5], row[7]) for row in rows if row[1:2] == ["buy"]}
    assert bought == {other: ("980.00", "EUR"), trading.BOND: ("990.00", "USD")}
    listed = {(row[7], row[-3]) for row in rows if row and row[-1].startswith("mo_")}
    assert listed == {("980.00", "EUR"), ("990.00", "USD")}


def test_what_was_taken_back_is_told_with_its_trade(traded: None) -> None:
    order_id = story.traded("alpha-004")
    story.bust(order_id)
    day = datetime.fromisoformat(DAY).date()
    rows = list(csv.reader(io.StringIO(day_trades.trades("alpha", trade_date=day).decode())))
    (venue,) = [row for row in rows if row[:1] == [trading.VENUE]]
    assert venue[2] == "1"
    assert {row[4] for row in rows if row and row[-1] == order_id} == {"trade", "bust"}


def test_nobody_waits_for_a_pdf_of_a_great_day(
    traded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily, "PDF_MOST", 1)
    for path in ("confirm", "trade"):
        status, body = Api("alpha_ops").get(f"/v1/ops/{path}/file/?kind=pdf")
        assert (status, body["code"]) == (422, "too_many_for_pdf")
        assert Api("alpha_ops")._client.get(f"/v1/ops/{path}/file/").status_code == 200


def test_the_confirmations_by_custodian_come_to_what_was_confirmed(traded: None) -> None:
    later = clock.now() + timedelta(days=3)
    with clock.frozen_at(later):
        assert daily.latest("alpha") == TradeConfirm.objects.order_by("id")[0].trade_date
    assert daily.latest("beta") is None


def test_the_newest_days_are_offered_each_once(traded: None) -> None:
    with story.on(11, 24):
        story.traded("alpha-005")
        story.traded("alpha-006")
        story.turn()
    found = [day.isoformat() for day in daily.days("alpha")]
    assert found == sorted({row.isoformat() for row in _stored()}, reverse=True)
    assert len(found) == len(set(found))


def _stored() -> list[date]:
    return list(TradeConfirm.objects.order_by("id").values_list("trade_date", flat=True))
