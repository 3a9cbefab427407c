"""Internal crosses: both sides trade at the mid, or nothing happens and the reason is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from allocations.models import BookingLeg
from controls import halts
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.journal.draining import Aside
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import crossing, desk, lots, routing
from orders.crossing import candidates, draining, settling
from orders.models import Cross, Execution, ExecutionOrder, Order, VenueOrder
from orders.reconciling import internal
from orders.stopping import targets
from tests import poison, policies, trading
from tests.integration.orders.limits import in_force, listed
from tests.market import Venue, clean_shelf
from venues.market_data.shelf import shelf
from venues.messages import BookUpdate, MdEntry
from venues.models import Outbound, RoutingDecision
from venues.models import Venue as VenueRow

D = Decimal
BUYER, SELLER = "alpha-003", "alpha-002"
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def _clean_shelf() -> Iterator[None]:
    with clean_shelf():
        yield


@pytest.fixture
def venues() -> tuple[Venue, Venue]:
    made = Venue("SIMA"), Venue("SIMB")
    for one in made:
        one.begin()
    return made


def allow(way: str = "routed", **more: Any) -> None:
    """A policy that crosses, in force from now on."""
    rules = {"internal_cross": way, **more.pop("rules", {})}
    policies.agreed(preset=more.pop("preset", "full"), rules=rules, at=clock.now())
    generation.check()


def mid(venue: Venue) -> D:
    bid, ask = (venue.market.levels(trading.BOND, side)[0].px for side in ("2", "1"))
    return (bid + ask) / 2


def pair(**changes: Any) -> tuple[str, str]:
    """A buy and a sell that may meet."""
    buy = trading.submit(account_id=BUYER, side="buy", **{"limit_price": D("100.5"), **changes})
    sell = trading.submit(account_id=SELLER, side="sell", **{"limit_price": D("98.5"), **changes})
    return buy, sell


def told(order_id: str, kind: str) -> list[dict[str, Any]]:
    rows = Event.objects.filter(subject=order_id, event_type=kind).order_by("seq")
    return [msgspec.json.decode(row.body)["event"] for row in rows]


def settle_deferred() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def refused(*statements: str, law: str) -> None:
    """The database takes none of it, because of this law."""

    def run() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for sql in (*statements, "SET CONSTRAINTS ALL IMMEDIATE"):
                cursor.execute(sql)

    with pytest.raises(IntegrityError, match=law):
        run()


def test_opposite_orders_cross_at_the_mid_and_nothing_is_sent(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, sell = pair()
    routing.drain()
    settle_deferred()
    cross = Cross.objects.get()
    assert (cross.qty, cross.price) == (D(3000), mid(venues[0]))
    fills = list(Execution.objects.order_by("exec_id"))
    assert [fill.exec_id for fill in fills] == [f"{cross.id}/buy", f"{cross.id}/sell"]
    assert {fill.order_id for fill in fills} == {buy, sell}
    assert {(fill.qty, fill.price, fill.source) for fill in fills} == {
        (D(3000), cross.price, "INTX")
    }
    for order_id in (buy, sell):
        order = trading.order(order_id)
        assert (order.status, order.cum_qty, order.route_at) == ("filled", D(3000), None)
        row = ExecutionOrder.objects.get(order_id=order_id)
        assert (row.protocol, row.strategy, row.origin) == (
            "internal_cross",
            "midpoint",
            "crossing",
        )
        assert VenueOrder.objects.get(order_id=order_id).venue_id == "INTX"
        trading.check_tree(order_id)
    assert not Outbound.objects.exists()


def test_a_batch_that_breaks_leaves_every_security_its_books(
    venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow()
    pair()
    cross, broken = draining._cross, list[Any]()

    def fail(groups: Any) -> int:
        if not broken:
            broken.append(groups)
            # A batch of many takes longer than what was looked at is known.
            shelf.forget()
            raise ValueError("odd")
        return cross(groups)

    monkeypatch.setattr(draining, "_cross", fail)
    assert crossing.drain() == 1
    assert Cross.objects.get().price == mid(venues[0])


def test_both_sides_are_told_and_neither_hears_of_the_other(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, sell = pair()
    routing.drain()
    for order_id, other in ((buy, sell), (sell, buy)):
        kinds = Event.objects.filter(subject=order_id).order_by("seq")
        assert list(kinds.values_list("event_type", flat=True))[-3:] == [
            "execution_order_create",
            "internal_cross",
            "execution",
        ]
        (said,) = told(order_id, "internal_cross")
        assert said["cross_id"] == Cross.objects.get().id
        assert "both sides passed their controls" in said["routing"]
        bodies = Event.objects.filter(subject=order_id).values_list("body", flat=True)
        assert not any(other in body for body in bodies)


def test_the_decision_is_kept_with_the_quotes_it_saw(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, _ = pair()
    routing.drain()
    kept = RoutingDecision.objects.get(subject=ExecutionOrder.objects.get(order_id=buy).id)
    assert kept.kind == "cross"
    assert "3,000 crossed inside at 9" in kept.reason
    best = venues[0].market.levels(trading.BOND, "1")[0]
    assert kept.quotes["best_ask"]["px"] == best.px
    assert {book["venue_id"] for book in kept.quotes["books"]} == {"SIMA", "SIMB"}


def test_both_fills_are_allocated_and_booked_like_any_other(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, sell = pair()
    routing.drain()
    lots.drain()
    legs = BookingLeg.objects.filter(allocation__order_id__in=[buy, sell])
    assert {(leg.allocation.order_id, leg.qty) for leg in legs.select_related("allocation")} == {
        (buy, D(3000)),
        (sell, D(3000)),
    }


def test_without_a_policy_that_says_so_nothing_crosses(venues: tuple[Venue, Venue]) -> None:
    pair()
    routing.drain()
    assert not Cross.objects.exists()
    assert VenueOrder.objects.exclude(venue_id="INTX").count() == 2


def test_what_is_left_after_a_cross_goes_to_the_venues(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy = trading.submit(account_id=BUYER, qty=D(5000), limit_price=D("100.5"))
    sell = trading.submit(account_id=SELLER, side="sell", limit_price=D("98.5"))
    routing.drain()
    assert trading.order(sell).status == "filled"
    rows = ExecutionOrder.objects.filter(order_id=buy).order_by("created_at", "qty")
    assert sorted((row.protocol, row.qty) for row in rows) == [
        ("internal_cross", D(3000)),
        ("limit_order_book", D(2000)),
    ]
    trading.check_tree(buy)


def test_a_clients_own_instruction_keeps_its_id_for_what_is_left(
    venues: tuple[Venue, Venue],
) -> None:
    allow()
    asked = trading.instruction(
        5000, strategy="smart_order_routing", venue_id="", client_execution_order_id="mine"
    )
    buy = trading.submit(
        account_id=BUYER, qty=D(5000), limit_price=D("100.5"), instructions=(asked,)
    )
    trading.submit(account_id=SELLER, side="sell", limit_price=D("98.5"))
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=buy, protocol="limit_order_book")
    assert (row.client_execution_order_id, row.qty) == ("mine", D(2000))


def test_one_account_never_trades_with_itself(venues: tuple[Venue, Venue]) -> None:
    allow()
    trading.submit(account_id=BUYER, limit_price=D("100.5"))
    trading.submit(account_id=BUYER, side="sell", limit_price=D("98.5"))
    routing.drain()
    assert not Cross.objects.exists()


def _allow_beta() -> None:
    """It has no rules that route by themselves: its orders are staged."""
    policies.agreed(
        preset="full", rules={"internal_cross": "open"}, at=clock.now(), organization_id="beta"
    )
    generation.check()


def test_two_organizations_never_cross(venues: tuple[Venue, Venue]) -> None:
    allow()
    _allow_beta()
    trading.submit(account_id=BUYER, limit_price=D("100.5"))
    trading.submit(by="beta_trader", account_id="beta-001", side="sell", limit_price=D("98.5"))
    routing.drain()
    assert not Cross.objects.exists()


def _of_beta() -> str:
    """A buy of another organization that may cross; its id."""
    _allow_beta()
    terms = {"by": "beta_trader", "account_id": "beta-001"}
    trading.submit(**{**terms, "account_id": "beta-002"}, side="sell", limit_price=D("98.5"))
    return trading.submit(**terms, limit_price=D("100.5"))


def test_a_security_that_cannot_be_crossed_keeps_no_other_from_it(
    venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow("open")
    monkeypatch.setattr(draining, "_odd", Aside("cross"))
    odd, _ = pair(bypass_auto_execution=True)
    good = _of_beta()
    carry_out, tried = settling.carry_out, list[str]()

    def fail(work: Any, sides: Any, couple: Any, *args: Any, **facts: Any) -> None:
        tried.append(couple.buy)
        if couple.buy == odd:
            raise ValueError("odd")
        carry_out(work, sides, couple, *args, **facts)

    monkeypatch.setattr(settling, "carry_out", fail)
    assert crossing.drain() == 1
    assert trading.order(good).status == "filled"
    told = poison.aside("cross")
    assert (told.key, told.organization_id) == (f"cross/alpha/{trading.BOND}", "alpha")
    tried.clear()
    assert crossing.drain() == 0
    assert tried == []
    poison.wait(monkeypatch)
    monkeypatch.setattr(settling, "carry_out", carry_out)
    assert crossing.drain() == 1
    assert trading.order(odd).status == "filled"


OTHERS = ("912810SX7", "912810SS8")


def _idle(side: str, **changes: Any) -> str:
    """A staged order in another security, which may cross if somebody takes the other side."""
    account = {"buy": BUYER, "sell": SELLER}[side]
    terms = {"instrument_id": OTHERS[0], "limit_price": D("100.5"), **changes}
    order_id = trading.submit(side=side, account_id=account, bypass_auto_execution=True, **terms)
    assert trading.order(order_id).status == "pending_execution"
    return order_id


@pytest.mark.parametrize("old", [1, 3])
def test_orders_of_one_side_keep_nobody_from_crossing_however_many(
    venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch, old: int
) -> None:
    allow("open")
    monkeypatch.setattr(candidates, "_MOST", 2)
    for _ in range(old):
        _idle("buy")
    with clock.frozen_at(clock.now() + timedelta(seconds=1)):
        for venue in venues:
            venue.beat()
        pair(bypass_auto_execution=True)
        assert crossing.drain() == 1


def test_securities_that_never_cross_keep_no_other_from_its_turn(
    venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow("open")
    monkeypatch.setattr(candidates, "_MOST", 2)
    monkeypatch.setattr(candidates, "_after", None)
    # Both sides are there, and no market that would give a price.
    for cusip in OTHERS:
        _idle("buy", instrument_id=cusip)
        _idle("sell", instrument_id=cusip)
    pair(bypass_auto_execution=True)
    assert sum(crossing.drain() for _ in range(3)) == 1


def test_of_a_security_with_too_many_orders_the_best_of_both_sides_are_taken(
    venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow("open")
    monkeypatch.setattr(candidates, "_MOST", 4)
    staged = {"bypass_auto_execution": True}
    for price in ("98.6", "98.7", "98.8"):
        trading.submit(account_id=BUYER, limit_price=D(price), **staged)
    pair(**staged)
    (names,) = candidates.found(at=clock.now()).values()
    assert len(names) == 3
    assert crossing.drain() == 1


@pytest.mark.parametrize("limits", [("98.5", "98.5"), ("100.5", "100.5")])
def test_a_mid_outside_either_limit_crosses_nothing(
    venues: tuple[Venue, Venue], limits: tuple[str, str]
) -> None:
    allow()
    trading.submit(account_id=BUYER, limit_price=D(limits[0]))
    trading.submit(account_id=SELLER, side="sell", limit_price=D(limits[1]))
    routing.drain()
    assert not Cross.objects.exists()
    assert VenueOrder.objects.count() == 2


def test_without_fresh_quotes_nothing_crosses_and_the_order_says_why(
    venues: tuple[Venue, Venue],
) -> None:
    allow()
    for venue in venues:
        venue.feed.lose("the venue is not connected")
    buy, _ = pair()
    routing.drain()
    assert not Cross.objects.exists()
    assert told(buy, "internal_cross_reject")[0]["code"] == "no_fresh_market"
    assert VenueOrder.objects.filter(order_id=buy).exists()


def test_a_crossed_market_gives_no_price(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, _ = pair()
    high = venues[0].market.levels(trading.BOND, "1")[0].px + 1
    entry = MdEntry(entry_id="X1", entry_type="0", px=high, size=D(1_000_000))
    seen = BookUpdate(security_id=trading.BOND, rpt_seq=1, at=clock.now(), entries=(entry,))
    venues[1].feed.take([seen])
    routing.drain()
    assert not Cross.objects.exists()
    assert told(buy, "internal_cross_reject")[0]["code"] == "market_crossed"


def test_a_staged_order_waits_for_its_trader_unless_the_policy_says_open(
    venues: tuple[Venue, Venue],
) -> None:
    allow()
    staged = trading.submit(account_id=BUYER, limit_price=D("100.5"), bypass_auto_execution=True)
    trading.submit(account_id=SELLER, side="sell", limit_price=D("98.5"))
    routing.drain()
    assert not Cross.objects.exists()
    allow("open")
    waiting = trading.submit(account_id=BUYER, limit_price=D("100.5"), bypass_auto_execution=True)
    trading.submit(account_id=SELLER, side="sell", limit_price=D("98.5"))
    routing.drain()
    assert Cross.objects.get().buy_order_id == waiting
    assert trading.order(staged).cum_qty == 0


def test_an_order_that_names_its_venue_goes_there(venues: tuple[Venue, Venue]) -> None:
    allow()
    asked = trading.instruction(3000)
    trading.submit(account_id=BUYER, limit_price=D("100.5"), instructions=(asked,))
    trading.submit(account_id=SELLER, side="sell", limit_price=D("98.5"))
    routing.drain()
    assert not Cross.objects.exists()


def test_all_or_none_crosses_whole_or_not_at_all(venues: tuple[Venue, Venue]) -> None:
    allow()
    trading.submit(account_id=BUYER, qty=D(5000), limit_price=D("100.5"), all_or_none=True)
    trading.submit(account_id=SELLER, side="sell", limit_price=D("98.5"))
    routing.drain()
    assert not Cross.objects.exists()


def test_what_is_being_canceled_does_not_cross(venues: tuple[Venue, Venue]) -> None:
    allow("open")
    buy = trading.submit(account_id=BUYER, limit_price=D("100.5"), bypass_auto_execution=True)
    desk.cancel([buy], by=trading.person(), at=clock.now())
    trading.submit(account_id=SELLER, side="sell", limit_price=D("98.5"))
    routing.drain()
    assert not Cross.objects.exists()


@pytest.mark.parametrize("scope", ["trader", "organization"])
def test_a_control_against_crossing_oneself_counts_inside_too(
    venues: tuple[Venue, Venue], scope: str
) -> None:
    """Put in force after both orders came: the gate is asked again at the cross."""
    allow()
    buy, sell = pair()
    in_force("cross.self", scope=scope)
    routing.drain()
    assert not Cross.objects.exists()
    for order_id in (buy, sell):
        (said,) = told(order_id, "internal_cross_reject")
        assert said["code"] == "control_refused"


def test_a_list_in_force_by_now_stops_the_cross(venues: tuple[Venue, Venue]) -> None:
    allow()
    pair()
    listed("hands-off", trading.BOND)
    routing.drain()
    assert not Cross.objects.exists()
    assert not Execution.objects.exists()


def test_what_only_a_person_may_release_does_not_cross_by_itself(
    venues: tuple[Venue, Venue],
) -> None:
    """Both passed when they came; flagged now, they go on as other orders do, but not inside."""
    allow()
    pair()
    in_force("size.max_quantity", remediation="flag", max_qty="1000")
    routing.drain()
    assert not Cross.objects.exists()


def test_halting_the_internal_venue_stops_crosses(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, _ = pair()
    by = trading.person("alpha_compliance")
    found = targets.target_of("venue", "INTX", by=by)
    halts.engage(found, reason="a test", by=by, at=clock.now(), cancels=False)
    generation.check()
    routing.drain()
    assert not Cross.objects.exists()
    assert VenueOrder.objects.filter(order_id=buy, venue_id="SIMA").exists()


def test_a_closed_internal_venue_crosses_nothing(venues: tuple[Venue, Venue]) -> None:
    allow()
    VenueRow.objects.filter(pk="INTX").update(status="suspended")
    generation.check()
    pair()
    routing.drain()
    assert not Cross.objects.exists()


def test_nothing_to_cross_asks_no_question_of_the_database(
    venues: tuple[Venue, Venue], django_assert_num_queries: Any
) -> None:
    pair()
    generation.check()
    with django_assert_num_queries(0):
        assert crossing.drain() == 0


def test_the_database_refuses_half_a_cross(venues: tuple[Venue, Venue]) -> None:
    allow()
    pair()
    routing.drain()
    settle_deferred()
    fill = Execution.objects.filter(order__side="buy").get()
    refused(
        "INSERT INTO orders_execution SELECT (jsonb_populate_record(x,"
        """ '{"id": "ex_lonely", "exec_id": "lonely", "sequence": 2}'::jsonb)).*"""
        f" FROM orders_execution x WHERE id = '{fill.id}'",
        law="at the internal venue is in no cross",
    )


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        ('{"qty": 2000}', "has not two equal executions of opposite sides"),
        ('{"price": 99}', "cross_inside_the_market"),
        ("same", "cross_has_two_sides"),
    ],
)
def test_the_database_refuses_a_cross_of_unequal_sides(
    venues: tuple[Venue, Venue], wrong: str, law: str
) -> None:
    allow()
    pair()
    routing.drain()
    settle_deferred()
    cross = Cross.objects.get()
    if wrong == "same":
        wrong = f'{{"sell_execution_id": "{cross.buy_execution_id}"}}'
    refused(
        "ALTER TABLE orders_cross DISABLE TRIGGER orders_cross_no_change",
        "CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM orders_cross",
        "DELETE FROM orders_cross",
        "INSERT INTO orders_cross SELECT (jsonb_populate_record(null::orders_cross,"
        f" to_jsonb(k) || '{wrong}'::jsonb)).* FROM kept k",
        law=law,
    )


def test_the_books_agree_after_a_cross(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, sell = pair()
    routing.drain()
    for order_id in (buy, sell):
        order = Order.objects.get(pk=order_id)
        events = Event.objects.filter(subject=order_id).count()
        assert order.version == events


def test_the_panel_of_an_order_explains_its_cross(venues: tuple[Venue, Venue]) -> None:
    allow()
    buy, _ = pair()
    routing.drain()
    browser = Client()
    browser.force_login(User.objects.get(username="alpha_trader"))
    page = browser.get(f"/desk/orders/{buy}/?part=panel").content.decode()
    assert "Crossed inside" in page
    assert "3,000 crossed inside at" in page
    assert "both sides passed their controls" in page


def test_a_comparison_of_our_own_books_finds_nothing_after_a_cross(
    venues: tuple[Venue, Venue],
) -> None:
    allow()
    pair()
    routing.drain()
    lots.drain()
    assert internal.run().found == []
