"""When a market trades: DST, half days, holidays, session boundaries, settlement."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from venues import calendar_source
from venues.calendar import Calendar, NoSession, OutsideCalendar, Session, TradingDay

NEW_YORK = ZoneInfo("America/New_York")
TOKYO = ZoneInfo("Asia/Tokyo")
TICK = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def sifma() -> Calendar:
    days = calendar_source.trading_days(market="SIFMA", first_year=2026, last_year=2027)
    return Calendar({day.date: day for day in days})


@pytest.fixture(scope="module")
def nyse() -> Calendar:
    days = calendar_source.trading_days(market="NYSE", first_year=2026, last_year=2027)
    return Calendar({day.date: day for day in days})


def ny(month: int, day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=NEW_YORK)


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("d", "opens", "closes"),
    [
        (date(2026, 3, 6), utc(3, 6, 14, 30), utc(3, 6, 21)),  # Friday, standard time
        (date(2026, 3, 9), utc(3, 9, 13, 30), utc(3, 9, 20)),  # Monday after 8 March
        (date(2026, 10, 30), utc(10, 30, 13, 30), utc(10, 30, 20)),  # Friday, daylight time
        (date(2026, 11, 2), utc(11, 2, 14, 30), utc(11, 2, 21)),  # Monday after 1 November
    ],
)
def test_sessions_follow_new_york_through_the_clock_changes(
    sifma: Calendar, d: date, opens: datetime, closes: datetime
) -> None:
    assert sifma.open_for(d, False) == opens
    assert sifma.close_for(d, False) == closes
    assert sifma.open_for(d, True) == opens - timedelta(hours=2)
    assert sifma.close_for(d, True) == closes + timedelta(hours=1)


@pytest.mark.parametrize("d", [date(2026, 3, 8), date(2026, 11, 1)])
def test_the_sundays_of_the_clock_changes_have_no_session_at_any_hour(
    sifma: Calendar, d: date
) -> None:
    midnight = datetime(d.year, d.month, d.day, tzinfo=NEW_YORK).astimezone(UTC)
    for hour in range(23):
        assert sifma.phase(midnight + timedelta(hours=hour), True) is Session.NO_SESSION


def test_the_regular_session_is_open_until_the_last_microsecond_before_four(
    sifma: Calendar,
) -> None:
    close = ny(11, 20, 16)
    assert sifma.phase(close - TICK, False) is Session.OPEN
    assert sifma.phase(close, False) is Session.CLOSED
    assert sifma.phase(close, True) is Session.OPEN


def test_the_regular_session_opens_at_half_past_nine_exactly(sifma: Calendar) -> None:
    opening = ny(11, 20, 9, 30)
    assert sifma.phase(opening - TICK, False) is Session.BEFORE
    assert sifma.phase(opening, False) is Session.OPEN


def test_the_extended_session_runs_from_half_past_seven_to_five(sifma: Calendar) -> None:
    assert sifma.phase(ny(11, 20, 7, 30) - TICK, True) is Session.BEFORE
    assert sifma.phase(ny(11, 20, 7, 30), True) is Session.OPEN
    assert sifma.phase(ny(11, 20, 17) - TICK, True) is Session.OPEN
    assert sifma.phase(ny(11, 20, 17), True) is Session.CLOSED


def test_the_day_is_new_yorks_whatever_zone_the_moment_is_given_in(sifma: Calendar) -> None:
    saturday_in_tokyo = ny(11, 20, 15).astimezone(TOKYO)
    assert saturday_in_tokyo.weekday() == 5
    assert sifma.phase(saturday_in_tokyo, False) is Session.OPEN
    assert sifma.trade_date(saturday_in_tokyo) == date(2026, 11, 20)
    assert sifma.phase(datetime(2026, 11, 21, 1, tzinfo=UTC), False) is Session.CLOSED


@pytest.mark.parametrize("d", [date(2026, 11, 27), date(2026, 12, 24)])
def test_bond_half_days_close_at_two_and_extended_at_three(sifma: Calendar, d: date) -> None:
    assert sifma.day(d).kind == "half"
    assert sifma.close_for(d, False).astimezone(NEW_YORK).hour == 14
    assert sifma.close_for(d, True).astimezone(NEW_YORK).hour == 15
    assert sifma.open_for(d, True).astimezone(NEW_YORK).strftime("%H:%M") == "07:30"
    assert sifma.phase(ny(d.month, d.day, 14) - TICK, False) is Session.OPEN
    assert sifma.phase(ny(d.month, d.day, 14), False) is Session.CLOSED
    assert sifma.phase(ny(d.month, d.day, 15) - TICK, True) is Session.OPEN
    assert sifma.phase(ny(d.month, d.day, 15), True) is Session.CLOSED


@pytest.mark.parametrize("d", [date(2026, 11, 27), date(2026, 12, 24)])
def test_stock_half_days_close_at_one_and_extended_at_two(nyse: Calendar, d: date) -> None:
    assert nyse.day(d).kind == "half"
    assert nyse.close_for(d, False).astimezone(NEW_YORK).hour == 13
    assert nyse.close_for(d, True).astimezone(NEW_YORK).hour == 14


def test_good_friday_is_a_noon_close_for_bonds_and_a_holiday_for_stocks(
    sifma: Calendar, nyse: Calendar
) -> None:
    good_friday = date(2026, 4, 3)
    assert sifma.close_for(good_friday, False).astimezone(NEW_YORK).hour == 12
    assert not nyse.is_trading_day(good_friday)


@pytest.mark.parametrize(
    "d",
    [
        date(2026, 1, 19), date(2026, 2, 16), date(2026, 5, 25), date(2026, 6, 19),
        date(2026, 9, 7), date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1),
        date(2026, 11, 21), date(2026, 11, 22),
    ],
)  # fmt: skip
def test_holidays_and_weekends_have_no_session(sifma: Calendar, nyse: Calendar, d: date) -> None:
    for calendar in (sifma, nyse):
        assert not calendar.is_trading_day(d)
        noon = datetime(d.year, d.month, d.day, 12, tzinfo=NEW_YORK)
        assert calendar.phase(noon, False) is Session.NO_SESSION
        assert calendar.phase(noon, True) is Session.NO_SESSION
        with pytest.raises(NoSession):
            calendar.close_for(d, False)
        with pytest.raises(NoSession):
            calendar.day(d)


@pytest.mark.parametrize("d", [date(2026, 10, 12), date(2026, 11, 11)])
def test_bank_holidays_close_bonds_but_not_stocks(sifma: Calendar, nyse: Calendar, d: date) -> None:
    assert not sifma.is_trading_day(d)
    assert nyse.is_trading_day(d)


def test_next_and_previous_day_step_over_weekends_and_holidays(sifma: Calendar) -> None:
    assert sifma.next_day(date(2026, 11, 25)) == date(2026, 11, 27)
    assert sifma.next_day(date(2026, 11, 27)) == date(2026, 11, 30)
    assert sifma.next_day(date(2026, 11, 28)) == date(2026, 11, 30)
    assert sifma.previous_day(date(2026, 11, 30)) == date(2026, 11, 27)
    assert sifma.previous_day(date(2026, 11, 27)) == date(2026, 11, 25)


@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        (date(2026, 11, 18), date(2026, 11, 19)),  # Wednesday to Thursday
        (date(2026, 11, 20), date(2026, 11, 23)),  # Friday to Monday
        (date(2026, 9, 4), date(2026, 9, 8)),  # Friday before Labor Day to Tuesday
        (date(2026, 11, 25), date(2026, 11, 27)),  # before Thanksgiving to the half day
        (date(2026, 12, 24), date(2026, 12, 28)),  # Christmas on a Friday
        (date(2026, 11, 21), date(2026, 11, 24)),  # a Saturday counts from Monday
    ],
)
def test_settlement_is_the_next_trading_day(sifma: Calendar, traded: date, settles: date) -> None:
    assert sifma.settlement_date(traded) == settles


def test_the_settlement_lag_counts_trading_days(sifma: Calendar) -> None:
    assert sifma.settlement_date(date(2026, 11, 25), 0) == date(2026, 11, 25)
    assert sifma.settlement_date(date(2026, 11, 25), 2) == date(2026, 11, 30)
    with pytest.raises(ValueError, match="before it is done"):
        sifma.settlement_date(date(2026, 11, 25), -1)


def test_stocks_trade_on_veterans_day_but_nothing_settles_on_it(
    sifma: Calendar, nyse: Calendar
) -> None:
    span = [date(2026, 11, 2) + timedelta(days=n) for n in range(20)]
    stocks = {d: nyse.day(d) for d in span if nyse.is_trading_day(d)}
    banks_open = [d for d in span if sifma.is_trading_day(d)]
    calendar = Calendar(stocks, settling=banks_open)
    assert calendar.settlement_date(date(2026, 11, 10)) == date(2026, 11, 12)
    assert calendar.settlement_date(date(2026, 11, 11)) == date(2026, 11, 12)
    assert calendar.settlement_date(date(2026, 11, 11), 0) == date(2026, 11, 12)
    assert calendar.settlement_date(date(2026, 11, 11), 2) == date(2026, 11, 13)
    assert Calendar(stocks).settlement_date(date(2026, 11, 10)) == date(2026, 11, 11)


def test_money_moves_on_days_that_settle_and_on_no_other(sifma: Calendar, nyse: Calendar) -> None:
    assert sifma.settles_on(date(2026, 11, 24))
    assert not sifma.settles_on(date(2026, 11, 26))
    assert not sifma.settles_on(date(2026, 11, 28))
    stocks = {day: nyse.day(day) for day in (date(2026, 11, 11), date(2026, 11, 12))}
    assert not Calendar(stocks, settling=[date(2026, 11, 12)]).settles_on(date(2026, 11, 11))


def test_the_trade_date_of_a_late_fill_is_the_day_it_happened_on(sifma: Calendar) -> None:
    assert sifma.trade_date(ny(11, 20, 18)) == date(2026, 11, 20)
    assert sifma.trade_date(ny(11, 20, 23, 59, 59)) == date(2026, 11, 20)
    assert sifma.trade_date(ny(11, 21, 0)) == date(2026, 11, 23)
    assert sifma.trade_date(ny(11, 26, 12)) == date(2026, 11, 27)


def test_a_day_outside_the_calendar_is_unknown_rather_than_closed(sifma: Calendar) -> None:
    far = date(2040, 1, 3)
    noon = datetime(2040, 1, 3, 17, tzinfo=UTC)
    for ask in (
        lambda: sifma.is_trading_day(far),
        lambda: sifma.phase(noon, False),
        lambda: sifma.next_day(far),
        lambda: sifma.previous_day(far),
        lambda: sifma.settlement_date(far),
        lambda: sifma.settles_on(far),
        lambda: sifma.trade_date(noon),
        lambda: sifma.next_day(date(2027, 12, 31)),
        lambda: sifma.previous_day(date(2026, 1, 2)),
        lambda: sifma.settlement_date(date(2027, 12, 31)),
    ):
        with pytest.raises(OutsideCalendar):
            ask()


def test_a_naive_moment_is_refused(sifma: Calendar) -> None:
    naive = ny(11, 20, 12).replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        sifma.phase(naive, False)


def test_a_calendar_is_of_one_market_and_filed_by_date(sifma: Calendar, nyse: Calendar) -> None:
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    with pytest.raises(ValueError, match="one market"):
        Calendar({monday: sifma.day(monday), tuesday: nyse.day(tuesday)})
    with pytest.raises(ValueError, match="another date"):
        Calendar({monday: sifma.day(tuesday)})
    with pytest.raises(ValueError, match="at least one"):
        Calendar({})


@pytest.fixture(scope="module", params=["SIFMA", "NYSE"])
def all_days(request: pytest.FixtureRequest) -> tuple[TradingDay, ...]:
    return calendar_source.trading_days(market=request.param)


def test_the_built_days_cover_2020_to_2032_in_order(all_days: tuple[TradingDay, ...]) -> None:
    assert all_days[0].date == date(2020, 1, 2)
    assert all_days[-1].date == date(2032, 12, 31)
    assert all(a.date < b.date for a, b in pairwise(all_days))
    for year in range(2020, 2033):
        assert 247 <= sum(day.date.year == year for day in all_days) <= 254


def test_every_built_day_is_well_formed(all_days: tuple[TradingDay, ...]) -> None:
    for day in all_days:
        moments = [day.extended_open, day.regular_open, day.regular_close, day.extended_close]
        assert moments == sorted(moments)
        assert all(moment.tzinfo is UTC for moment in moments)
        local = [moment.astimezone(NEW_YORK) for moment in moments]
        assert {moment.date() for moment in local} == {day.date}
        opening = [moment.strftime("%H:%M") for moment in local[:2]]
        closing = [moment.hour for moment in local[2:]]
        assert opening == ["07:30", "09:30"]
        assert day.date.weekday() < 5
        if day.kind == "full":
            assert closing == [16, 17]
        else:
            assert closing[0] in ((12, 14) if day.market == "SIFMA" else (13,))
            assert closing[1] == closing[0] + 1
