"""How long an order lives: TimeInForce(59), apart from what kind of order it is.

Orders that live for days are carried by us, not by the venue: each session they go out as day
orders, pass the gate again, and what is left comes back at the close (see `closing.follow_up`).
At the open and at the close trade once: they must be at the venue before its cut-off, and we give
the venue a while after that moment to say what became of them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from oms_site.firm.policies import PolicyFacts
from oms_site.kit.errors import OmsError
from orders.models import Order
from orders.requests import OrderAsk
from venues import instruments, sessions
from venues.calendar import Calendar, OutsideCalendar, Session, new_york_date
from venues.instruments import InstrumentFacts

DAY, IOC, FOK, GTC, GTD, OPG, CLS = KNOWN = ("day", "ioc", "fok", "gtc", "gtd", "opg", "cls")
IMMEDIATE = frozenset({IOC, FOK})
MULTI_DAY = frozenset({GTC, GTD})
AUCTIONS = frozenset({OPG, CLS})
# How long before the open or the close they must have come; venues may ask for more.
CUT_OFFS = {OPG: timedelta(minutes=2), CLS: timedelta(minutes=10)}
_UNTIL_TOLD = timedelta(minutes=5)
_WIRE = {OPG: "2", IOC: "3", FOK: "4", CLS: "7"}


class Life(NamedTuple):
    """When an order may be routed first and when it ends; `phase` is the market's as it came."""

    phase: str
    trade_date: date
    eligible_at: datetime
    expires_at: datetime


def life_of(
    ask: OrderAsk, instrument: InstrumentFacts, policy: PolicyFacts, *, at: datetime
) -> Life:
    """The life of a new order. Raises `OmsError` (422) for an end that cannot be.

    Before the open an order waits for it; after the close the gate refuses one for the day (guide,
    "Orders Submitted Outside of Eligible Trading Hours") unless the policy queues it for the next
    session, and one for several days waits.
    """
    _refuse_if(_fault_of_life(ask))
    book = sessions.calendar(instrument.market)
    if ask.time_in_force in AUCTIONS:
        return _auction(book, ask.time_in_force, at)
    if ask.time_in_force not in MULTI_DAY:
        queues = policy["outside_hours"] == "queue" and ask.time_in_force == DAY
        return _day(book, ask.extended_hours, at, queues=queues)
    first = next_session(book, ask.extended_hours, at)
    most_days = int(policy["gtc_max_days"])
    end = ask.expire_time or _last_close(book, _last_day(at, most_days), ask.extended_hours)
    _refuse_if(_fault_of_end(end, first, most_days, at=at))
    phase = Session.BEFORE if first.eligible_at > at else Session.OPEN
    return Life(phase.value, first.trade_date, first.eligible_at, end)


def phase_of(order: Order, *, at: datetime) -> str:
    """The market's phase for an order at a moment; what lives for days waits for the next open."""
    return (Session.BEFORE if waits(order, at=at) else _phase(order, at)).value


def is_open(order: Order, *, at: datetime) -> bool:
    """Whether the market that an order is for trades now."""
    return _phase(order, at) == Session.OPEN


def waits(order: Order, *, at: datetime) -> bool:
    """Whether an order is between two sessions: it lives for days, or its own is to come."""
    if order.time_in_force not in MULTI_DAY:
        return new_york_date(at) < new_york_date(order.eligible_at)
    return _phase(order, at) != Session.OPEN and at < order.expires_at


def next_session(book: Calendar, extended: bool, at: datetime) -> Life:
    """The session that is open or the next to come. Raises `OutsideCalendar`."""
    day = new_york_date(at)
    if not book.is_trading_day(day) or at >= book.close_for(day, extended):
        day = book.next_day(day)
    opens = max(book.open_for(day, extended), at)
    return Life("", day, opens, book.close_for(day, extended))


