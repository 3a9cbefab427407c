"""Instruments by CUSIP, ISIN or symbol, from memory."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from oms_site.firm.generation import Cached
from venues.analytics import Bond
from venues.models import Instrument

_TICKS = {
    str(Instrument.AssetClass.TREASURY): Decimal(1) / 256,
    str(Instrument.AssetClass.EQUITY): Decimal("0.01"),
}
_BOND_TICK = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class InstrumentFacts:
    """What the story needs to know of a security; quantities are par, or shares for equities."""

    id: int
    cusip: str
    isin: str
    symbol: str
    description: str
    asset_class: str
    market: str
    status: str
    currency: str
    min_denomination: Decimal
    min_increment: Decimal
    bond: Bond | None
    issuer: str = ""
    sector: str = ""
    country: str = ""
    rating: str = ""

    @property
    def amount_type(self) -> str:
        """`par` or `shares`."""
        return "shares" if self.asset_class == Instrument.AssetClass.EQUITY else "par"

    @property
    def tick(self) -> Decimal:
        """The step of prices that we work out ourselves: 1/256, a thousandth, for shares a cent."""
        return _TICKS.get(self.asset_class, _BOND_TICK)

    def money(self, qty: Decimal, price: Decimal) -> Decimal:
        """Quantity times price in currency, exact: percent of par for bonds."""
        return qty * price if self.amount_type == "shares" else qty * price / 100


def _facts(row: Instrument) -> InstrumentFacts:
    bond = None
    if row.maturity_date and row.issue_date and row.coupon_percent is not None:
        bond = Bond(
            issue_date=row.issue_date,
            maturity_date=row.maturity_date,
            coupon_percent=row.coupon_percent.normalize(),
            frequency=row.frequency,
            day_count=row.day_count,
        )
    return InstrumentFacts(
        id=row.pk,
        cusip=row.cusip,
        isin=row.isin,
        symbol=row.symbol,
        description=row.description,
        asset_class=row.asset_class,
        market=row.market,
        status=row.status,
        currency=row.currency,
        min_denomination=row.min_denomination,
        min_increment=row.min_increment,
        bond=bond,
        issuer=row.issuer,
        sector=row.sector,
        country=row.country,
        rating=row.rating,
    )


def _load() -> tuple[dict[str, InstrumentFacts], dict[int, InstrumentFacts]]:
    by_name: dict[str, InstrumentFacts] = {}
    by_id: dict[int, InstrumentFacts] = {}
    for row in Instrument.objects.all():
        facts = _facts(row)
        by_id[facts.id] = facts
        for name in (facts.symbol, facts.isin, facts.cusip):
            if name:
                by_name[name.upper()] = facts
    return by_name, by_id


_book = Cached(_load)


def find(name: str) -> InstrumentFacts | None:
    """The security that a CUSIP, an ISIN or a symbol names."""
    return _book.get()[0].get(name.upper())


def by_id(instrument_id: int) -> InstrumentFacts:
    """The security of a foreign key. Raises `KeyError`: a foreign key always resolves."""
    return _book.get()[1][instrument_id]


def every() -> list[InstrumentFacts]:
    """All securities, by CUSIP."""
    return sorted(_book.get()[1].values(), key=lambda facts: facts.cusip)
