"""A limit is the client's and has every markup in it: what the street hears is the limit without.

Nothing is bought above the client's limit, or sold below it, whatever way an order goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, routing
from orders.crossing import drain as cross
from orders.desk import external
from orders.models import Break, Cross, ExecutionOrder, Order, VenueOrder
from tests import policies, scheduling, trading
from tests.integration.orders.test_whose_fees import fee
from tests.integration.replacing import story
from tests.market import Venue, clean_shelf
from tests.trading import D
from venues import messages
from venues.models import Outbound, RoutingDecision

pytestmark = pytest.mark.usefixtures("sandbox")
QUARTER = (fee("0.25", fee_type="markup"),)


@pytest.fixture
def venues() -> Iterator[tuple[Venue, Venue]]:
    """Both venues with their books: the best offer is 99.375 at each."""
    with clean_shelf():
        made = Venue("SIMA"), Venue("SIMB")
        for one in made:
            one.begin()
        yield made


def markup(amount: str, **changes: Any) -> tuple[dict[str, Any], ...]:
    return (fee(amount, fee_type="markup", **changes),)


def sent() -> messages.NewOrder:
    (row,) = Outbound.objects.filter(kind="D")
    said = messages.decode_outgoing(row.body)
    assert isinstance(said, messages.NewOrder)
    return said


def told(**terms: Any) -> D | None:
    """What the venue hears as the limit of an order that is routed."""
    trading.routed(**terms)
    return sent().price


@pytest.mark.parametrize(
    ("fees", "side", "limit", "street"),
    [
        (QUARTER, "buy", "99.5", "99.25"),
        (QUARTER, "sell", "99", "99.25"),
        # A commission is charged beside the price and is not within the limit.
        ((fee("0.25"),), "buy", "99.5", "99.5"),
        ((*QUARTER, fee("5")), "buy", "99.5", "99.25"),
        ((*QUARTER, *markup("0.1")), "buy", "99.5", "99.15"),
        # 99.301397 x 1.002 is 99.5: rounded down for a buyer, 99.198397 / 0.998 up for a seller.
        (markup("0.2", fee_amount_type="percentage_of_market_value"), "buy", "99.5", "99.301"),
        (markup("0.2", fee_amount_type="percentage_of_market_value"), "sell", "99", "99.199"),
        # A fill may be smaller than what its cap is for.
        (markup("0.25", max_fee_amount="1.00"), "buy", "99.5", "99.25"),
        (markup("0"), "buy", "99.5", "99.5"),
    ],
)
def test_the_street_hears_the_limit_without_markups(
    fees: tuple[dict[str, Any], ...], side: str, limit: str, street: str
) -> None:
    assert told(fees=fees, side=side, limit_price=D(limit)) == D(street)
    row, child = ExecutionOrder.objects.get(), VenueOrder.objects.get()
    assert (row.limit_price, child.limit_price) == (D(limit), D(street))


def test_a_markup_in_yield_is_taken_out_by_its_price() -> None:
    price = told(fees=markup("10", fee_amount_type="yield_bps"))
    assert price is not None
    assert D("98.5") < price < D("99.5")
    assert price == price.quantize(D("0.001"))


def test_what_trades_whole_or_not_at_all_may_count_on_a_cap() -> None:
    asked = trading.instruction(3000, all_or_none=True)
    capped = markup("0.25", max_fee_amount="3.00")
    # 3.00 for 3,000 par is 0.1 of a point.
    assert told(fees=capped, all_or_none=True, instructions=(asked,)) == D("99.4")


def test_an_execution_orders_own_limit_is_the_clients_and_its_own_fees_count() -> None:
    order_id = trading.submit(fees=QUARTER, bypass_auto_execution=True)
    child = trading.execute(order_id, 1000, limit_price=D("99.4"))
    assert child.limit_price == D("99.15")
    child = trading.execute(order_id, 1000, fees=markup("0.5"))
    assert child.limit_price == D("99")
    made = desk.execute(
        order_id,
        trading.instruction(1000, limit_price=D("99.6")),
        by=trading.person(),
        at=clock.now(),
    )
    assert made.error is not None
    assert made.error.code == "limit_worse_than_order"


def test_smart_routing_takes_only_what_is_within_the_clients_limit(
    venues: tuple[Venue, Venue],
) -> None:
    def taken(limit: str) -> bool:
        order_id = trading.submit(
            fees=QUARTER, limit_price=D(limit), bypass_auto_execution=True, qty=D(3000)
        )
        asked = trading.instruction(3000, strategy="smart_order_routing", venue_id="")
        made = desk.execute(order_id, asked, by=trading.person(), at=clock.now())
        assert made.error is None
        kept = RoutingDecision.objects.get(subject=made.execution_order_id)
        assert kept.limit_price == D(limit) - D("0.25")
        return any(score["take"] != "0" and D(str(score["take"])) > 0 for score in kept.scores)

    # The offer of 99.375 costs the client 99.625.
    assert not taken("99.5")
    assert taken("99.625")


def test_an_order_whose_markup_eats_its_limit_is_not_made() -> None:
    (made,) = desk.submit([trading.request(limit_price=D("2"), fees=markup("2"))])
    assert made.error is not None
    assert (made.error.code, made.error.status) == ("markups_exceed_limit", 422)
    assert made.error.details[0].field == "limit_price"
    asked = (trading.instruction(1000, fees=markup("100")),)
    (made,) = desk.submit([trading.request(instructions=asked)])
    assert made.error is not None
    assert made.error.details[0].field == "execution_instructions[0].limit_price"
    assert not Order.objects.exists()


def test_a_fill_within_the_clients_limit_and_beyond_the_streets_is_a_break() -> None:
    child = trading.routed(fees=QUARTER)
    trading.receive(trading.fill(child, 1000, cum=1000, last_px=D("99.25")))
    assert not Break.objects.filter(kind="outside_terms").exists()
    trading.receive(trading.fill(child, 1000, cum=2000, last_px=D("99.4")))
    assert Break.objects.filter(kind="outside_terms").count() == 1


def test_a_trade_reported_from_outside_is_compared_with_its_markup() -> None:
    order_id = trading.submit(fees=QUARTER, bypass_auto_execution=True)
    asked = trading.instruction(3000, protocol="external", strategy="external", venue_id="")
    row = desk.execute(order_id, asked, by=trading.person(), at=clock.now()).row
    assert row is not None

    def report(price: str) -> OmsError | None:
        said = external.TradeReport(qty=D(1000), price=D(price))
        made = desk.report_trade(order_id, row.id, said, by=trading.person(), at=clock.now())
        return made.error

    refused = report("99.26")
    assert refused is not None
    assert refused.code == "price_worse_than_limit"
    assert report("99.25") is None


def test_what_crosses_inside_is_within_both_clients_limits(venues: tuple[Venue, Venue]) -> None:
    policies.agreed(preset="full", rules={"internal_cross": "routed"}, at=clock.now())
    bid, ask = (venues[0].market.levels(trading.BOND, side)[0].px for side in ("2", "1"))
    mid = (bid + ask) / 2

    def pair(buy: D, sell: D) -> int:
        trading.submit(account_id="alpha-003", limit_price=buy, fees=QUARTER)
        trading.submit(account_id="alpha-002", side="sell", limit_price=sell)
        cross()
        return Cross.objects.count()

    assert pair(mid + D("0.2"), mid) == 0
    assert pair(mid + D("0.25"), mid) == 1


def test_an_amended_limit_is_told_to_the_street_without_markups_and_stays_the_clients() -> None:
    policies.agreed(preset="full", at=clock.now() - timedelta(days=1))
    order_id, child = story.working(10_000, fees=QUARTER)
    assert child.limit_price == D("99.25")
    for limit in ("99.6", "99.3"):
        assert story.amend(order_id, limit_price=limit).outcome == "pending"
        (*_, message) = story.sent("G")
        assert message.price == D(limit) - D("0.25")
        trading.receive(story.replaced(order_id))
        row = ExecutionOrder.objects.get(order_id=order_id)
        limits = story.order(order_id).limit_price, row.limit_price
        assert limits == (D(limit), D(limit))
        assert VenueOrder.objects.get(pk=child.pk).limit_price == D(limit) - D("0.25")
    refused = story.amend(order_id, limit_price="0.25").error
    assert refused is not None
    assert refused.code == "markups_exceed_limit"


def test_slices_of_a_schedule_are_told_the_streets_limit() -> None:
    order_id = scheduling.staged(fees=QUARTER)
    scheduling.started(order_id)
    scheduling.run(0)
    (child,) = scheduling.working(order_id)
    assert child.limit_price == D("99.25")


def test_without_markups_a_limit_stays_as_it_is_to_the_last_digit() -> None:
    assert told(limit_price=D("99.12345678"), fees=(fee("0.25"),)) == D("99.12345678")
    routing.drain()