def leaves_venue_at(order: Order, *, at: datetime) -> datetime:
    """When what goes to a venue now must be back: the end of this session, or the order's own.

    At the open or at the close: that very moment, when it trades and the rest is over.
    """
    if order.time_in_force in AUCTIONS:
        return order.expires_at - _UNTIL_TOLD
    if order.time_in_force not in MULTI_DAY:
        return order.expires_at
    book = sessions.calendar(instruments.by_id(order.instrument_id).market)
    return min(order.expires_at, next_session(book, order.extended_hours, at).expires_at)


def next_route_at(order: Order, *, at: datetime) -> datetime | None:
    """When a carried order goes out again; None when it ends before."""
    book = sessions.calendar(instruments.by_id(order.instrument_id).market)
    opens = next_session(book, order.extended_hours, at).eligible_at
    return opens if opens < order.expires_at else None


def cut_off(order: Order) -> datetime | None:
    """When it is too late to send it; None for what trades all day."""
    if order.time_in_force not in AUCTIONS:
        return None
    return leaves_venue_at(order, at=order.created_at) - CUT_OFFS[order.time_in_force]


def wire(order: Order) -> str:
    """TimeInForce(59) of what goes to a venue: day orders, also for those that live longer."""
    return _WIRE.get(order.time_in_force, "0")


def _phase(order: Order, at: datetime) -> Session:
    market = instruments.by_id(order.instrument_id).market
    return sessions.calendar(market).phase(at, order.extended_hours)


def _day(book: Calendar, extended: bool, at: datetime, *, queues: bool) -> Life:
    phase, day = book.phase(at, extended), new_york_date(at)
    if queues and phase not in (Session.BEFORE, Session.OPEN):
        return next_session(book, extended, at)._replace(phase=Session.BEFORE.value)
    if phase == Session.NO_SESSION:
        return Life(phase.value, day, at, at)
    opens, closes = book.open_for(day, extended), book.close_for(day, extended)
    return Life(phase.value, day, max(opens, at), closes)


def _auction(book: Calendar, kind: str, at: datetime) -> Life:
    """Until today's open or close; what comes too late for it is refused, not kept for the next."""
    day = new_york_date(at)
    if not book.is_trading_day(day):
        return Life(Session.NO_SESSION.value, day, at, at)
    opens = book.open_for(day, extended=False)
    moment = opens if kind == OPG else book.close_for(day, extended=False)
    if at >= moment - CUT_OFFS[kind]:
        text = f"It had to come {CUT_OFFS[kind].seconds // 60} minutes before, at the latest."
        raise OmsError("cutoff_passed", text, field="time_in_force")
    eligible = at if kind == OPG else max(opens, at)
    return Life(book.phase(at, extended=False).value, day, eligible, moment + _UNTIL_TOLD)


def _fault_of_life(ask: OrderAsk) -> tuple[str, str] | None:
    given = ask.expire_time is not None
    if given and ask.time_in_force != GTD:
        return "expire_time_forbidden", "Only a gtd order has an expire_time."
    if not given and ask.time_in_force == GTD:
        return "expire_time_required", "A gtd order needs an expire_time."
    return None


def _fault_of_end(
    end: datetime, first: Life, most_days: int, *, at: datetime
) -> tuple[str, str] | None:
    if end <= at:
        return "expire_time_in_past", "The expire_time is over already."
    if end <= first.eligible_at:
        return "expire_time_before_session", "No session opens before it expires."
    if new_york_date(end) > _last_day(at, most_days):
        return "expire_time_too_far", f"Orders live for {most_days} days at most."
    return None


def _last_day(at: datetime, most_days: int) -> date:
    return new_york_date(at) + timedelta(days=most_days)


def _refuse_if(fault: tuple[str, str] | None) -> None:
    if fault is not None:
        raise OmsError(*fault, field="expire_time")


def _last_close(book: Calendar, last: date, extended: bool) -> datetime:
    try:
        return book.close_for(book.previous_day(last + timedelta(days=1)), extended)
    except OutsideCalendar:
        raise OmsError(
            "calendar_too_short", "Our calendar does not reach that far.", field="time_in_force"
        ) from None
