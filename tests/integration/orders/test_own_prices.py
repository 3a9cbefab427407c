"""Prices controls measure by: of others' orders only, the last good one while it is crossed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_site.kit import clock
from orders import desk, sor
from tests import trading
from tests.integration.orders.limits import in_force
from tests.market import Venue, clean_shelf
from venues import instruments, market_data
from venues.messages import BookUpdate, ExecType, MdEntry, Quote
from venues.models import ReferencePrice

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def _clean_shelf() -> Iterator[None]:
    with clean_shelf():
        yield


@pytest.fixture
def venue() -> Venue:
    made = Venue("SIMA")
    made.begin()
    return made


def stored() -> ReferencePrice:
    return ReferencePrice.objects.get(instrument__cusip=trading.BOND)


def known() -> Any:
    market_data.forget()
    facts = instruments.find(trading.BOND)
    assert facts is not None
    return market_data.reference(facts.id)


def seen(venue: Venue, px: str, *, name: str = "OURS", n: int = 1) -> None:
    """An order stands in the venue's book."""
    entry = MdEntry(entry_id=name, entry_type="0", px=D(px), size=D(3000))
    update = BookUpdate(security_id=trading.BOND, rpt_seq=n, at=clock.now(), entries=(entry,))
    venue.feed.take([update])


def ours(venue: Venue, *, leaves: int = 3000, name: str = "OURS") -> None:
    """The venue reports on an order of ours."""
    child = trading.routed(bypass_auto_execution=False)
    report = trading.report(child, ExecType.NEW, order_id=name, leaves_qty=D(leaves))
    venue.feed.note([report])


def test_our_own_order_moves_the_price_of_nobody(venue: Venue) -> None:
    before = stored().bid_px
    ours(venue)
    seen(venue, "99.37")
    assert stored().bid_px == before
    row = stored()
    assert known().mid == ((row.bid_px or 0) + (row.ask_px or 0)) / 2
    seen(venue, "99.36", name="THEIRS", n=2)
    assert stored().bid_px == D("99.36")


def test_an_order_seen_before_its_report_counts_only_until_the_next_word(venue: Venue) -> None:
    before = stored().bid_px
    seen(venue, "99.37")
    assert stored().bid_px == D("99.37")
    ours(venue)
    venue.beat()
    assert stored().bid_px == before


def test_what_rested_before_the_session_is_known_to_be_ours() -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW, order_id="SIMA-O1"))
    assert sor.resting("SIMA") == {trading.BOND: {"SIMA-O1"}}
    assert sor.resting("SIMB") == {}
    one = Venue("SIMA")
    one.begin()
    one.feed.begin(sor.resting("SIMA"))
    before = stored().bid_px
    seen(one, "99.37", name="SIMA-O1")
    assert stored().bid_px == before


def test_a_top_that_may_hold_our_order_is_no_price_without_its_book(venue: Venue) -> None:
    before = stored().at
    ours(venue)
    venue.feed.lose("a gap")
    with clock.frozen_at(clock.now() + timedelta(seconds=5)):
        told = Quote(
            security_id=trading.BOND,
            at=clock.now(),
            bid_px=D("99.37"),
            bid_size=D(3000),
            ask_px=D("99.4"),
            ask_size=D(3000),
        )
        venue.feed.take([told])
    assert stored().at == before


def test_an_order_of_ours_that_is_gone_is_forgotten(venue: Venue) -> None:
    ours(venue)
    ours(venue, leaves=0)
    seen(venue, "99.37")
    assert stored().bid_px == D("99.37")


def cross(venue: Venue, other: Venue) -> None:
    high = venue.market.levels(trading.BOND, "1")[0].px + 1
    seen(other, str(high), name="HIGH")


def test_a_crossed_market_leaves_the_last_good_price_to_grow_old(venue: Venue) -> None:
    other = Venue("SIMB")
    other.begin()
    before = known()
    with clock.frozen_at(clock.now() + timedelta(seconds=5)):
        cross(venue, other)
        row = stored()
        assert row.crossed
        assert (row.mid_px, row.bid_px, row.ask_px) == (before.mid, before.bid, before.ask)
        assert row.at == before.at
        assert known() == replace(before, crossed=True)
        gone = MdEntry(entry_id="HIGH", entry_type="0", px=D(1), size=D(1), action="2")
        update = BookUpdate(security_id=trading.BOND, rpt_seq=2, at=clock.now(), entries=(gone,))
        other.feed.take([update])
        assert not stored().crossed
        assert (known().mid, known().crossed) == (before.mid, False)


def test_a_control_measures_by_the_last_good_price_while_it_is_young_enough(venue: Venue) -> None:
    in_force("price.collar", max_percent="5", max_age_s=60)
    other = Venue("SIMB")
    other.begin()
    cross(venue, other)
    market_data.forget()
    trading.submit(qty=D(3000))
    later = clock.now() + timedelta(seconds=61)
    with clock.frozen_at(later):
        market_data.forget()
        (result,) = desk.submit([trading.request(qty=D(4000))])
    assert trading.order(result.order_id).status == "rejected"
