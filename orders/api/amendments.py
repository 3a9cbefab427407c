"""`/v1/trading/order/{id}/amend/`: ask an order to become something else, where policy allows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks, conditions
from oms_site.api.shape import Reader
from oms_site.firm.principals import Principal
from orders import desk, render
from orders.api import intake, schema
from orders.api.base import Endpoint
from orders.requests import AccountAsk, AmendAsk, AmendRequest, AmendResult

FIELDS = frozenset(
    [
        "allocations",
        "amount",
        "annotation",
        "client_amend_id",
        "limit_price",
        "revision",
        "stop_price",
    ]
)
TEXT = (
    "`amount` is the whole quantity, not the rest; what is left out stays. The new terms pass the"
    " controls before anything is sent, and the order goes on as it was until every venue has"
    " answered: `outcome` is `replaced`, `pending` or `review`, and a refusal is an error with its"
    " code. All accounts of a block are scaled unless `allocations.account_allocations` names"
    " everyone's new amount. The same `client_amend_id` with the same content answers with what"
    " became of it. Needs a policy with `order_amendment` `replace_chain`."
)


def read(value: Any) -> AmendAsk:
    """An amendment request. Raises `OmsError` (422) with every fault."""
    body = Reader(value)
    body.refuse_unknown(FIELDS)
    kind, qty = (
        intake.amount(body, "amount") if body.value.get("amount") is not None else ("", None)
    )
    limit_price, stop_price = body.decimal("limit_price"), body.decimal("stop_price")
    ask = AmendAsk(
        qty=qty,
        amount_type=kind,
        limit_price=None if limit_price is None else render.tidy(limit_price),
        stop_price=None if stop_price is None else render.tidy(stop_price),
        accounts=_accounts(body, kind),
        revision=_revision(body),
        client_amend_id=body.text("client_amend_id"),
        annotation=body.text("annotation", longest=2000) or "",
    )
    body.finish()
    return ask


def _accounts(body: Reader, kind: str) -> tuple[AccountAsk, ...]:
    part = body.object("allocations")
    if part is None:
        return ()
    part.refuse_unknown({"account_allocations"})
    accounts = []
    for one in part.objects("account_allocations", most=1000):
        one.refuse_unknown({"account_id", "requested_amount"})
        own, qty = intake.amount(one, "requested_amount")
        if own and kind and own != kind:
            one.fault("requested_amount", "amount_type_differs", f"Give it as {kind}.")
        account_id = one.text("account_id", required=True) or ""
        accounts.append(AccountAsk(account_id=account_id, qty=qty))
    return tuple(accounts)


def _revision(body: Reader) -> int | None:
    value = body.value.get("revision")
    if value is None:
        return None
    if isinstance(value, Decimal | int) and not isinstance(value, bool) and value % 1 == 0 < value:
        return int(value)
    body.fault("revision", "invalid_number", "Give the number of the revision you looked at.")
    return None


def answer(order_id: str, value: Any, *, by: Principal, at: Any, correlation_id: str) -> Response:
    """Ask, and say what became of it: 202, or the refusal's own status."""
    by.require("order.submit")
    asked = AmendRequest(order_id, read(value))
    (result,) = desk.replace([asked], by=by, at=at, correlation_id=correlation_id)
    if result.error is not None:
        raise result.error
    headers = {"idempotent-replayed": "true"} if result.replayed else {}
    return Response(_wire(result, asked), status=202, headers=headers)


def _wire(result: AmendResult, asked: AmendRequest) -> dict[str, Any]:
    return {
        "order_id": result.order_id,
        "amend_request_id": result.request_id,
        "client_amend_id": asked.ask.client_amend_id,
        "outcome": result.outcome,
        "revision": result.revision,
    }


class OrderAmend(Endpoint):
    """Ask an order to become something else."""

    conditional = {"post": "order_id"}

    @extend_schema(
        operation_id="order_amend",
        summary="Amend an order",
        description=TEXT,
        parameters=[conditions.IF_MATCH],
        request=schema.AmendRequest,
        responses={202: schema.AmendAnswer, **bricks.errors(400, 401, 403, 404, 409, 412, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        return answer(
            order_id,
            request.data,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
