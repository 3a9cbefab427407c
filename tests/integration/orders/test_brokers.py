"""Who may get an account's orders, and the wheel that deals them out."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from controls import listing
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import brokers, desk, last_look, routing, wheel
from orders.models import BrokerWheel, ExecutionOrder, Rfq, VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from orders.rfq.asking import RfqAsk
from tests import quoting, trading
from venues.models import Outbound, RoutingDecision

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


def agreed(account: str = "alpha-002", **rules: Any) -> None:
    """The account's mandate, by two people."""
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    row = listing.agree(account, rules, by=maker, at=clock.now())
    listing.approve(row, by=checker, at=clock.now())
    generation.check()


def in_force(**weights: int) -> BrokerWheel:
    row = BrokerWheel.objects.create(
        organization_id="alpha", version=1, weights=weights, active=True, created_at=clock.now()
    )
    generation.check()
    return row


def dealt(n: int, **changes: Any) -> list[str]:
    """The venues of n orders that the wheel dealt out, in their order."""
    asked = trading.instruction(3000, strategy=wheel.STRATEGY, venue_id="")
    found = []
    for _ in range(n):
        order_id = trading.submit(instructions=(asked,), **changes)
        routing.drain()
        found.append(VenueOrder.objects.get(order_id=order_id).venue_id)
    return found


# --- lists --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "rules", [{"approved_brokers": ["SIMB"]}, {"restricted_brokers": ["SIMA"]}]
)
def test_smart_routing_leaves_out_who_is_not_approved_and_says_so(
    rules: dict[str, Any],
) -> None:
    agreed(**rules)
    child = trading.routed()
    assert child.venue_id == "SIMB"
    reason = RoutingDecision.objects.get().reason
    assert "SIMA: is no approved broker of account ALPHA-002 (mandate version 1)" in reason


def test_a_broker_that_is_not_approved_is_refused_by_name_with_a_code() -> None:
    agreed(approved_brokers=["SIMB"])
    order_id = trading.submit(bypass_auto_execution=True)
    made = desk.execute(order_id, trading.instruction(3000), by=trading.person(), at=clock.now())
    assert made.error is not None
    assert made.error.code == "broker_not_approved"
    assert not ExecutionOrder.objects.exists()
    other = trading.submit(bypass_auto_execution=True, account_id="alpha-003")
    assert trading.execute(other, 3000).venue_id == "SIMA"


def test_a_block_uses_only_brokers_of_all_its_accounts() -> None:
    agreed("alpha-003", approved_brokers=["SIMB"])
    accounts = tuple(AccountAsk(account_id=one, qty=D(2000)) for one in ("alpha-002", "alpha-003"))
    block = AllocationAsk(strategy="pro_rata_with_averaging", accounts=accounts)
    child = trading.routed(account_id=None, allocation=block, qty=D(4000))
    assert child.venue_id == "SIMB"


def test_nobody_approved_means_nothing_is_sent() -> None:
    agreed(approved_brokers=[])
    order_id = trading.submit()
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert (row.status, row.venue_orders.count()) == ("rejected", 0)
    assert not Outbound.objects.exists()


def test_a_dealer_that_is_not_approved_is_not_asked() -> None:
    agreed(approved_brokers=[quoting.SWIFT])
    order_id = quoting.staged()
    (refused,) = desk.ask(
        [RfqAsk(order_id=order_id, dealers=(quoting.BROAD,))], by=trading.person(), at=clock.now()
    )
    assert refused.error is not None
    assert refused.error.details[0].code == "broker_not_approved"
    rfq = quoting.ask(order_id, dealers=())
    assert Rfq.objects.get(pk=rfq.pk).dealers == [quoting.SWIFT]


def test_a_broker_struck_off_meanwhile_gets_nothing_at_the_wire() -> None:
    child = trading.routed()
    agreed(restricted_brokers=[child.venue_id])
    rows = list(Outbound.objects.filter(cl_ord_id=child.id).order_by("id"))
    assert last_look.before_wire(child.venue_id, rows) == []
    ended = Event.objects.get(event_type="execution_order_cancel")
    assert "no approved broker" in msgspec.json.decode(ended.body)["event"]["reason"]


# --- the wheel ----------------------------------------------------------------------------------
def test_over_a_thousand_turns_every_broker_gets_exactly_its_weight() -> None:
    row = in_force(SIMA=60, SIMB=40)
    first = [wheel.spin("alpha")[0][0] for _ in range(1000)]
    assert Counter(first) == {"SIMA": 600, "SIMB": 400}
    assert all(Counter(first[n : n + 5]) == {"SIMA": 3, "SIMB": 2} for n in range(0, 1000, 5))
    BrokerWheel.objects.filter(pk=row.pk).update(turns=0)
    assert [wheel.spin("alpha")[0][0] for _ in range(1000)] == first


def test_orders_are_dealt_by_the_wheel_and_the_turn_is_kept() -> None:
    in_force(SIMA=1, SIMB=3)
    venues = dealt(8)
    assert Counter(venues) == {"SIMA": 2, "SIMB": 6}
    reasons = RoutingDecision.objects.order_by("decided_at", "id").values_list("reason", flat=True)
    turns = sorted(reason.partition("turn ")[2].partition(":")[0] for reason in reasons)
    assert turns == [str(n) for n in range(1, 9)]
    assert all("broker wheel version 1 (SIMA 1, SIMB 3)" in reason for reason in reasons)


def test_wheels_are_turned_in_the_order_of_their_firms(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = trading.instruction(3000, strategy=wheel.STRATEGY, venue_id="")
    turned: list[str] = []
    spin = wheel.spin

    def noting(organization_id: str) -> tuple[tuple[str, ...], str]:
        turned.append(organization_id)
        return spin(organization_id)

    monkeypatch.setattr(wheel, "spin", noting)
    for name in ("beta", "alpha", "beta"):
        account = {"account_id": f"{name}-002", "by": f"{name}_trader"}
        trading.submit(instructions=(asked,), **account)
    assert routing.drain() == 3
    # Two processes that hold several of them never wait for each other.
    assert turned == ["alpha", "beta", "beta"]


def test_a_broker_that_may_not_or_cannot_passes_its_turn_on() -> None:
    in_force(SIMA=1, SIMB=1)
    agreed(restricted_brokers=["SIMA"])
    assert dealt(4) == ["SIMB"] * 4
    reasons = RoutingDecision.objects.order_by("decided_at", "id").values_list("reason", flat=True)
    assert sum("SIMA could not take it" in reason for reason in reasons) == 2


def test_without_a_wheel_the_price_decides_and_the_reason_says_so() -> None:
    assert dealt(1) == ["SIMA"]
    assert RoutingDecision.objects.get().reason.startswith("no broker wheel is in force: by price")


@pytest.mark.parametrize(
    "weights", [{}, {"NOWHERE": 1}, {"SIMA": -1}, {"SIMA": 0}, {"SIMA": "1"}, {"SIMA": 20_000}]
)
def test_weights_that_no_wheel_can_turn_by_are_refused(weights: dict[str, Any]) -> None:
    assert wheel.problem_of(weights, frozenset({"SIMA", "SIMB"}))
    assert not wheel.problem_of({"SIMA": 3, "SIMB": 0}, frozenset({"SIMA", "SIMB"}))


def test_a_mandate_that_cannot_be_read_allows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    # As it was written when anything was taken.
    monkeypatch.setattr(listing, "fault", lambda rules: "")
    agreed(approved_brokers="SIMA")
    order = trading.order(trading.submit(bypass_auto_execution=True))
    with pytest.raises(OmsError):
        brokers.refuse(order, "SIMA")
