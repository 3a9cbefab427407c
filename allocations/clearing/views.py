"""Clearing reports as clients and screens see them; scoped to an organization."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from allocations.clearing_states import ClearingStatus
from allocations.models import ClearingReport
from venues import instruments

# What no party has taken by then waits for a person too.
PATIENCE = timedelta(minutes=5)


def of(organization_id: str) -> QuerySet[ClearingReport]:
    """Every report of an organization."""
    return ClearingReport.objects.filter(organization_id=organization_id)


def exceptions(organization_id: str, *, at: datetime) -> QuerySet[ClearingReport]:
    """Reports that wait for a person, oldest first: refused, or not answered for long."""
    late = Q(status=ClearingStatus.PENDING, created_at__lte=at - PATIENCE)
    rows = of(organization_id).filter(Q(status=ClearingStatus.REJECTED) | late)
    return rows.order_by("created_at", "id")


def shown(rows: Iterable[ClearingReport]) -> list[dict[str, Any]]:
    """Reports with what is to be done about each."""
    return [_one(row) for row in rows]


def _one(row: ClearingReport) -> dict[str, Any]:
    return {
        "clearing_id": row.id,
        "party_id": row.party_id,
        "member": row.member,
        "execution_id": row.execution_id,
        "order_id": row.order_id,
        "trans_type": str(row.trans_type),
        "refers_to": row.refers_to_id,
        "cusip": instruments.by_id(row.instrument_id).cusip,
        "side": row.side,
        "amount": row.qty,
        "price": row.price,
        "net_money": row.net_money,
        "currency": row.currency,
        "counterparty": row.counterparty or None,
        "venue": row.venue,
        "trade_date": row.trade_date,
        "settlement_date": row.settlement_date,
        "status": str(row.status),
        "ref": row.ref or None,
        "attempts": row.attempts,
        "code": row.code or None,
        "reason": row.reason or None,
        "created_at": row.created_at,
        "answered_at": row.answered_at,
        "next_step": _next_step(row),
    }


def _next_step(row: ClearingReport) -> str:
    if row.status == ClearingStatus.REJECTED:
        return "Put right what the party names, then resend it."
    if row.status == ClearingStatus.PENDING:
        return "Wait: it is told again by itself." if row.code else "Wait for the party."
    return "Nothing: it is over."
