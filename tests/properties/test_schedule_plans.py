"""Plans of schedules: exact, tradable, deterministic, and true to their shape."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orders.schedules import curves, pacing, planning, shapes, slicing
from orders.schedules.pacing import Pace
from orders.schedules.planning import Sizes
from orders.schedules.windows import Window, window
from venues.calendar import Calendar, TradingDay

D = Decimal
OPEN = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)


def _day(d: date, *, half: bool) -> TradingDay:
    opens = datetime(d.year, d.month, d.day, 13, 0, tzinfo=UTC)
    closes = opens + timedelta(hours=5 if half else 9)
    hour = timedelta(hours=1)
    return TradingDay(
        "SIFMA", d, "half" if half else "full", opens, closes, opens - hour, closes + hour
    )


BOOK = Calendar(
    {
        d: _day(d, half=d.day == 27)
        for d in (date(2026, 11, 23 + n) for n in range(8))
        if d.weekday() < 5 and d.day != 26  # Thanksgiving and the half day after it
    }
)
FINEST = Fraction(1, 10**12)


@st.composite
def orders(draw: Any) -> dict[str, Any]:
    """A quantity with steps and limits that can be met."""
    step = D(draw(st.sampled_from(["1", "100", "1000", "0.01", "5000"])))
    small = draw(st.integers(1, 20))
    units = draw(st.integers(small, 5_000))
    slots = draw(st.integers(1, 60))
    large = draw(st.one_of(st.none(), st.integers(small, 5_000)))
    if large is not None:
        assume(any(n * small <= units <= n * large for n in range(1, slots + 1)))
    return {
        "qty": units * step,
        "slots": slots,
        "sizes": Sizes(step, small * step, None if large is None else large * step),
    }


@st.composite
def spans(draw: Any) -> Window:
    """Open time between two moments of that week."""
    start = OPEN + timedelta(seconds=draw(st.integers(0, 5 * 24 * 3600)))
    end = start + timedelta(seconds=draw(st.integers(60, 2 * 24 * 3600)))
    assume(end < OPEN + timedelta(days=7))
    found = window(start, end, book=BOOK, extended=draw(st.booleans()))
    assume(found.pieces)
    return found


@st.composite
def plans(draw: Any) -> tuple[Window, dict[str, Any]]:
    style = draw(st.sampled_from(shapes.STYLES))
    return draw(spans()), {
        "style": style,
        **draw(orders()),
        "curve": curves.of("SIFMA", draw(st.sampled_from(["treasury", "corporate"]))),
        "urgency": D(draw(st.integers(0, 200))) / 10,
        "randomize": D(draw(st.sampled_from([0, 10, 50]))),
        "seed": draw(st.one_of(st.none(), st.integers(0, 2**31))),
    }


@given(plans())
def test_a_plan_is_exact_tradable_in_time_and_the_same_again(given_: Any) -> None:
    when, terms = given_
    made = planning.plan(window=when, **terms)
    sizes = terms["sizes"]
    assert sum((one.qty for one in made), D(0)) == terms["qty"]
    for one in made:
        assert one.qty % sizes.step == 0
        assert sizes.least <= one.qty <= (sizes.most or terms["qty"])
        assert any(piece.opens <= one.due_at < piece.closes for piece in when.pieces)
    times = [one.due_at for one in made]
    assert times == sorted(times)
    assert planning.plan(window=when, **terms) == made


@given(orders())
def test_twap_follows_the_straight_line_as_closely_as_the_sizes_allow(terms: Any) -> None:
    sizes, slots = terms["sizes"], terms["slots"]
    cut = slicing.cut(
        terms["qty"], shapes.equal(slots), step=sizes.step, least=sizes.least, most=sizes.most
    )
    if sizes.most is not None or terms["qty"] < slots * (sizes.least + sizes.step):
        return
    exact = Fraction(terms["qty"]) / slots
    assert all(abs(Fraction(one) - exact) <= Fraction(sizes.step) for one in cut)


@given(st.integers(1, 40), st.integers(1, 200))
def test_a_shortfall_schedule_never_sends_more_later_than_earlier(slots: int, tenths: int) -> None:
    weights = shapes.front_loaded(slots, D(tenths) / 10)
    # The last digits of an exponential are no order.
    assert all(a >= b - FINEST for a, b in pairwise(weights))
    assert min(weights) >= 0
    assert shapes.front_loaded(slots, D(0)) == shapes.equal(slots)


@given(st.integers(2, 30), st.integers(1, 100), st.integers(1, 100))
def test_more_urgency_is_done_earlier(slots: int, a: int, b: int) -> None:
    assume(a < b)
    patient, urgent = (shapes.front_loaded(slots, D(x) / 5) for x in (a, b))
    for n in range(1, slots):
        assert sum(urgent[:n]) / sum(urgent) >= sum(patient[:n]) / sum(patient) - FINEST


@given(spans(), st.integers(1, 30))
def test_volume_is_the_same_however_it_is_cut(when: Window, slots: int) -> None:
    volumes = curves.of("SIFMA", "treasury").volumes
    fine = shapes.by_volume(when.spans(when.cuts(slots)), volumes)
    (whole,) = shapes.by_volume(when.spans(when.cuts(1)), volumes)
    assert sum(fine) == whole


@given(spans(), st.integers(1, 100))
def test_slots_are_equally_long_in_trading_time(when: Window, slots: int) -> None:
    cuts = when.cuts(slots)
    assert (cuts[0], cuts[-1]) == (0, when.length)
    assert {b - a for a, b in pairwise(cuts)} <= {
        when.length // slots,
        when.length // slots + 1,
    }


@given(
    st.builds(
        Pace,
        target=st.integers(0, 10_000).map(D),
        taken=st.integers(0, 10_000).map(D),
        free=st.integers(0, 10_000).map(D),
        step=st.sampled_from([D(1), D(100)]),
        least=st.sampled_from([D(100), D(1000)]),
        most=st.integers(1, 5_000).map(D),
        share=st.one_of(st.none(), st.integers(1, 100).map(D)),
        volume=st.one_of(st.none(), st.integers(0, 10_000).map(D)),
    )
)
def test_a_slice_never_sends_more_than_any_of_its_limits(pace: Pace) -> None:
    qty, why = pacing.quantity(pace)
    assert bool(qty) != bool(why)
    assert qty % pace.step == 0
    if qty:
        assert pace.least <= qty <= min(pace.free, pace.most)
        assert pace.taken + qty <= pace.target
        if pace.share is not None:
            assert pace.volume is not None
            assert qty * 100 <= pace.volume * pace.share


def test_a_tenth_of_what_has_traded_is_a_tenth() -> None:
    pace = Pace(
        target=D(10_000),
        taken=D(0),
        free=D(10_000),
        step=D(1000),
        least=D(1000),
        most=D(5000),
        share=D(10),
        volume=D(39_000),
    )
    assert pacing.quantity(pace) == (D(3000), "")


def test_ten_thousand_over_ten_minutes_are_ten_slices_a_minute_apart() -> None:
    start = OPEN + timedelta(hours=2)
    made = planning.plan(
        shapes.TWAP,
        D(10_000),
        window=window(start, start + timedelta(minutes=10), book=BOOK, extended=False),
        slots=10,
        sizes=Sizes(D(1000), D(1000)),
        curve=curves.of("SIFMA", "corporate"),
    )
    assert [one.due_at for one in made] == [start + timedelta(minutes=n) for n in range(10)]
    assert {one.qty for one in made} == {D(1000)}


def test_a_window_over_the_holiday_has_the_half_day_and_not_the_holiday() -> None:
    found = window(
        datetime(2026, 11, 25, 20, tzinfo=UTC),
        datetime(2026, 11, 27, 23, tzinfo=UTC),
        book=BOOK,
        extended=False,
    )
    assert [(piece.opens.day, piece.closes.hour) for piece in found.pieces] == [(25, 22), (27, 18)]
    # At the close of the first the trading time goes on at the next open.
    assert found.moment(found.pieces[0].length) == datetime(2026, 11, 27, 13, tzinfo=UTC)


def test_vwap_sends_by_the_curve_and_a_half_day_has_the_same_shape() -> None:
    def sent(d: int, hours: int) -> list[D]:
        start = datetime(2026, 11, d, 13, tzinfo=UTC)
        return [
            one.qty
            for one in planning.plan(
                shapes.VWAP,
                D(99_000),
                window=window(start, start + timedelta(hours=hours), book=BOOK, extended=False),
                slots=13,
                sizes=Sizes(D(1), D(1)),
                curve=curves.of("NYSE", "equity"),
            )
        ]

    full = sent(23, 9)
    assert full == sent(27, 5)
    assert full[0] == 12870
    assert full[5] == 4950


@pytest.mark.parametrize(
    ("qty", "slots", "most"), [(D(10_000), 3, D(3_000)), (D(10_500), 3, None), (D(500), 1, None)]
)
def test_what_cannot_be_cut_is_refused(qty: D, slots: int, most: D | None) -> None:
    with pytest.raises(slicing.CannotSlice):
        slicing.cut(qty, shapes.equal(slots), step=D(1000), least=D(1000), most=most)
