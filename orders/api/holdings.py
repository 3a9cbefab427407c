"""Positions, cash balances, tax lots and transactions: what accounts hold and owe."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.holdings import choices, transactions, views
from allocations.models import Transaction
from oms_site.api.shape import Reader
from oms_site.kit.errors import OmsError
from orders.api import holdings_schema as shapes
from orders.api import schema
from orders.api.base import Endpoint
from venues import instruments

_MOST = 1000
_FIELDS = (
    *("kind", "account_id", "to_account_id", "instrument_id", "currency", "amount", "qty", "cost"),
    *("settlement_date", "reason", "client_transaction_id"),
)


def _filters(*names: str) -> list[OpenApiParameter]:
    return [OpenApiParameter(name, str) for name in (*names, "limit", "cursor")]


class _Listing(Endpoint):
    """A list that is filtered by account, instrument and moment, and read page by page."""

    name = ""

    def rows(self, asked: list[str], as_of: datetime | None, instrument_id: int | None) -> Any:
        raise NotImplementedError

    def key(self, row: dict[str, Any]) -> list[str]:
        raise NotImplementedError

    def answer(self, request: Request) -> Response:
        self.principal.require("order.view")
        given = request.query_params
        as_of = read_moment(given.get("as_of", ""))
        asked = views.account_ids(self.principal.organization_id, given.get("account_id", ""))
        rows = self.rows(asked, as_of, _instrument(given.get("instrument_id", "")))
        page, cursor = _page(rows, self.key, given.get("cursor", ""), given.get("limit", "100"))
        return Response(
            {
                self.name: page,
                "as_of": as_of,
                "next_cursor": cursor,
                "has_more": cursor is not None,
            }
        )


class PositionList(_Listing):
    """Positions, with their worth now, or as they stood at a moment."""

    name = "positions"

    @extend_schema(
        operation_id="position_list",
        summary="List positions",
        description="Moved by executions and transactions only. With `as_of`, as they stood then. "
        "`provisional` is what lies in suspense until it is split over its accounts.",
        parameters=_filters("account_id", "instrument_id", "as_of"),
        responses={200: shapes.PositionPage, **schema.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        return self.answer(request)

    def rows(self, asked: list[str], as_of: datetime | None, instrument_id: int | None) -> Any:
        return views.positions(
            self.principal.organization_id,
            asked,
            at=self.at,
            as_of=as_of,
            instrument_id=instrument_id,
        )

    def key(self, row: dict[str, Any]) -> list[str]:
        return [row["account_id"], row["cusip"]]


class BalanceList(_Listing):
    """Cash by currency: traded, settled, reserved and available."""

    name = "balances"

    @extend_schema(
        operation_id="balance_list",
        summary="List cash balances",
        parameters=_filters("account_id", "as_of"),
        responses={200: shapes.BalancePage, **schema.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        return self.answer(request)

    def rows(self, asked: list[str], as_of: datetime | None, instrument_id: int | None) -> Any:
        return views.balances(self.principal.organization_id, asked, as_of=as_of)

    def key(self, row: dict[str, Any]) -> list[str]:
        return [row["account_id"], row["currency"]]


class TaxLotList(_Listing):
    """Open tax lots; choosing the lots of a sale."""

    name = "tax_lots"

    @extend_schema(
        operation_id="tax_lot_list",
        summary="List open tax lots",
        parameters=_filters("account_id", "instrument_id", "as_of"),
        responses={200: shapes.TaxLotPage, **schema.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        return self.answer(request)

    @extend_schema(
        operation_id="tax_lot_choose",
        summary="Choose the lots of a sale",
        description="For accounts whose relief is `specific`: the movement's lots are taken in "
        "this order, what they do not cover by first in, first out. The position is folded again.",
        request=shapes.LotChoiceRequest,
        responses={200: shapes.LotChoiceAnswer, **schema.errors(401, 403, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        reader = Reader(request.data)
        movement_id = reader.text("movement_id", required=True) or ""
        picks = []
        for one in reader.objects("lots"):
            lot_id = one.text("lot_id", required=True) or ""
            picks.append((lot_id, one.decimal("amount", required=True) or Decimal(0)))
        reader.refuse_unknown(("movement_id", "lots"))
        reader.finish()
        row = choices.choose(
            movement_id,
            picks,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response({"movement_id": movement_id, "cost": row.cost, "realized": row.realized})

    def rows(self, asked: list[str], as_of: datetime | None, instrument_id: int | None) -> Any:
        return views.lots(
            self.principal.organization_id, asked, as_of=as_of, instrument_id=instrument_id
        )

    def key(self, row: dict[str, Any]) -> list[str]:
        return [row["account_id"], row["cusip"], row["lot_id"]]


class TransactionList(Endpoint):
    """Make a transaction, or read many."""

    @extend_schema(
        operation_id="transaction_create",
        summary="Move cash or securities",
        description="Corrections, and what leaves or enters suspense, wait for a second person "
        "(202). The same `client_transaction_id` with the same content answers what it made.",
        request=shapes.TransactionRequest,
        responses={
            201: shapes.Transaction,
            202: shapes.Transaction,
            200: shapes.Transaction,
            **schema.errors(401, 403, 409, 422),
        },
    )
    def post(self, request: Request) -> Response:
        result = transactions.submit(
            read_transaction(request.data),
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        headers = {"Idempotent-Replayed": "true"} if result.replayed else {}
        status = 200 if result.replayed else 201 if result.row.decision else 202
        return Response(transactions.view(result.row), status=status, headers=headers)

    @extend_schema(
        operation_id="transaction_list",
        summary="List transactions, newest first",
        parameters=_filters("account_id", "status", "kind"),
        responses={200: shapes.TransactionPage, **schema.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        given, organization = request.query_params, self.principal.organization_id
        rows = Transaction.objects.filter(organization_id=organization)
        if given.get("account_id"):
            asked = views.account_ids(organization, given["account_id"])
            rows = rows.filter(Q(account_id__in=asked) | Q(to_account_id__in=asked))
        if given.get("status"):
            rows = rows.filter(decision="" if given["status"] == "pending" else given["status"])
        if given.get("kind"):
            rows = rows.filter(kind=given["kind"])
        limit = _limit(given.get("limit", "100"))
        if given.get("cursor"):
            moment, key = _read_cursor(given["cursor"], 2)
            before = read_moment(moment)
            rows = rows.filter(Q(created_at__lt=before) | Q(created_at=before, id__lt=key))
        found = list(rows.order_by("-created_at", "-id")[: limit + 1])
        page, more = found[:limit], len(found) > limit
        last = [page[-1].created_at.isoformat(), page[-1].id] if more else None
        return Response(
            {
                "transactions": [transactions.view(row) for row in page],
                "next_cursor": _cursor(last),
                "has_more": more,
            }
        )


class TransactionDecision(Endpoint):
    """A second person applies or refuses a waiting transaction."""

    approve = True

    @extend_schema(
        summary="Decide on a waiting transaction",
        request=shapes.TransactionDecision,
        responses={200: shapes.Transaction, **schema.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, transaction_id: str) -> Response:
        reader = Reader(request.data)
        annotation = reader.text("annotation", required=True, longest=300) or ""
        reader.refuse_unknown(("annotation",))
        reader.finish()
        row = transactions.decide(
            transaction_id,
            approve=self.approve,
            annotation=annotation,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(transactions.view(row))


# --- reading what was asked ------------------------------------------------------------------
def read_transaction(body: Any) -> transactions.Ask:
    """A transaction request's body. Raises `OmsError` with every fault of its shape."""
    reader = Reader(body)
    numbers = {
        name: reader.decimal(name, positive=False, places=places)
        for name, places in (("amount", 2), ("qty", 6), ("cost", 2))
    }
    texts: dict[str, Any] = {
        name: reader.text(name)
        for name in ("to_account_id", "instrument_id", "currency", "client_transaction_id")
    }
    kind = reader.choice("kind", transactions.KINDS)
    account_id = reader.text("account_id", required=True) or ""
    reason = reader.text("reason", longest=300) or ""
    settles = _date(reader, "settlement_date")
    reader.refuse_unknown(_FIELDS)
    reader.finish()
    given: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    return transactions.Ask(
        kind=kind,
        account_id=account_id,
        reason=reason,
        settlement_date=settles,
        **texts,
        **given,
    )


