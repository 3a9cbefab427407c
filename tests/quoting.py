"""Short words for an inquiry inside the test process: ask, quote, hit, hear from the dealer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from oms_site.kit import clock
from orders import desk, execution
from orders.desk.executing import ExecuteResult
from orders.models import Quote, QuoteRound, Rfq, VenueOrder
from orders.requests import AutoEx, QuoteHit
from orders.rfq.asking import RfqAsk
from orders.rfq.criteria import Criteria
from tests import trading
from venues import instruments
from venues.messages import DealerQuote, QuoteCancel, QuoteStatus, QuoteStatusReport

VENUE = "SIMQ"
SWIFT, BROAD, LOOK, SHY = "DLR-SWIFT", "DLR-BROAD", "DLR-LOOK", "DLR-SHY"
D = Decimal
Row = TypeVar("Row", Rfq, Quote, QuoteRound)
_refs = count(1)


def staged(**changes: Any) -> str:
    """An order that waits for a trader."""
    return trading.submit(**{"bypass_auto_execution": True, **changes})


def ask(order_id: str, **changes: Any) -> Rfq:
    """Ask three dealers about all of an order."""
    terms: dict[str, Any] = {"order_id": order_id, "dealers": (SWIFT, BROAD, LOOK)}
    (result,) = desk.ask([RfqAsk(**{**terms, **changes})], by=trading.person(), at=clock.now())
    assert result.error is None, result.error
    return Rfq.objects.get(pk=result.rfq_id)


def automatic(order_id: str, qty: int | Decimal, **rules: Any) -> ExecuteResult:
    """An AutoEx execution order."""
    asked = AutoEx(
        protocol="rfq",
        strategy="auto_ex",
        qty=D(qty),
        dealers=(SWIFT, BROAD, LOOK),
        criteria=Criteria(**{"skip_lob_quotes": True, **rules}).stored(),
    )
    return desk.execute(order_id, asked, by=trading.person(), at=clock.now())


def said(
    rfq: Rfq, dealer: str, px: str | Decimal, *, valid: int = 30, **changes: Any
) -> DealerQuote:
    """A dealer's price for the side and the security that it was asked for."""
    order = rfq.order
    number, at = next(_refs), clock.now()
    terms: dict[str, Any] = {
        "seq": number,
        "quote_req_id": rfq.id,
        "quote_id": f"Q{number}",
        "dealer": dealer,
        "security_id": instruments.by_id(order.instrument_id).cusip,
        "side": execution.SIDES[order.side],
        "px": D(px),
        "size": rfq.qty,
        "valid_until_time": at + timedelta(seconds=valid),
        "transact_time": at,
    }
    return DealerQuote(**{**terms, **changes})


def passing(rfq: Rfq, dealer: str) -> QuoteStatusReport:
    """A dealer's pass."""
    return QuoteStatusReport(
        seq=next(_refs),
        quote_req_id=rfq.id,
        quote_status=QuoteStatus.PASS,
        transact_time=clock.now(),
        dealer=dealer,
    )


def withdrawal(quote: Quote) -> QuoteCancel:
    """A dealer takes its quote back."""
    return QuoteCancel(
        seq=next(_refs),
        quote_req_id=quote.rfq_id,
        quote_id=quote.quote_ref,
        dealer=quote.dealer_id,
        transact_time=clock.now(),
        text="withdrawn",
    )


def hear(*reports: Any) -> None:
    """The quote venue's reports reach us and are applied."""
    trading.receive(*reports, venue_id=VENUE)


def fresh(row: Row) -> Row:
    """The row as it is stored now."""
    return type(row)._base_manager.get(pk=row.pk)


def quotes(rfq: Rfq) -> dict[str, Quote]:
    """The latest answer of each dealer."""
    return {quote.dealer_id: quote for quote in rfq.quotes.order_by("received_at", "id")}


def quoted(rfq: Rfq, prices: Iterable[tuple[str, str]]) -> dict[str, Quote]:
    """Dealers answer with these prices; their quotes by dealer."""
    hear(*(said(rfq, dealer, px) for dealer, px in prices))
    return quotes(rfq)


def hit(
    quote: Quote, qty: int | Decimal | None = None, *, at: datetime | None = None, **changes: Any
) -> ExecuteResult:
    """Hit a quote for all of its inquiry."""
    rfq = quote.rfq
    asked = QuoteHit(
        protocol="rfq",
        strategy="manual",
        qty=rfq.qty if qty is None else D(qty),
        quote_id=quote.id,
        **changes,
    )
    return desk.execute(rfq.order_id, asked, by=trading.person(), at=at or clock.now())


def child(result: ExecuteResult) -> VenueOrder:
    """The venue order of a hit that no dealer has refused."""
    rows = VenueOrder.objects.filter(execution_order_id=result.execution_order_id)
    return rows.exclude(status="rejected").get()
