"""How much has been sent lately? Counts, money and messages in a window, and what came of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from controls import wording
from controls.findings import Answer, Finding, Passed
from controls.needs import Need
from controls.parameters import Params
from controls.ticket import Ticket

Scope = Literal["account", "trader", "instrument", "organization"]
ONE = Decimal(1)


class CountParams(Params, frozen=True):
    """At most `max_count` orders in `window_s` seconds, or in the trading day without a window."""

    max_count: int
    scope: Scope = "account"
    window_s: int | None = None


class NotionalParams(Params, frozen=True):
    """At most `max_notional` of money entered in the window."""

    max_notional: Decimal
    scope: Scope = "account"
    window_s: int | None = None


class MessageParams(Params, frozen=True):
    """At most `max_messages` orders and cancels in `window_s` seconds."""

    max_messages: int
    window_s: int = 1
    scope: Scope = "trader"


class RatioParams(Params, frozen=True):
    """At most `max_ratio` orders and cancels per execution of the day, after `from_messages`."""

    max_ratio: Decimal
    from_messages: int = 100
    scope: Scope = "trader"


def _within(seconds: int | None) -> str:
    return "today" if not seconds else f"within {seconds} s"


def count_needs(params: CountParams) -> tuple[Need, ...]:
    """The orders of the window."""
    return (Need("window", params.scope, "count", params.window_s or 0),)


def count(ticket: Ticket, params: CountParams) -> Answer:
    """This order and those of the window are not more than the limit."""
    (need,) = count_needs(params)
    actual = 0
    for part in ticket.parts(params.scope):
        actual = int(ticket.figure(need, part.entity)) + 1
        if actual > params.max_count:
            return Finding(
                f"This is order {actual:,} of {part.label} {_within(params.window_s)} "
                f"(limit {params.max_count:,}).",
                params.max_count,
                actual,
            )
    return Passed(params.max_count, actual)


def notional_needs(params: NotionalParams) -> tuple[Need, ...]:
    """The money of the window."""
    return (Need("window", params.scope, "notional", params.window_s or 0),)


def notional(ticket: Ticket, params: NotionalParams) -> Answer:
    """This order and those of the window are not worth more than the limit."""
    (need,) = notional_needs(params)
    actual = Decimal(0)
    for part in ticket.parts(params.scope):
        actual = ticket.figure(need, part.entity) + ticket.value_of(part.qty)
        if actual > params.max_notional:
            return Finding(
                f"Orders of {part.label} {_within(params.window_s)} come to "
                f"{wording.money(actual, over=params.max_notional)} with this one "
                f"(limit {wording.amount(params.max_notional)}).",
                params.max_notional,
                actual,
            )
    return Passed(params.max_notional, actual)


def messages_needs(params: MessageParams) -> tuple[Need, ...]:
    """Orders and cancels of the window."""
    return (Need("messages", params.scope, "", params.window_s),)


def messages(ticket: Ticket, params: MessageParams) -> Answer:
    """This message and those of the window are not more than the limit."""
    (need,) = messages_needs(params)
    actual = 0
    for part in ticket.parts(params.scope):
        actual = int(ticket.figure(need, part.entity)) + 1
        if actual > params.max_messages:
            return Finding(
                f"This is message {actual:,} of {part.label} {_within(params.window_s)} "
                f"(limit {params.max_messages:,}).",
                params.max_messages,
                actual,
            )
    return Passed(params.max_messages, actual)


def ratio_needs(params: RatioParams) -> tuple[Need, ...]:
    """Orders, cancels and executions of the day."""
    return (Need("messages", params.scope), Need("trades", params.scope))


def ratio(ticket: Ticket, params: RatioParams) -> Answer:
    """Orders and cancels of the day stand in proportion to what was executed."""
    sent, traded = ratio_needs(params)
    actual = Decimal(0)
    for part in ticket.parts(params.scope):
        said = ticket.figure(sent, part.entity) + 1
        done = max(ticket.figure(traded, part.entity), ONE)
        actual = (said / done).quantize(Decimal("0.0001"))
        if said > params.from_messages and said > params.max_ratio * done:
            return Finding(
                f"{part.label[0].upper()}{part.label[1:]} has sent {said:,} orders and cancels for "
                f"{done:,} executions today (limit {wording.amount(params.max_ratio)} for one).",
                params.max_ratio,
                actual,
            )
    return Passed(params.max_ratio, actual)
