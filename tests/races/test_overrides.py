"""One override and many hands: whoever is first passes by it, and nobody else ever does."""

from __future__ import annotations

import pytest

from controls import listing, overrides
from controls.models import Override
from oms_site.firm import generation
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, overriding
from orders.models import Order
from tests import trading
from tests.races.racing import race, same

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


def _asked() -> Override:
    """An override that waits for a second person."""
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    at = clock.now()
    row = listing.draft("stop", kind="do_not_trade", accounts=["alpha-002"], by=maker, at=at)
    listing.approve(row, by=checker, at=at)
    rejected = trading.submit()
    return overriding.ask(rejected, reason="It closes.", by=trading.person(), at=clock.now())


def _decide(row: Override, *, grant: bool, by: str = "alpha_compliance") -> str:
    try:
        person = trading.person(by)
        overrides.decide(row.id, grant=grant, note="Seen.", by=person, at=clock.now())
    except OmsError as refusal:
        return refusal.code
    return "granted" if grant else "refused"


def _submit() -> str:
    result = desk.submit([trading.request()])[0]
    assert result.error is None, result.error
    return str(trading.order(result.order_id).status)


@pytest.mark.parametrize("round_", range(3))
def test_of_eight_orders_at_once_one_passes(round_: int) -> None:
    row = _asked()
    assert _decide(row, grant=True) == "granted"
    said = race(*same(_submit, 8))
    assert sorted(said) == ["pending_execution"] + ["rejected"] * 7
    row = Override.objects.get(pk=row.pk)
    (passed,) = Order.objects.filter(status="pending_execution")
    assert (row.status, row.used_order) == ("used", passed.id)


@pytest.mark.parametrize("round_", range(3))
def test_an_order_passes_or_the_override_is_taken_back_and_never_both(round_: int) -> None:
    row = _asked()
    _decide(row, grant=True)
    taken, status = race(lambda: _decide(row, grant=False, by="alpha_compliance2"), _submit)
    assert (taken, status) in [("refused", "rejected"), ("already_decided", "pending_execution")]
    row = Override.objects.get(pk=row.pk)
    assert (row.status == "used") == (status == "pending_execution")


def test_two_people_decide_it_once() -> None:
    row = _asked()
    said = race(
        lambda: _decide(row, grant=True),
        lambda: _decide(row, grant=True, by="alpha_compliance2"),
    )
    assert sorted(said) == ["already_decided", "granted"]


def test_it_is_asked_for_once_by_many() -> None:
    row = _asked()
    _decide(row, grant=False)
    generation.check()

    def ask() -> str:
        try:
            overriding.ask(row.asked_for, reason="r", by=trading.person(), at=clock.now())
        except OmsError as refusal:
            return refusal.code
        return "asked"

    assert sorted(race(*same(ask, 4))) == ["asked"] + ["override_asked_already"] * 3
