"""The basis of a block follows its order's quantity: scaled exactly, given anew, or refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations import rebasing
from allocations.models import AccountAllocation, Allocation, BookingLeg
from orders import lots
from orders.models import VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from tests import policies, trading
from tests.integration.replacing import story

D = Decimal


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _block(*parts: int) -> tuple[str, VenueOrder]:
    asks = tuple(AccountAsk(account_id=f"alpha-00{n + 2}", qty=D(q)) for n, q in enumerate(parts))
    ask = AllocationAsk(strategy="pro_rata_with_averaging", accounts=asks)
    return story.working(sum(parts), account_id=None, allocation=ask)


def _basis(order_id: str) -> list[Decimal]:
    whole = Allocation.objects.get(order_id=order_id)
    parts = list(
        AccountAllocation.objects.filter(allocation=whole)
        .order_by("position")
        .values_list("requested_qty", flat=True)
    )
    assert sum(parts) == whole.requested_qty == story.order(order_id).order_qty
    return parts


def test_every_account_is_scaled_once_the_venue_has_accepted() -> None:
    order_id, _ = _block(6000, 4000)
    assert story.amend(order_id, qty=15_000).error is None
    assert _basis(order_id) == [D(6000), D(4000)]
    trading.receive(story.replaced(order_id))
    assert _basis(order_id) == [D(9000), D(6000)]


def test_new_amounts_may_be_given_before_anything_was_filled() -> None:
    order_id, _ = _block(6000, 4000)
    accounts = (
        AccountAsk(account_id="alpha-003", qty=D(11_000)),
        AccountAsk(account_id="alpha-002", qty=D(1000)),
    )
    assert story.amend(order_id, qty=12_000, accounts=accounts).error is None
    trading.receive(story.replaced(order_id))
    assert _basis(order_id) == [D(1000), D(11_000)]


def test_parts_that_do_not_scale_exactly_are_refused_as_ambiguous() -> None:
    order_id, _ = _block(7000, 3000)
    error = story.amend(order_id, qty=11_000).error
    assert error is not None
    assert error.code == "allocation_ambiguous"
    assert story.sent("G") == []


@pytest.mark.parametrize(
    ("accounts", "code"),
    [
        ({"alpha-002": 12_000}, "allocation_accounts_differ"),
        ({"alpha-002": 6000, "alpha-004": 6000}, "allocation_accounts_differ"),
        ({"alpha-002": 6000, "alpha-003": 5000}, "allocation_sum_mismatch"),
    ],
)
def test_who_takes_part_stays_and_all_of_it_is_given(accounts: dict[str, int], code: str) -> None:
    order_id, _ = _block(6000, 4000)
    asks = tuple(AccountAsk(account_id=name, qty=D(qty)) for name, qty in accounts.items())
    error = story.amend(order_id, qty=12_000, accounts=asks).error
    assert error is not None
    assert error.code == code


def test_proportions_stay_once_anything_was_filled() -> None:
    order_id, child = _block(6000, 4000)
    trading.receive(trading.fill(child, 1000, cum=1000))
    accounts = (
        AccountAsk(account_id="alpha-002", qty=D(1000)),
        AccountAsk(account_id="alpha-003", qty=D(11_000)),
    )
    error = story.amend(order_id, qty=12_000, accounts=accounts).error
    assert error is not None
    assert error.code == "allocation_frozen"
    assert story.amend(order_id, qty=15_000).error is None
    trading.receive(story.replaced(order_id))
    assert _basis(order_id) == [D(9000), D(6000)]


def test_a_quantity_that_the_venue_decided_is_split_in_proportion_and_all_of_it_booked() -> None:
    order_id, child = _block(6000, 4000)
    assert story.amend(order_id, qty=5000).error is None
    trading.receive(trading.fill(child, 7000, cum=7000))
    trading.receive(story.replaced(order_id, order_qty=7000))
    assert _basis(order_id) == [D(4000), D(3000)]
    lots.drain()
    legs = BookingLeg.objects.filter(allocation__order_id=order_id).order_by("sequence", "id")
    assert sorted(leg.qty for leg in legs) == [D(3000), D(4000)]


def test_the_one_account_of_a_plain_order_gets_all_of_the_new_quantity() -> None:
    order_id, child = story.working(10_000)
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    story.amend(order_id, qty=12_000)
    trading.receive(story.replaced(order_id))
    assert _basis(order_id) == [D(12_000)]


sizes = st.lists(st.integers(1, 10**6).map(D), min_size=1, max_size=12)


@given(parts=sizes, to=st.integers(1, 10**7), increment=st.sampled_from([1, 100, 1000]))
def test_a_scaled_basis_is_exact_and_an_apportioned_one_is_within_one_unit(
    parts: list[Decimal], to: int, increment: int
) -> None:
    whole, wanted = sum(parts), D(to * increment)
    scaled = rebasing.scaled(parts, to=wanted, increment=D(increment))
    if scaled is not None:
        assert sum(scaled) == wanted
        assert all(new * whole == old * wanted for new, old in zip(scaled, parts, strict=True))
        assert all(part % increment == 0 for part in scaled)
    made = rebasing.apportioned(parts, to=wanted, increment=D(increment))
    assert sum(made) == wanted
    assert all(part > 0 for part in made)
    for new, old in zip(made, parts, strict=True):
        assert abs(new - old * wanted / whole) <= increment
