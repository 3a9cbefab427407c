"""Positions, cash balances, tax lots and transactions: what accounts hold and owe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.holdings import choices, rolled, transactions, views
from allocations.models import Transaction
from oms_site.api import bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import OmsError
from orders.api import holdings_schema as shapes
from orders.api import paging
from orders.api.base import Endpoint
from venues import instruments

INCLUDED = "sleeves"
_FIELDS = (
    *("kind", "account_id", "to_account_id", "instrument_id", "currency", "amount", "qty", "cost"),
    *("settlement_date", "to_currency", "reason", "client_transaction_id"),
)


def _filters(*names: str) -> list[OpenApiParameter]:
    return [OpenApiParameter(name, str) for name in (*names, "limit", "cursor")]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a list is asked for: whose, when, of what, after which key, and how many.

    `whole` is the account whose sleeves are asked for with it.
    """

    organization_id: str
    accounts: list[str]
    at: datetime
    as_of: datetime | None
    instrument_id: int | None
    cursor: str
    most: int
    whole: str = ""


def _asked(endpoint: Endpoint, request: Request) -> _Asked:
    """The filters of a request. Raises `OmsError` (`invalid_filter`)."""
    endpoint.principal.require("order.view")
    given, organization_id = request.query_params, endpoint.principal.organization_id
    include, named = given.get("include", ""), given.get("account_id", "")
    if include not in ("", INCLUDED) or (include and not named):
        text = f"Give {INCLUDED} with the account_id of one account."
        raise OmsError("invalid_filter", text, field="include")
    found = views.account_ids(organization_id, named, sleeves=bool(include))
    return _Asked(
        organization_id,
        found,
        endpoint.at,
        paging.past(given.get("as_of", ""), at=endpoint.at),
        _instrument(given.get("instrument_id", "")),
        given.get("cursor", ""),
        paging.limit(given.get("limit", "100")),
        found[0] if include and found else "",
    )


def _page(
    name: str, asked: _Asked, rows: list[dict[str, Any]], key: Sequence[str]
) -> dict[str, Any]:
    """One page of rows, which were read one further than it has; `key` names a row's columns."""
    page, more = rows[: asked.most], len(rows) > asked.most
    cursor = paging.cursor([str(page[-1][part]) for part in key]) if more else None
    return {name: page, "as_of": asked.as_of, "next_cursor": cursor, "has_more": more}


def _after(asked: _Asked, *kinds: type[str] | type[int]) -> tuple[Any, ...] | None:
    """The key that the cursor stands for, None on the first page."""
    if not asked.cursor:
        return None
    parts = paging.read(asked.cursor, len(kinds))
    try:
        return tuple(kind(part) for kind, part in zip(kinds, parts, strict=True))
    except ValueError as wrong:
        raise OmsError(
            "invalid_filter", "Give a cursor of an earlier page.", field="cursor"
        ) from wrong


class PositionList(Endpoint):
    """Positions, with their worth now, or as they stood at a moment."""

    @extend_schema(
        operation_id="position_list",
        summary="List positions",
        description="Moved by executions and transactions only. With `as_of`, as they stood then, "
        "at the last price known by then: `price_at` is at most five minutes older than the one "
        "that was known, `price_age_seconds` and `price_stale` are of that moment, and all are "
        "null where nobody knew one. `provisional` is what lies in suspense until it is split "
        "over its accounts. `base_…` is in the account's currency: cost at the rates when the "
        "lots were opened, worth at the rate of now. `include=sleeves` lists the account's "
        "sleeves after it, and `whole` what all of it comes to, on every page.",
        parameters=_filters("account_id", "include", "instrument_id", "as_of"),
        responses={200: shapes.PositionPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        asked = _asked(self, request)
        rows = views.positions(
            asked.organization_id,
            asked.accounts,
            at=asked.at,
            as_of=asked.as_of,
            instrument_id=asked.instrument_id,
            after=_after(asked, str, int),
            most=asked.most + 1,
        )
        body = _page("positions", asked, rows, ("account_id", "instrument_id"))
        if asked.whole:
            held = views.positions(
                asked.organization_id,
                asked.accounts,
                at=asked.at,
                as_of=asked.as_of,
                instrument_id=asked.instrument_id,
            )
            body["whole"] = rolled.positions(asked.organization_id, asked.whole, held)
        return Response(body)


class BalanceList(Endpoint):
    """Cash by currency: traded, settled, reserved and available."""

    @extend_schema(
        operation_id="balance_list",
        summary="List cash balances",
        description="`include=sleeves` lists the account's sleeves after it, and `whole` what all "
        "of it comes to, on every page.",
        parameters=_filters("account_id", "include", "as_of"),
        responses={200: shapes.BalancePage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        asked = _asked(self, request)
        rows = views.balances(
            asked.organization_id,
            asked.accounts,
            as_of=asked.as_of,
            after=_after(asked, str, str),
            most=asked.most + 1,
        )
        body = _page("balances", asked, rows, ("account_id", "currency"))
        if asked.whole:
            owed = views.balances(asked.organization_id, asked.accounts, as_of=asked.as_of)
            body["whole"] = rolled.balances(asked.organization_id, asked.whole, owed)
        return Response(body)


class TaxLotList(Endpoint):
    """Open tax lots; choosing the lots of a sale."""

    @extend_schema(
        operation_id="tax_lot_list",
        summary="List open tax lots",
        parameters=_filters("account_id", "include", "instrument_id", "as_of"),
        responses={200: shapes.TaxLotPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        asked = _asked(self, request)
        rows = views.lots(
            asked.organization_id,
            asked.accounts,
            as_of=asked.as_of,
            instrument_id=asked.instrument_id,
            after=_after(asked, str, int, int, str),
            most=asked.most + 1,
        )
        key = ("account_id", "instrument_id", "opened", "lot_id")
        return Response(_page("tax_lots", asked, rows, key))

    @extend_schema(
        operation_id="tax_lot_choose",
        summary="Choose the lots of a sale",
        description="For accounts whose relief is `specific`: the movement's lots are taken in "
        "this order, what they do not cover by first in, first out. The position is folded again.",
        request=shapes.LotChoiceRequest,
        responses={200: shapes.LotChoiceAnswer, **bricks.errors(401, 403, 404, 422)},
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
            **bricks.errors(401, 403, 409, 422),
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
        (told,) = transactions.shown([result.row])
        return Response(told, status=status, headers=headers)

    @extend_schema(
        operation_id="transaction_list",
        summary="List transactions, newest first",
        parameters=_filters("account_id", "status", "kind"),
        responses={200: shapes.TransactionPage, **bricks.errors(401, 403, 422)},
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
        page, cursor = paging.newest_first(rows, "created_at", given)
        return Response(
            {
                "transactions": transactions.shown(page),
                "next_cursor": cursor,
                "has_more": cursor is not None,
            }
        )


class TransactionDecision(Endpoint):
    """A second person applies or refuses a waiting transaction."""

    approve = True

    @extend_schema(
        summary="Decide on a waiting transaction",
        request=shapes.TransactionDecision,
        responses={200: shapes.Transaction, **bricks.errors(401, 403, 404, 409, 422)},
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
        (told,) = transactions.shown([row])
        return Response(told)


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
        for name in (
            *("to_account_id", "instrument_id", "currency", "to_currency"),
            "client_transaction_id",
        )
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


def _instrument(name: str) -> int | None:
    if not name:
        return None
    facts = instruments.find(name)
    return facts.id if facts else 0
