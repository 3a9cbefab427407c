"""`/v1/ops/confirm/` and `/v1/ops/settlement/`: what follows a booking, read and acted on."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations import accounts
from allocations.models import SettlementInstruction, TradeConfirm
from allocations.settlement import daily, people, resending, views
from oms_site.api import bricks
from oms_site.kit.errors import NotFound, OmsError
from orders import day_papers
from orders.api import settlements_schema as shapes
from orders.api.base import Endpoint
from orders.api.seen import text_of, version_of

_STEPS = ("assign", "affirm", "dispute", "compare", "propose", "agree", "refuse")
_MOST = 500
_LOOK = "ops.view"


def _filters(*names: str) -> list[OpenApiParameter]:
    return [OpenApiParameter(name, str) for name in (*names, "limit", "cursor")]


class ConfirmList(Endpoint):
    """Confirmations, oldest first, or only the exceptions."""

    @extend_schema(
        operation_id="ops_confirm_list",
        summary="List confirmations",
        description="`exceptions=true` gives those that wait for a person, with both sides.",
        parameters=_filters("status", "account_id", "trade_date", "order_id", "exceptions"),
        responses={200: shapes.ConfirmPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require(_LOOK)
        given, organization_id = request.query_params, self.principal.organization_id
        if given.get("exceptions") == "true":
            rows = views.exceptions(organization_id, at=self.at)
        else:
            rows = TradeConfirm.objects.filter(organization_id=organization_id)
            rows = rows.select_related("owner", "proposed_by")
        if given.get("trade_date"):
            rows = rows.filter(trade_date=_date(given["trade_date"], "trade_date"))
        page, cursor = _page(_narrowed(rows, given, organization_id), given)
        found = [dict(one) for one in views.confirms(page)]
        return Response({"confirms": found, "next_cursor": cursor, "has_more": cursor is not None})


class ConfirmDetail(Endpoint):
    """One confirmation with both sides."""

    @extend_schema(
        operation_id="ops_confirm_retrieve",
        summary="Get a confirmation",
        responses={200: shapes.Confirm, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, confirm_id: str) -> Response:
        self.principal.require(_LOOK)
        return Response(_confirm(confirm_id, self.principal.organization_id))


class ConfirmStep(Endpoint):
    """Take, affirm, dispute, compare again, or accept a difference by two."""

    @extend_schema(
        operation_id="ops_confirm_step",
        summary="Work on a confirmation",
        description="`step` is assign, affirm, dispute (with text), compare, propose (with "
        "reason_code and text), agree or refuse. The last two and affirm take the version as it"
        " was shown: 409 `proposal_changed` if it has changed since.",
        request=shapes.ConfirmStep,
        responses={200: shapes.Confirm, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, confirm_id: str, step: str) -> Response:
        if step not in _STEPS:
            raise NotFound("step")
        text, version = text_of(request.data, "text"), version_of(request.data)
        match step:
            case "assign":
                people.assign(confirm_id, **self.told)
            case "affirm":
                people.affirm(confirm_id, version=version, **self.told)
            case "dispute":
                people.dispute(confirm_id, text=text, **self.told)
            case "compare":
                people.compare(confirm_id, **self.told)
            case "propose":
                code = text_of(request.data, "reason_code")
                people.propose(confirm_id, reason_code=code, text=text, **self.told)
            case _:
                people.decide(confirm_id, agree=step == "agree", version=version, **self.told)
        return Response(_confirm(confirm_id, self.principal.organization_id))


_FILE: dict[str, Any] = {
    "parameters": [
        OpenApiParameter("trade_date", OpenApiTypes.DATE),
        OpenApiParameter("kind", str, enum=list(daily.TYPES)),
    ],
    "responses": {
        (200, "text/csv"): OpenApiTypes.BINARY,
        (200, "application/pdf"): OpenApiTypes.BINARY,
        **bricks.errors(401, 403, 404, 422),
    },
}


class ConfirmFile(Endpoint):
    """All confirmations of a trade date as CSV or PDF."""

    @extend_schema(
        operation_id="ops_confirm_file",
        summary="The confirmations of a day as a file",
        description="Terms only, which never change: the same bytes whenever it is asked for. "
        "Without `trade_date` the newest day that has confirmations.",
        **_FILE,
    )
    def get(self, request: Request) -> HttpResponse:
        return _paper(self, request, "confirms")


class TradeFile(Endpoint):
    """All executions of a trade date, by venue and by security, as CSV or PDF."""

    @extend_schema(
        operation_id="ops_trade_file",
        summary="The trades of a day as a file",
        description="Every execution with what they come to, by venue and by security: the same "
        "bytes whenever it is asked for. Without `trade_date` the newest day with confirmations.",
        **_FILE,
    )
    def get(self, request: Request) -> HttpResponse:
        return _paper(self, request, "trades")


def _paper(endpoint: Endpoint, request: Request, name: str) -> HttpResponse:
    endpoint.principal.require(_LOOK)
    given, kind = request.query_params, request.query_params.get("kind", "csv")
    if kind not in daily.TYPES:
        raise OmsError("not_a_choice", f"Give one of {', '.join(daily.TYPES)}.", field="kind")
    asked = given.get("trade_date")
    day = _date(asked, "trade_date") if asked else None
    return day_papers.answer(endpoint.principal.organization_id, name, day=day, kind=kind)


class SettlementList(Endpoint):
    """Settlement instructions; `open=true` leaves out what is over."""

    @extend_schema(
        operation_id="ops_settlement_list",
        summary="List settlement instructions",
        description="`troubled=true` gives what failed, was bought in or refused, with its age.",
        parameters=_filters(
            *("status", "account_id", "settlement_date", "order_id", "open", "troubled")
        ),
        responses={200: shapes.SettlementPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require(_LOOK)
        given, organization_id = request.query_params, self.principal.organization_id
        if given.get("troubled") == "true":
            rows = views.troubled(organization_id)
        else:
            rows = SettlementInstruction.objects.filter(organization_id=organization_id)
            rows = rows.select_related("confirm", "confirm__owner")
        if given.get("open") == "true":
            rows = rows.filter(closed_at=None)
        if given.get("settlement_date"):
            rows = rows.filter(settlement_date=_date(given["settlement_date"], "settlement_date"))
        page, cursor = _page(_narrowed(rows, given, organization_id), given)
        found = views.instructions_shown(page, at=self.at)
        more = {"next_cursor": cursor, "has_more": cursor is not None}
        return Response({"settlements": found, **more})


class SettlementDetail(Endpoint):
    """One settlement instruction and what has changed hands."""

    @extend_schema(
        operation_id="ops_settlement_retrieve",
        summary="Get a settlement instruction",
        responses={200: shapes.SettlementWithFacts, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, instruction_id: str) -> Response:
        self.principal.require(_LOOK)
        rows = SettlementInstruction.objects.filter(
            organization_id=self.principal.organization_id, id=instruction_id
        )
        found = views.instructions_shown(rows, at=self.at)
        if not found:
            raise NotFound("instruction")
        facts = [
            {
                "reference": fact.reference,
                "amount": fact.qty,
                "cash": fact.cash,
                "value_date": fact.value_date,
                "at": fact.at,
            }
            for fact in rows[0].facts.order_by("cash_sequence")
        ]
        return Response({**found[0], "facts": facts})


class Resend(Endpoint):
    """Tell once more what was refused or never answered, with its own keys."""

    @extend_schema(
        operation_id="ops_settlement_resend",
        summary="Resend confirmations and instructions",
        description="`ids` of either, up to 200; each answers for itself.",
        request=shapes.ResendRequest,
        responses={200: shapes.ResendResult, **bricks.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        given = request.data.get("ids") if isinstance(request.data, dict) else None
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise OmsError("not_a_list", "Give a list of ids.", field="ids")
        found = resending.many(given, **self.told)
        return Response({"results": found})


def _confirm(confirm_id: str, organization_id: str) -> dict[str, Any]:
    rows = TradeConfirm.objects.filter(organization_id=organization_id, id=confirm_id)
    found = views.confirms(list(rows.select_related("owner", "proposed_by")))
    if not found:
        raise NotFound("confirmation")
    return found[0]


def _narrowed(rows: QuerySet[Any], given: Any, organization_id: str) -> QuerySet[Any]:
    if given.get("status"):
        rows = rows.filter(status=given["status"])
    if given.get("order_id"):
        rows = rows.filter(order_id=given["order_id"])
    if given.get("account_id"):
        facts = accounts.find_account(organization_id, given["account_id"])
        rows = rows.filter(account_id=facts.id if facts else "")
    return rows


def _page(rows: QuerySet[Any], given: Any) -> tuple[list[Any], str | None]:
    """One page in the order of making, and where the next one begins."""
    text = given.get("limit", "100")
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise OmsError("invalid_limit", f"Give 1 to {_MOST}.", field="limit")
    most = int(text)
    if given.get("cursor"):
        rows = rows.filter(id__gt=given["cursor"])
    found = list(rows.order_by("id")[: most + 1])
    return found[:most], found[most - 1].id if len(found) > most else None


def _date(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise OmsError("not_a_date", "Give a date such as 2026-11-23.", field=name) from error
