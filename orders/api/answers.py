"""The HTTP answers of the desk's results: one place for status codes and headers."""

from __future__ import annotations

from typing import Any

from oms_site.api import envelope, strict_json
from oms_site.kit.errors import OmsError
from orders.desk import Result
from orders.desk.canceling import CancelResult


def of_submit(result: Result) -> tuple[int, bytes, dict[str, str]]:
    """201 with the order, 200 for a replay, or the refusal's own status."""
    if result.error is not None:
        return of_refusal(result.error)
    if result.replayed:
        return 200, result.body, {"idempotent-replayed": "true"}
    return 201, result.body, {"location": f"/v1/trading/order/{result.order_id}/"}


def of_refusal(refusal: OmsError) -> tuple[int, bytes, dict[str, str]]:
    """The envelope of an error, with what a client is to do about its status."""
    headers = {}
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refusal.status == 503:
        headers["retry-after"] = "1"
    return refusal.status, strict_json.dumps(envelope.body(refusal)), headers


def of_cancel(result: CancelResult) -> dict[str, Any]:
    """The body of a 202: the request's id, and what is known of it already."""
    body: dict[str, Any] = {
        "order_id": result.order_id,
        "cancel_request_id": result.cancel_id,
        "outcome": result.outcome,
    }
    if result.cxl_rej_reason is not None:
        body["code"] = result.cxl_rej_reason
        body["reason"] = result.reason
    return body
