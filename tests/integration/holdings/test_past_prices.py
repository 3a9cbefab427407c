"""What was held at a past moment is valued by what was known then, everywhere the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from allocations.holdings.documents import statement
from allocations.models import PastPrice
from oms_site.kit import clock
from tests import trading
from tests.client import Api
from tests.integration.holdings.test_profit_and_loss import BUY, trade
from tests.integration.holdings.test_statements import ACCOUNT, page, sections
from venues import instruments, market_data
from venues.calendar import NEW_YORK
from venues.messages import Quote
from venues.models import Instrument, ReferencePrice

D = trading.D
HOUR = timedelta(hours=1)


def quoted(mid: str, at: datetime, cusip: str = trading.BOND) -> None:
    """The venue shows this price from now on: the way that every price comes."""
    around = D("0.01")
    told = Quote(
        security_id=cusip,
        bid_px=D(mid) - around,
        bid_size=D(1000),
        ask_px=D(mid) + around,
        ask_size=D(1000),
        at=at,
    )
    assert market_data.take([told], source="SIMA") == 1
    market_data.forget()


@pytest.fixture
def held(sandbox: datetime) -> datetime:
    """10,000 bought at 98.00 when the market stood at 98.50; later at 90 and at 95."""
    quoted("98.50", sandbox)
    trade(BUY, 10_000, "98.00")
    quoted("90.00", sandbox + HOUR)
    quoted("95.00", sandbox + 2 * HOUR)
    return sandbox


def told(at: datetime, as_of: datetime) -> dict[str, Any]:
    """The one position as the API tells it at one moment as of another."""
    with clock.frozen_at(at):
        query = f"account_id={ACCOUNT}&as_of={as_of.isoformat().replace('+', '%2B')}"
        status, body = Api("alpha_trader").get(f"/v1/position/?{query}")
    assert status == 200, body
    (line,) = body["positions"]
    return dict(line)


def printed(at: datetime, as_of: datetime) -> dict[str, dict[str, str]]:
    content = statement.of_account("alpha", ACCOUNT, at=as_of, as_of=as_of, kind="csv")
    found = sections(content)
    (line,), (sums,) = found["Positions"], found["Positions by currency"]
    return {"line": line, "sums": sums}


@pytest.mark.parametrize(
    ("minutes", "price", "value", "unrealized", "age", "stale"),
    [
        (10, 98.5, 9850, 50, 600, False),
        (60, 90, 9000, -800, 0, False),
        (90, 90, 9000, -800, 1800, True),
        (121, 95, 9500, -300, 60, False),
    ],
)
def test_a_position_of_then_has_the_last_price_known_by_then_with_its_age(
    held: datetime,
    minutes: int,
    price: float,
    value: int,
    unrealized: int,
    age: int,
    stale: bool,
) -> None:
    then = held + timedelta(minutes=minutes)
    line = told(held + 5 * HOUR, then)
    assert (line["price"], line["market_value"], line["unrealized"]) == (price, value, unrealized)
    assert (line["price_age_seconds"], line["price_stale"]) == (age, stale)
    assert line["price_source"] == "SIMA"
    assert line["accrued_interest"] > 0
    # On paper it is the same, with the time of the price in New York.
    paper = printed(held + 5 * HOUR, then)["line"]
    assert (D(paper["Price"]), D(paper["Value"])) == (D(str(price)), D(value))
    assert paper["Unrealized"] == f"{unrealized}.00"
    assert paper["Price time"].endswith("(stale)") is stale
    day = f"{then.astimezone(NEW_YORK) - timedelta(seconds=age):%Y-%m-%d %H:%M:%S}"
    assert paper["Price time"].startswith(day)


def test_the_page_of_then_shows_the_same_price_and_its_time(held: datetime) -> None:
    with clock.frozen_at(held + 5 * HOUR):
        text = (
            page()
            .get("/holdings/", {"account": "ALPHA-002", "as_of": "2026-11-23T11:30:00"})
            .content.decode()
        )
    assert "9,000.00" in text
    assert "stale, 30 min" in text
    assert "11:00:00" in text
    assert "not kept" not in text


def test_what_nobody_had_priced_by_then_says_so_and_totals_name_what_they_leave_out(
    held: datetime,
) -> None:
    other = Instrument.objects.exclude(cusip=trading.BOND).filter(asset_class="corporate").first()
    assert other is not None
    ReferencePrice.objects.filter(instrument=other).delete()
    market_data.forget()
    ask = {
        "kind": "deposit",
        "account_id": ACCOUNT,
        "instrument_id": other.cusip,
        "qty": 1000,
        "cost": 990,
    }
    assert Api("alpha_ops").post("/v1/transaction/", ask)[0] == 201
    quoted("50.00", held + 2 * HOUR, other.cusip)
    with clock.frozen_at(held + 5 * HOUR):
        as_of = held + timedelta(minutes=10)
        found = sections(statement.of_account("alpha", ACCOUNT, at=as_of, as_of=as_of, kind="csv"))
        lines = {one["CUSIP"]: one for one in found["Positions"]}
        assert (lines[other.cusip]["Price time"], lines[other.cusip]["Value"]) == ("no price", "")
        (sums,) = found["Positions by currency"]
        assert (sums["Value"], sums["Cost"]) == ("9850.00", "10790.00")
        assert sums["Left out of value"] == f"no price: {other.cusip}"
        text = (
            page()
            .get("/holdings/", {"account": "ALPHA-002", "as_of": "2026-11-23T10:10:00"})
            .content.decode()
        )
        assert f"without {other.cusip}: no price" in text
        # Once it was priced nothing is left out.
        later = held + 3 * HOUR
        found = sections(statement.of_account("alpha", ACCOUNT, at=later, as_of=later, kind="csv"))
        (sums,) = found["Positions by currency"]
        assert (sums["Value"], sums["Left out of value"]) == ("10000.00", "")


def test_the_first_and_the_last_price_of_five_minutes_are_kept_and_never_changed(
    sandbox: datetime,
) -> None:
    quoted("98.50", sandbox)
    trade(BUY, 10_000, "98.00")
    for seconds, mid in ((60, "98.60"), (120, "98.70"), (240, "98.80"), (360, "98.90")):
        quoted(mid, sandbox + timedelta(seconds=seconds))
    facts = instruments.find(trading.BOND)
    assert facts is not None
    kept = PastPrice.objects.filter(instrument_id=facts.id).order_by("at")
    told_at = {int((one.at - sandbox).total_seconds()): one.mid_px for one in kept}
    known = {key: mid for key, mid in told_at.items() if key >= 0}
    assert known == {0: D("98.50"), 240: D("98.80"), 360: D("98.90")}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        kept.update(mid_px=Decimal(1))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        kept.delete()


def test_prices_of_what_nobody_has_ever_held_are_not_kept(sandbox: datetime) -> None:
    for hours in range(3):
        quoted("98.50", sandbox + hours * HOUR)
    assert not PastPrice.objects.exists()
