"""Currencies: which rate held when and by whom, and money changed to the cent, losing nothing.

A rate is a fact: added, never changed, so that every amount can be computed again. Where nobody has
given a rate there is none: nothing is guessed, and what needs one says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from allocations import accounts
from allocations.holdings.posting import Posting
from allocations.models import FxRate, Movement
from oms_site.firm.principals import Principal
from oms_site.kit import currencies, numbers
from oms_site.kit.errors import OmsError

SET = "rate.set"
CENT = Decimal("0.01")
ZERO = Decimal("0.00")
PLACES = 10
BUY, SELL = Movement.Kind.FX_BUY, Movement.Kind.FX_SELL


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of a currency costs in another one, who said so, and when."""

    base: str
    quote: str
    rate: Decimal
    source: str
    at: datetime | None

    def age_seconds(self, at: datetime) -> int | None:
        """How old it is; None for a currency against itself."""
        return None if self.at is None else max(int((at - self.at).total_seconds()), 0)


def rate(base: str, quote: str, *, organization_id: str, at: datetime) -> Rate | None:
    """The newest rate an organization knew at a moment, either way round; None without."""
    if base == quote:
        return Rate(base, quote, Decimal(1), "", None)
    either = [base, quote]
    known = FxRate.objects.filter(organization_id=organization_id, at__lte=at)
    row = known.filter(base__in=either, quote__in=either).order_by("-at", "-id").first()
    if row is None:
        return None
    value = row.rate
    if row.base != base:
        value = numbers.round_fraction(1 / Fraction(row.rate), places=PLACES)
    return Rate(base, quote, value, row.source, row.at) if value > 0 else None


def require(base: str, quote: str, *, organization_id: str, at: datetime) -> Rate:
    """The same. Raises `OmsError` (422 `fx_rate_unknown`) where there is none."""
    found = rate(base, quote, organization_id=organization_id, at=at)
    if found is None:
        raise OmsError("fx_rate_unknown", f"Nobody has given a rate of {base} in {quote}.")
    return found


def put(
    base: str, quote: str, value: Decimal, *, source: str, at: datetime, by: Principal
) -> FxRate:
    """Add a rate. The same again is the same. Raises `OmsError` (409) when it differs."""
    by.require(SET)
    base, quote = base.upper(), quote.upper()
    if base == quote or not all(map(currencies.is_known, (base, quote))):
        raise OmsError("currencies_not_two", "Give two currencies, such as EUR and USD.")
    row, fresh = FxRate.objects.get_or_create(
        organization_id=by.organization_id,
        base=base,
        quote=quote,
        at=at,
        source=source,
        defaults={"rate": value},
    )
    if not fresh and row.rate != value:
        message = "This source has given another rate for that moment."
        raise OmsError("idempotency_conflict", message, status=409)
    return row


def convert(amounts: Sequence[Decimal], value: Decimal) -> list[Decimal]:
    """Signed amounts at one rate, in cents, so that they add up to what their sum comes to.

    The sum is rounded once, half up; each part is within a cent of its own exact amount.
    """
    exact = [Fraction(amount) * Fraction(value) for amount in amounts]
    total = numbers.round_fraction(sum(exact, Fraction(0)), places=2)
    floors = [(part * 100).__floor__() for part in exact]
    rest = int(total * 100) - sum(floors)
    order = sorted(range(len(exact)), key=lambda i: (floors[i] - exact[i] * 100, i))
    for i in order[:rest]:
        floors[i] += 1
    return [Decimal(units).scaleb(-2) for units in floors]


# --- trades paid in another currency ---------------------------------------------------------
def with_legs(postings: Iterable[Posting], *, at: datetime) -> list[Posting]:
    """The postings, each with its currency legs where its account is paid in its own currency.

    What takes something back is changed at the rate of what it takes back. A trade is a fact: where
    there is no rate its money stays in the currency it was made in.
    """
    asked = list(postings)
    groups: dict[tuple[str, str, Decimal, str, datetime | None], list[Posting]] = defaultdict(list)
    for one in asked:
        into = _pays_in(one)
        if into and one.cash:
            found = _rate_for(one, into, at)
            if found is not None:
                key = (one.currency, into, found.rate, found.source, found.at)
                groups[key].append(one)
    return [*asked, *(leg for key, part in groups.items() for leg in _legs(key, part))]


def _pays_in(one: Posting) -> str:
    facts = accounts.find_account(one.organization_id, one.account_id)
    if facts is None or not facts.converts or facts.currency == one.currency:
        return ""
    return facts.currency


def _rate_for(one: Posting, into: str, at: datetime) -> Rate | None:
    if one.reverses:
        row = Movement.objects.filter(
            account_id=one.account_id, source_id=one.reverses, kind__in=[BUY, SELL]
        ).first()
        if row is None or row.fx_rate is None:
            return None
        return Rate(one.currency, into, row.fx_rate, row.fx_source, row.fx_at)
    return rate(one.currency, into, organization_id=one.organization_id, at=at)


def _legs(
    key: tuple[str, str, Decimal, str, datetime | None], part: Sequence[Posting]
) -> Iterable[Posting]:
    _, into, value, source, at = key
    changed = convert([one.cash for one in part], value)
    for one, money in zip(part, changed, strict=True):
        terms = replace(
            one,
            instrument_id=None,
            qty=Decimal(0),
            price=None,
            principal=ZERO,
            accrued_interest=ZERO,
            fees=ZERO,
            consideration=ZERO,
            # One source gives and takes back under two ids, each of which is posted once.
            source_id=f"{one.source_id}~" if one.source_id == one.reverses else one.source_id,
            reverses=one.reverses,
            fx_rate=value,
            fx_source=source,
            fx_at=at,
        )
        buys = one.cash < 0
        yield replace(terms, kind=str(BUY if buys else SELL), cash=-one.cash)
        if money:
            kind = str(SELL if buys else BUY)
            yield replace(terms, kind=kind, currency=into, cash=money)
