"""An inquiry with its quotes, held by a unit whose order is locked already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from oms_site.journal import reading
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from orders.models import Quote, QuoteRound, Rfq
from orders.states import QUOTE_OPEN, QuoteState
from orders.tree import Tree


@dataclass(slots=True)
class Inquiry:
    """One RFQ, the order tree it belongs to, and every answer to it."""

    rfq: Rfq
    one: Tree
    quotes: list[Quote] = field(default_factory=list)
    rounds: list[QuoteRound] = field(default_factory=list)

    def find(self, quote_id: str) -> Quote | None:
        """A quote by our id, or by its dealer's."""
        return next((q for q in self.quotes if quote_id in (q.id, q.quote_ref)), None)

    def open_quotes(self) -> list[Quote]:
        """Quotes that nothing has ended."""
        return [quote for quote in self.quotes if quote.status in QUOTE_OPEN]

    def ranked(self) -> list[Quote]:
        """Quotes that may be hit, best for us first; the earlier of two equal ones leads."""
        sign = 1 if self.one.order.side == "buy" else -1
        live = [quote for quote in self.quotes if quote.status == QuoteState.ACTIVE]
        return sorted(live, key=lambda q: (sign * (q.price or 0), q.received_at, q.id))

    def next_due(self) -> datetime:
        """When the next quote expires, or the inquiry itself."""
        ends = [quote.valid_until for quote in self.open_quotes() if quote.valid_until]
        return min([*ends, self.rfq.expires_at])

    def silent(self) -> list[str]:
        """Dealers that were asked and never answered."""
        answered = {quote.dealer_id for quote in self.quotes}
        return [dealer for dealer in self.rfq.dealers if dealer not in answered]


def lock(work: Unit, trees: dict[str, Tree], rfq_ids: Iterable[str]) -> dict[str, Inquiry]:
    """Lock inquiries and then their quotes, each in key order. Their orders are locked before."""
    rfqs = {k: r for k, r in work.lock(Rfq, rfq_ids).items() if r.order_id in trees}
    found = {key: Inquiry(rfq, trees[rfq.order_id]) for key, rfq in rfqs.items()}
    for quote in reading.locked(Quote, rfq_id=found):
        found[quote.rfq_id].quotes.append(work.hold(quote))
    _lock_rounds(work, found)
    return found


def _lock_rounds(work: Unit, found: dict[str, Inquiry]) -> None:
    """The negotiations of inquiries in which somebody has countered; no query for others."""
    countered = {
        key for key, one in found.items() if any(q.counter_price is not None for q in one.quotes)
    }
    for row in reading.locked(QuoteRound, rfq_id=countered):
        found[row.rfq_id].rounds.append(work.hold(row))


def naming(inquiry: Inquiry) -> dict[str, Any]:
    """The ids that every event of an inquiry carries."""
    rfq = inquiry.rfq
    return {
        "order_id": rfq.order_id,
        "rfq_id": rfq.id,
        "client_rfq_id": rfq.client_rfq_id,
        "execution_order_id": rfq.execution_order_id,
    }


def record(
    work: Unit,
    inquiry: Inquiry,
    event_type: str,
    body: dict[str, Any],
    *,
    at: datetime,
    by: Actor | None = None,
    msg_type: MsgType = MsgType.ORDER_UPDATE,
    also: Sequence[Any] = (),
) -> None:
    """State a fact about an inquiry and the rows that moved with it."""
    work.record(
        inquiry.rfq,
        event_type,
        msg_type=msg_type,
        body={**naming(inquiry), **body},
        order_id=inquiry.rfq.order_id,
        also=also,
        at=at,
        by=by,
    )