def _date(reader: Reader, name: str) -> date | None:
    text = reader.text(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        reader.fault(name, "invalid_date", "Give a date such as 2026-11-23.")
        return None


def read_moment(text: str) -> datetime | None:
    """A moment with its zone. Raises `OmsError` (`invalid_filter`) for anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        said = "Give a moment with its zone, such as 2026-11-23T15:00:00Z."
        raise OmsError("invalid_filter", said, field="as_of")
    return moment


def _instrument(name: str) -> int | None:
    if not name:
        return None
    facts = instruments.find(name)
    return facts.id if facts else 0


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MOST:
        return int(text)
    raise OmsError("invalid_filter", f"Give 1 to {_MOST}.", field="limit")


def _page(
    rows: Sequence[dict[str, Any]],
    key: Callable[[dict[str, Any]], list[str]],
    cursor: str,
    limit: str,
) -> tuple[list[dict[str, Any]], str | None]:
    ordered = sorted(rows, key=key)
    if cursor:
        after = _read_cursor(cursor, len(key(ordered[0])) if ordered else 0)
        ordered = [row for row in ordered if key(row) > after]
    most = _limit(limit)
    page = ordered[:most]
    return page, _cursor(key(page[-1]) if len(ordered) > most else None)


def _cursor(key: list[str] | None) -> str | None:
    return None if key is None else base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_cursor(text: str, parts: int) -> list[str]:
    try:
        key = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, binascii.Error):
        key = None
    is_key = isinstance(key, list) and all(isinstance(part, str) for part in key)
    if not is_key or parts not in (0, len(key)):
        raise OmsError("invalid_filter", "Give a cursor of an earlier page.", field="cursor")
    return [str(part) for part in key]
