"""What the fills of an external order come to: pure, on fills in the order of their telling."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

from oms_site.journal.unit import Unit
from orders.models import Execution, ExternalFill, ExternalOrder


def told(work: Unit, row: ExternalOrder) -> list[ExternalFill]:
    """Every fill, bust and correction of it, those of this unit included."""
    mine = [one for one in work.added(ExternalFill) if one.external_id == row.id]
    stored = ExternalFill.objects.filter(external_id=row.id).order_by("sequence")
    return [*stored, *mine]


def standing(told: Sequence[ExternalFill]) -> list[ExternalFill]:
    """The fills that no bust among these takes back; a bust of something else stays."""
    kept: list[ExternalFill] = []
    for fill in told:
        taken = [one for one in kept if fill.qty < 0 and takes_back(fill, one)]
        if taken:
            kept.remove(taken[-1])
        else:
            kept.append(fill)
    return kept


def takes_back(bust: ExternalFill, fill: ExternalFill) -> bool:
    """Whether a bust is of this fill; corrections chain to the latest."""
    return fill.qty == -bust.qty and fill.exec_id in {bust.exec_ref_id, f"{bust.exec_ref_id}+"}


def waiting(fills: Sequence[ExternalFill]) -> list[ExternalFill]:
    """What is no execution yet: fills that stand, and busts of what was adopted before."""
    rows = Execution.objects.filter(
        source__in={fill.venue_id for fill in fills}, exec_id__in=[fill.exec_id for fill in fills]
    )
    known: Collection[tuple[date, str]] = set(rows.values_list("trade_date", "exec_id"))
    return standing([fill for fill in fills if (fill.trade_date, fill.exec_id) not in known])


def kind_of(fill: ExternalFill, among: Sequence[ExternalFill]) -> str:
    """What it is as an execution: a correction only if what it corrects was adopted before."""
    if fill.qty < 0:
        return Execution.Kind.BUST
    corrects = fill.exec_id.endswith("+") and any(
        one.qty < 0 and f"{one.exec_id}+" == fill.exec_id for one in among
    )
    return Execution.Kind.CORRECTION if corrects else Execution.Kind.TRADE


def total(fills: Sequence[ExternalFill]) -> Decimal:
    """Signed quantity."""
    return sum((fill.qty for fill in fills), Decimal(0))
