"""Numbers, times, states and the market's state for the desk's templates."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django import template
from django.db import DatabaseError
from django.utils.html import format_html
from django.utils.safestring import SafeString

from controls import halts
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.kit import clock, numbers
from orders import figures, market
from orders.market import MarketState

register = template.Library()
register.filter("figure", figures.figure)
register.filter("grouped", figures.grouped)
register.filter("qty", figures.qty)
register.filter("money", figures.money)
register.filter("limit", figures.limit)
register.filter("et_day", figures.day)
register.filter("plain", numbers.plain)

# Icon, word and color class of every face an order can have; the grid has the same in words.js.
FACES: dict[str, tuple[str, str, str]] = {
    "review": ("⚑", "review", "warn"),
    "queued": ("◌", "queued", "quiet"),
    "staged": ("◌", "staged", "quiet"),
    "scheduled": ("◷", "scheduled", "ok"),
    "working": ("●", "working", "ok"),
    "partial": ("◐", "partial", "ok"),
    "filled": ("✔", "filled", "quiet"),
    "cancel_pending": ("…", "cancel pending", "pending"),
    "expire_pending": ("…", "expiry pending", "pending"),
    "replace_pending": ("…", "amend pending", "pending"),
    "canceled": ("✕", "canceled", "quiet"),
    "rejected": ("⊘", "rejected", "bad"),
    "expired": ("⌛", "expired", "quiet"),
    # Allocations and booking legs.
    "created": ("◌", "created", "quiet"),
    "calculated": ("◐", "calculated", "ok"),
    "submitted": ("●", "being booked", "ok"),
    "approved": ("✔", "booked", "ok"),
    "failed": ("⊘", "failed", "bad"),
    "reversed": ("✕", "reversed", "quiet"),
    "sent": ("●", "sent", "ok"),
    "booked": ("✔", "booked", "ok"),
    "elsewhere": ("↗", "booked elsewhere", "quiet"),
    # Schedules and their slices.
    "paused": ("◫", "paused", "warn"),
    "finished": ("✔", "finished", "ok"),
    "planned": ("◌", "planned", "quiet"),
    "returned": ("↩", "given back", "quiet"),
    "skipped": ("–", "skipped", "quiet"),
    "refused": ("⊘", "refused", "bad"),
    # Shares that another firm is to clear.
    "requested": ("⚑", "waits for a second person", "warn"),
    "given": ("●", "given, not answered", "ok"),
    "taken_up": ("✔", "taken up", "ok"),
    "turned_down": ("⊘", "turned down", "bad"),
    # Confirmations and settlement instructions.
    "unmatched": ("◌", "unmatched", "warn"),
    "matched": ("◐", "matched", "ok"),
    "mismatched": ("≠", "mismatched", "bad"),
    "disputed": ("⚑", "disputed", "warn"),
    "affirmed": ("✔", "affirmed", "ok"),
    "pending": ("◌", "pending", "quiet"),
    "instructed": ("●", "instructed", "ok"),
    "bought_in": ("⚑", "bought in", "warn"),
    "settled": ("✔", "settled", "ok"),
}
_SAME = {"pending_execution": "working", "partially_filled": "partial", "pending_new": "queued"}


@register.simple_tag
def halted(user: object) -> list[str]:
    """What is halted in the user's organization: every page says so."""
    if not isinstance(user, User) or not user.organization_id:
        return []
    try:
        generation.check()
        return halts.names(user.organization_id)
    except DatabaseError:
        return ["the database is away, so nothing passes"]


@register.filter
def face(status: str) -> SafeString:
    """A status as icon, word and color."""
    icon, word, tone = FACES.get(
        _SAME.get(status, status), ("•", status.replace("_", " "), "quiet")
    )
    return format_html(
        '<span class="face {}"><span aria-hidden="true">{}</span> {}</span>', tone, icon, word
    )


@register.filter
def side(value: str) -> SafeString:
    """A side as sign, words and color."""
    sign, word = "▲" if value == "buy" else "▼", words(value).capitalize()
    return format_html(
        '<span class="side {}"><span aria-hidden="true">{}</span> {}</span>', value, sign, word
    )


@register.filter
def words(name: str) -> str:
    """A name of the wire as words."""
    return name.replace("_", " ")


@register.filter
def places(value: Decimal | None, count: int) -> str:
    """Exactly `count` decimals."""
    return figures.rounded(value, places=count)


@register.filter
def exact(value: Decimal | None) -> str:
    """Every digit there is."""
    return figures.decimal(value, places=3)


@register.filter
def et(at: datetime | None) -> SafeString | str:
    """New York time to the second, with the day unless it is today; UTC in the tooltip."""
    return _time(at, millis=False)


@register.filter
def et_time(at: datetime | None) -> SafeString | str:
    """New York time to the second where the day stands beside it; UTC in the tooltip."""
    return _time(at, millis=False, dated=False)


@register.filter
def et_ms(at: datetime | None) -> SafeString | str:
    """New York time to the millisecond, with the day unless it is today; UTC in the tooltip."""
    return _time(at, millis=True)


def _time(at: datetime | None, *, millis: bool, dated: bool = True) -> SafeString | str:
    if at is None:
        return ""
    utc = figures.iso(at)
    text = figures.clock_time(at, millis=millis)
    if dated and (on := figures.day(at)) != figures.day(clock.now()):
        text = f"{on} {text}"
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', utc, utc, text)


@register.simple_tag
def market_state() -> MarketState:
    """The bond market's state now; UNKNOWN while the database is away."""
    try:
        generation.check()
        return market.state(clock.now())
    except DatabaseError:
        return MarketState("UNKNOWN", "the calendar cannot be read")


@register.simple_tag
def ahead() -> str:
    """How far the sandbox clock is from the real one, in words; empty when it is not shifted."""
    return ahead_words(round(clock.offset().total_seconds()))


def ahead_words(seconds: int) -> str:
    """A shift such as `1 d 9 h ahead of real time`; empty under a minute."""
    minutes = abs(seconds) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    told = [f"{number} {unit}" for number, unit in parts if number][:2]
    if not told:
        return ""
    return f"{' '.join(told)} {'ahead of' if seconds > 0 else 'behind'} real time"


@register.filter
def may(user: object, entitlement: str) -> bool:
    """Whether a logged-in user holds an entitlement; somebody else holds none."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return principals.of_user(user, via="browser").may(entitlement)


@register.filter
def age(at: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that says enough."""
    minutes = max(int((now - at).total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
