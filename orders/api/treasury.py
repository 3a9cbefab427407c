"""Rates of currencies, corporate actions, margin, and what accounts are worth."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations import corporate_actions, margin, surveillance
from allocations.holdings import fx, views, worth
from allocations.models import CorporateAction, FxRate, MarginCall
from oms_site.api import bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import OmsError
from orders import corporate
from orders.api import paging
from orders.api import treasury_schema as shapes
from orders.api.base import Endpoint
from orders.api.holdings import INCLUDED

_ACTION = (
    *("kind", "instrument_id", "record_date", "pay_date", "rate", "ratio_new", "ratio_old"),
    *("source", "reason"),
)
_INCLUDED = timedelta(microseconds=1)


class FxRateList(Endpoint):
    """Rates of currencies: add one, or read the newest."""

    @extend_schema(
        operation_id="fx_rate_create",
        summary="Add a rate",
        description="What one unit of `base` costs in `quote`. Rates are kept for ever.",
        request=shapes.FxRateRequest,
        responses={201: shapes.FxRate, **bricks.errors(401, 403, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require("rate.set")
        reader = Reader(request.data)
        base = reader.text("base", required=True, longest=3) or ""
        quote = reader.text("quote", required=True, longest=3) or ""
        value = reader.decimal("rate", required=True, places=fx.PLACES) or Decimal(1)
        source = reader.text("source", required=True, longest=40) or ""
        reader.refuse_unknown(("base", "quote", "rate", "source", "at"))
        moment = reader.text("at") or ""
        reader.finish()
        at = paging.moment(moment, field="at") or self.at
        if at > self.at:
            raise OmsError("in_the_future", "A rate is known once it held.", field="at")
        row = fx.put(base.upper(), quote.upper(), value, source=source, at=at, by=self.principal)
        return Response(_rate(row), status=201)

    @extend_schema(
        operation_id="fx_rate_list",
        summary="List the newest rates",
        parameters=[OpenApiParameter(name, str) for name in ("base", "quote", "limit", "cursor")],
        responses={200: shapes.FxRatePage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        given, rows = (
            request.query_params,
            FxRate.objects.filter(organization_id=self.principal.organization_id),
        )
        for name in ("base", "quote"):
            if given.get(name):
                rows = rows.filter(**{name: given[name].upper()})
        page, cursor = paging.newest_first(rows, "at", given)
        told = [_rate(row) for row in page]
        return Response({"rates": told, "next_cursor": cursor, "has_more": cursor is not None})


class CorporateActionList(Endpoint):
    """Corporate actions: announce one, or read them."""

    @extend_schema(
        operation_id="corporate_action_create",
        summary="Announce a corporate action",
        description="Another person applies it once its record date has come. `rate` is percent "
        "of par for bonds, money per share for equities.",
        request=shapes.CorporateActionRequest,
        responses={202: shapes.CorporateAction, **bricks.errors(401, 403, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        reader = Reader(request.data)
        kind = reader.choice("kind", [one.value for one in CorporateAction.Kind])
        named = reader.text("instrument_id", required=True) or ""
        record_date, pay_date = _day(reader, "record_date"), _day(reader, "pay_date")
        rate = reader.decimal("rate", places=10) or Decimal(0)
        ratio_new, ratio_old = _whole(reader, "ratio_new"), _whole(reader, "ratio_old")
        source, reason = reader.text("source", longest=40), reader.text("reason", longest=300)
        reader.refuse_unknown(_ACTION)
        reader.finish()
        row = corporate_actions.announce(
            corporate_actions.Ask(
                kind=kind,
                instrument_id=named,
                rate=rate,
                source=source or "",
                reason=reason or "",
                record_date=record_date,
                pay_date=pay_date,
                ratio_new=ratio_new,
                ratio_old=ratio_old,
            ),
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(corporate_actions.view(row), status=202)

    @extend_schema(
        operation_id="corporate_action_list",
        summary="List corporate actions, newest first",
        parameters=[OpenApiParameter(name, str) for name in ("status", "kind", "limit", "cursor")],
        responses={200: shapes.CorporateActionPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        given = request.query_params
        rows = CorporateAction.objects.filter(organization_id=self.principal.organization_id)
        for name in ("status", "kind"):
            if given.get(name):
                rows = rows.filter(**{name: given[name]})
        page, cursor = paging.newest_first(rows, "announced_at", given)
        return Response(
            {
                "corporate_actions": [corporate_actions.view(row) for row in page],
                "next_cursor": cursor,
                "has_more": cursor is not None,
            }
        )


class CorporateActionDecision(Endpoint):
    """Another person applies an announced action, or withdraws it."""

    apply_it = True

    @extend_schema(
        summary="Decide on a corporate action",
        description="Applying a call or a redemption also asks open orders in the bond to stop.",
        request=None,
        responses={200: shapes.CorporateAction, **bricks.errors(401, 403, 404, 409)},
    )
    def post(self, request: Request, action_id: str) -> Response:
        row = corporate.decide(
            action_id,
            apply_it=self.apply_it,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(corporate_actions.view(row))


class MarginList(Endpoint):
    """What accounts on margin must own, own, and lack."""

    @extend_schema(
        operation_id="margin_list",
        summary="List margin by account",
        description="`requirement`, `equity` and `excess` are null while a price or a rate is "
        "missing, which `missing` names.",
        parameters=[OpenApiParameter("account_id", str)],
        responses={200: shapes.MarginPage, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        organization_id = self.principal.organization_id
        asked = views.account_ids(organization_id, request.query_params.get("account_id", ""))
        found = margin.standings(organization_id, asked, at=self.at)
        told = [margin.view(organization_id, found[key]) for key in sorted(found)]
        calls = MarginCall.objects.filter(organization_id=organization_id, met_at=None)
        return Response(
            {
                "accounts": [one for one in told if one["margin"] or "account_id" in request.GET],
                "calls": [_call(row) for row in calls.order_by("opened_at", "id")[:1000]],
            }
        )


class AccountValue(Endpoint):
    """What one account is worth in its own currency."""

    @extend_schema(
        operation_id="account_value_retrieve",
        summary="Value an account",
        description="With `include=sleeves` together with all its sleeves.",
        parameters=[OpenApiParameter("include", str)],
        responses={200: shapes.AccountValue, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request, account_id: str) -> Response:
        self.principal.require("order.view")
        organization_id = self.principal.organization_id
        include = request.query_params.get("include", "")
        if include not in ("", INCLUDED):
            raise OmsError("invalid_filter", f"Give {INCLUDED}, or nothing.", field="include")
        asked = views.account_ids(organization_id, account_id, sleeves=bool(include))
        found = list(worth.of(organization_id, asked, at=self.at).values())
        if not found:
            raise OmsError("account_not_found", "No such account here.", status=404)
        one = worth.together(asked[0], found)
        return Response(
            {
                "account_id": one.account_id,
                "currency": one.currency,
                "cash": one.cash,
                "securities": sum(one.securities.values(), Decimal("0.00")),
                "total": one.total,
                "missing": one.missing,
                "rates": [
                    {
                        "base": rate.base,
                        "quote": rate.quote,
                        "rate": rate.rate,
                        "source": rate.source,
                        "at": rate.at,
                        "age_seconds": rate.age_seconds(self.at),
                    }
                    for rate in one.rates.values()
                ],
            }
        )


class AllocationSurveillance(Endpoint):
    """Accounts ranked by the prices they got beside their blocks."""

    @extend_schema(
        operation_id="allocation_surveillance",
        summary="Rank accounts by allocation price",
        description="The mean advantage in basis points of the blocks' average prices; `alert` "
        "where it is too good too often to be luck. The last 30 days, or `since` and `until`.",
        parameters=[OpenApiParameter("since", str), OpenApiParameter("until", str)],
        responses={200: shapes.AllocationSurveillance, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("audit.view")
        given, organization_id = request.query_params, self.principal.organization_id
        until = paging.moment(given.get("until", ""), field="until") or self.at
        since = paging.moment(given.get("since", ""), field="since") or until - timedelta(days=30)
        found = surveillance.ranked(organization_id, since=since, until=until + _INCLUDED)
        return Response(
            {
                "since": since,
                "until": until,
                "accounts": [surveillance.view(organization_id, one) for one in found],
            }
        )


# --- telling ---------------------------------------------------------------------------------
def _rate(row: FxRate) -> dict[str, Any]:
    return {
        "base": row.base,
        "quote": row.quote,
        "rate": row.rate,
        "source": row.source,
        "at": row.at,
    }


def _call(row: MarginCall) -> dict[str, Any]:
    return {
        "margin_call_id": row.id,
        "account_id": row.account_id,
        "currency": row.currency,
        "requirement": row.requirement,
        "equity": row.equity,
        "shortfall": row.requirement - row.equity,
        "opened_at": row.opened_at,
    }


def _day(reader: Reader, name: str) -> date:
    text = reader.text(name, required=True)
    try:
        return date.fromisoformat(text) if text else date.min
    except ValueError:
        reader.fault(name, "invalid_date", "Give a date such as 2026-11-23.")
        return date.min


def _whole(reader: Reader, name: str) -> int:
    value = reader.decimal(name, places=0)
    return int(value) if value is not None and value < 1_000_000 else 0
