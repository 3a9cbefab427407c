"""The confirm of one movement by a trade: what was dealt, when, for how much, settling when.

What a bond's confirm has to say is SEC 10b-10(a): day and time, capacity, price, yield, money. When
a fill was done is known to the room above, which tells it here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from allocations import markup
from allocations.holdings import views
from allocations.holdings.documents import paper
from allocations.holdings.documents.paper import Paper, Table
from allocations.holdings.documents.statement import money, text
from allocations.models import BookingLeg, Movement
from oms_site.firm import policies
from oms_site.kit.errors import NotFound
from venues import analytics, instruments
from venues.calendar import NEW_YORK
from venues.instruments import InstrumentFacts

_MARKED = ("trade", "correction", "allocation")
KINDS = ("trade", "bust", "correction", "allocation", "reversal")
_TAKES_BACK = ("bust", "reversal")
_CAPACITIES = {"agent": "Agent for you", "principal": "Principal for our own account"}
_PAYS = {1: "once", 2: "twice", 4: "four times", 12: "twelve times"}
_Terms: TypeAlias = tuple[tuple[str, str], ...]
Executed: TypeAlias = Callable[[Sequence[str]], Sequence[datetime]]


def of_movement(
    organization_id: str,
    movement_id: str,
    *,
    kind: str,
    executed: Executed = lambda source_ids: (),
) -> bytes:
    """The confirm of a traded movement; `executed` tells when these fills were done.

    Raises `NotFound` for any other movement and for other firms'.
    """
    row = Movement.objects.filter(
        organization_id=organization_id, id=movement_id, kind__in=KINDS
    ).first()
    if row is None or row.instrument_id is None:
        raise NotFound("trade")
    facts = instruments.by_id(row.instrument_id)
    policy = policies.of(organization_id, at=row.at)
    terms = (
        ("Account", views.code_of(organization_id, row.account_id)),
        ("Security", f"{facts.cusip} {facts.description}"),
        ("ISIN", facts.isin),
        *_security(facts),
        *_money(row, facts),
        ("Trade date", row.trade_date.isoformat()),
        ("Time of the trade", _times(executed(_sources(row)))),
        ("Settlement date", row.settlement_date.isoformat()),
        ("Our capacity", _CAPACITIES[policy["confirm_capacity"]]),
        ("Our reference", row.source_id),
        ("Order", row.order_id),
        *_markup(row, facts),
    )
    takes_back = row.kind in _TAKES_BACK
    title = "Cancellation of a trade" if takes_back else "Confirm of a trade"
    table = Table("Terms", ("Term", "Value"), terms, frozenset({1}))
    return paper.render(Paper(title, _lines(row), (table,), row.at), kind)


def _lines(row: Movement) -> tuple[str, ...]:
    """What a cancellation cancels, in words: its signs are those of the opposite trade."""
    if row.kind not in _TAKES_BACK:
        return ()
    done = "sale" if row.qty > 0 else "purchase"
    what = f"Takes back {row.reverses}" if row.reverses else f"Takes back a {done}"
    said = f"Your {done} below is void as if it had not been done; this is no trade of its own."
    return what, said


def _security(facts: InstrumentFacts) -> _Terms:
    if facts.bond is None:
        return ()
    bond = facts.bond
    coupon = f"{text(bond.coupon_percent)} % paid {_PAYS[bond.frequency]} a year, {bond.day_count}"
    return (("Coupon", coupon), ("Maturity date", bond.maturity_date.isoformat()))


def _money(row: Movement, facts: InstrumentFacts) -> _Terms:
    def of(value: Decimal) -> str:
        return f"{money(value)} {row.currency}"

    side, paid = "Bought" if row.qty > 0 else "Sold", "You pay" if row.cash < 0 else "You receive"
    fees = row.fees
    if row.kind in _TAKES_BACK:
        side = "Canceled: sold" if row.qty > 0 else "Canceled: bought"
        paid, fees = "You give back" if row.cash < 0 else "You get back", -fees
    unit = "percent of par" if facts.amount_type == "par" else f"{row.currency} a share"
    return (
        (side, text(abs(row.qty))),
        ("Currency", row.currency),
        ("Price", text(row.price)),
        ("Price in", unit),
        *_yield(row, facts),
        ("Principal", of(abs(row.principal))),
        ("Accrued interest", of(abs(row.accrued_interest))),
        ("Fees", of(fees)),
        (paid, of(abs(row.cash))),
    )


def _yield(row: Movement, facts: InstrumentFacts) -> _Terms:
    """Of the price that is told, to the day of settlement."""
    if facts.bond is None or row.price is None:
        return ()
    found = analytics.yield_to_maturity(
        bond=facts.bond, clean_price=row.price, settlement_date=row.settlement_date
    )
    return (("Yield to maturity", "not known" if found is None else f"{text(found)} %"),)


def _sources(row: Movement) -> list[str]:
    """The fills that a movement is of; of what is taken back, those that were."""
    if row.kind in (Movement.Kind.ALLOCATION, Movement.Kind.REVERSAL):
        leg = BookingLeg.objects.filter(id=row.source_id).first()
        return list(leg.source_ids) if leg else []
    return [row.reverses or row.source_id if row.kind == Movement.Kind.BUST else row.source_id]


def _times(moments: Sequence[datetime]) -> str:
    if not moments:
        return "furnished on written request"
    told = [f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}" for at in sorted(moments)]
    if told[0] == told[-1]:
        return f"{told[0]} New York"
    return f"{told[0]} to {told[-1]} New York, {len(told)} fills"


def _markup(row: Movement, facts: InstrumentFacts) -> _Terms:
    """The prevailing market price of a bond and what was paid beyond it (FINRA 2232(c))."""
    if facts.bond is None or row.kind not in _MARKED:
        return ()
    pmp, source = _prevailing(row)
    if pmp is None:
        return (("Prevailing market price", "not known at the time of the trade"),)
    found = markup.of(
        qty=row.qty,
        consideration=row.consideration,
        pmp=pmp,
        factor=facts.money(Decimal(1), Decimal(1)),
    )
    name = "Mark-up" if row.qty > 0 else "Mark-down"
    return (
        ("Prevailing market price", text(pmp)),
        ("Prevailing market price from", source),
        (f"{name}, fees included", f"{money(found.amount)} {row.currency}"),
        (f"{name} in percent of the prevailing market price", f"{found.percent:.4f} %"),
    )


def _prevailing(row: Movement) -> tuple[Decimal | None, str]:
    """The price with its source and time; of a share of a block, that of the fills it is of."""
    fills = [row]
    if row.kind == Movement.Kind.ALLOCATION:
        leg = BookingLeg.objects.filter(id=row.source_id).first()
        sources = leg.source_ids if leg else []
        fills = list(
            Movement.objects.filter(
                organization_id=row.organization_id,
                source_id__in=sources,
                kind__in=("trade", "correction"),
            ).order_by("at", "id")
        )
    known = [(abs(one.qty), one.pmp) for one in fills if one.pmp is not None]
    if not known or len(known) < len(fills):
        return None, ""
    named = sorted({f"{one.pmp_source}, {one.pmp_at:%Y-%m-%d %H:%M:%S} UTC" for one in fills})
    return markup.average(known), "; ".join(named)
