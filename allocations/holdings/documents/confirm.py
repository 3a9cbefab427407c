"""The confirm of one movement by a trade: what was dealt, for how much, settling when."""

from __future__ import annotations

from decimal import Decimal

from allocations import markup
from allocations.holdings import views
from allocations.holdings.documents import paper
from allocations.holdings.documents.paper import Paper, Table
from allocations.holdings.documents.statement import money, text
from allocations.models import BookingLeg, Movement
from oms_site.kit.errors import NotFound
from venues import instruments
from venues.instruments import InstrumentFacts

_MARKED = ("trade", "correction", "allocation")
KINDS = ("trade", "bust", "correction", "allocation", "reversal")


def of_movement(organization_id: str, movement_id: str, *, kind: str) -> bytes:
    """The confirm of a traded movement. Raises `NotFound` for any other and for other firms'."""
    row = Movement.objects.filter(
        organization_id=organization_id, id=movement_id, kind__in=KINDS
    ).first()
    if row is None or row.instrument_id is None:
        raise NotFound("trade")
    facts = instruments.by_id(row.instrument_id)
    side = "Bought" if row.qty > 0 else "Sold"
    terms = (
        ("Account", views.code_of(organization_id, row.account_id)),
        ("Security", f"{facts.cusip} {facts.description}"),
        ("ISIN", facts.isin),
        (side, text(abs(row.qty))),
        ("Price", text(row.price)),
        ("Principal", money(abs(row.principal))),
        ("Accrued interest", money(abs(row.accrued_interest))),
        ("Fees", money(row.fees)),
        ("You pay" if row.cash < 0 else "You receive", f"{money(abs(row.cash))} {row.currency}"),
        ("Trade date", row.trade_date.isoformat()),
        ("Settlement date", row.settlement_date.isoformat()),
        ("Our reference", row.source_id),
        ("Order", row.order_id),
        *_markup(row, facts),
    )
    takes_back = row.kind in ("bust", "reversal")
    title = "Cancellation of a trade" if takes_back else "Confirm of a trade"
    lines = (f"Takes back {row.reverses}",) if takes_back and row.reverses else ()
    table = Table("Terms", ("Term", "Value"), terms, frozenset({1}))
    return paper.render(Paper(title, lines, (table,), row.at), kind)


def _markup(row: Movement, facts: InstrumentFacts) -> tuple[tuple[str, str], ...]:
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
