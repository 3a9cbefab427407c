"""The confirm of one movement by a trade: what was dealt, for how much, settling when."""

from __future__ import annotations

from allocations.holdings import views
from allocations.holdings.documents import paper
from allocations.holdings.documents.paper import Paper, Table
from allocations.holdings.documents.statement import money, text
from allocations.models import Movement
from oms_site.kit.errors import NotFound
from venues import instruments

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
    )
    takes_back = row.kind in ("bust", "reversal")
    title = "Cancellation of a trade" if takes_back else "Confirm of a trade"
    lines = (f"Takes back {row.reverses}",) if takes_back and row.reverses else ()
    table = Table("Terms", ("Term", "Value"), terms, frozenset({1}))
    return paper.render(Paper(title, lines, (table,), row.at), kind)
