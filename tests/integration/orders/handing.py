"""Orders in shares that a custodian works at its desk, and what the desk says of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from oms_site.journal.models import Event
from orders.models import VenueOrder
from tests import trading
from tests.client import Api
from venues import messages
from venues.messages import ExecType, OrdStatus

Apis = Callable[[str], Api]
D = Decimal
SHARE, DESK = "037833100", "LPLDESK"
SHARES: dict[str, Any] = {
    "account_id": "alpha-002",
    "instrument_id": SHARE,
    "amount": {"shares": 100},
    "limit_price": 231.5,
}


def path(order_id: str) -> str:
    return f"/v1/trading/order/{order_id}/execution-order/custodian/manual/"


def staged(**changes: Any) -> str:
    terms: dict[str, Any] = {
        "instrument_id": SHARE,
        "amount_type": "shares",
        "qty": D(100),
        "limit_price": D("231.5"),
        "bypass_auto_execution": True,
    }
    return trading.submit(**{**terms, **changes})


def handed(api: Apis, **body: Any) -> VenueOrder:
    """An order of a hundred shares, all of it at the desk; the desk's own order."""
    order_id = staged()
    status, made = api("alpha_trader").post(path(order_id), {"amount": {"shares": 100}, **body})
    assert status == 202, made
    return VenueOrder.objects.get(execution_order_id=made["id"])


def said(child: VenueOrder, exec_type: ExecType, status: OrdStatus, **more: Any) -> Any:
    terms = {"ord_status": status, "security_id": SHARE, **more}
    return trading.report(child, exec_type, **terms)


def fill(child: VenueOrder, qty: int, *, cum: int, **more: Any) -> Any:
    terms = {"security_id": SHARE, "last_px": D("231.4"), **more}
    return trading.fill(child, qty, cum=cum, **terms)


def hear(*reports: messages.Report) -> None:
    trading.receive(*reports, venue_id=DESK)


def events(order_id: str) -> list[str]:
    rows = Event.objects.filter(order_id=order_id).order_by("event_id")
    return list(rows.values_list("event_type", flat=True))


def refusal(answer: tuple[int, Any]) -> tuple[int, list[tuple[str, str]]]:
    status, error = answer
    if "error_details" not in error or not error["error_details"]:
        return status, [("", error["code"])]
    return status, [(one["field"], one["code"]) for one in error["error_details"]]


def shares(qty: int) -> dict[str, Any]:
    """An amount of shares as answers tell it."""
    return {"type": "shares", "value": qty, "shares": qty}
