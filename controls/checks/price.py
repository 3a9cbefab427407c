"""Is the price sane? Fat fingers, measured against the reference price."""

from __future__ import annotations

from decimal import Decimal

from controls import wording
from controls.findings import Answer, Finding, Missing, Passed, Suppressed
from controls.parameters import Params
from controls.ticket import EXACT, Ticket

HUNDRED = Decimal(100)
EIGHT_PLACES = Decimal("0.00000001")


class CollarParams(Params, frozen=True):
    """`max_percent` either side of a reference that is at most `max_age_s` seconds old."""

    max_percent: Decimal
    max_age_s: int


def collar(ticket: Ticket, params: CollarParams) -> Answer:
    """Compare the limit price with the reference, both ways and for both sides.

    A market order has no price to compare; it passes only if it can be valued at all.
    """
    reference = ticket.fresh_reference(params.max_age_s).price
    if ticket.ord_type == "market":
        return Passed(params.max_percent)
    limit = ticket.limit_price
    if limit is None:
        raise Missing("the order has no limit price")
    distance = EXACT.multiply(EXACT.subtract(limit, reference).copy_abs(), HUNDRED)
    actual = EXACT.divide(distance, reference).quantize(EIGHT_PLACES, context=EXACT)
    # Compared without the division, so that no rounding moves the border.
    if distance <= EXACT.multiply(params.max_percent, reference):
        return Passed(params.max_percent, actual)
    return Finding(
        f"Limit {wording.price(limit)} is {wording.percent(actual, over=params.max_percent)} from "
        f"the reference {wording.price(reference)} (limit {wording.percent(params.max_percent)}).",
        params.max_percent,
        actual,
    )


class MarketParams(Params, frozen=True):
    """How far through the prevailing market a price may be, and how old the quote."""

    max_percent: Decimal
    max_age_s: int


def prevailing(ticket: Ticket, params: MarketParams) -> Answer:
    """A buy is not far above the offer, a sell not far below the bid (FINRA Rule 2121).

    Without a quote of that side the reference price stands for it. One who may has it left out.
    """
    if ticket.pmp_suppressed_by:
        return Suppressed(ticket.pmp_suppressed_by)
    reference = ticket.fresh_reference(params.max_age_s)
    limit = ticket.limit_price
    if limit is None:
        return Passed(params.max_percent, "market")
    quote = reference.ask if ticket.signed > 0 else reference.bid
    market = quote or reference.price
    worse = EXACT.multiply(EXACT.subtract(limit, market) * ticket.signed, HUNDRED)
    actual = EXACT.divide(worse, market).quantize(EIGHT_PLACES, context=EXACT)
    if worse <= EXACT.multiply(params.max_percent, market):
        return Passed(params.max_percent, actual)
    age = (ticket.at - reference.at).total_seconds()
    return Finding(
        f"Limit {wording.price(limit)} is {wording.percent(actual, over=params.max_percent)} "
        f"through the market at {wording.price(market)}, {age:.0f} s old "
        f"(limit {wording.percent(params.max_percent)}).",
        params.max_percent,
        actual,
    )
