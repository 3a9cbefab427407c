"""The adjusting entry of a break about fees: what it charges or gives back, account by account.

Called as two people close the break, in the same unit; the break says what each account owes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations.holdings import adjusting
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from orders.models import Break, Order

KIND = "fees_differ"
_REASONS = (Break.Reason.OURS.value, Break.Reason.ACCEPTED.value)


def check_reason(row: Break, reason_code: str) -> None:
    """Fees are charged (`our_error`) or left as they are (`accepted`). Raises `OmsError` (422)."""
    if row.kind == KIND and reason_code not in _REASONS:
        text = "Give our_error to charge the difference or accepted to leave it as it is."
        raise OmsError("reason_code_unfit", text, field="reason_code")


def post(work: Unit, row: Break, *, by_id: int, at: datetime) -> Mapping[str, Any]:
    """Charge or give back what a break about fees says; nothing for any other.

    Returns what the adjusting entry says of it: the figures, and the transactions by account.
    """
    if row.kind != KIND:
        return {}
    figures: Mapping[str, Any] = row.figures or {}
    made: dict[str, str] = {}
    if row.reason_code == Break.Reason.OURS:
        instrument_id = Order.objects.values_list("instrument_id", flat=True).get(pk=row.order_id)
        assert row.proposed_by_id is not None
        for one in figures.get("accounts", ()):
            entry = adjusting.charge_fee(
                work,
                organization_id=row.organization_id,
                account_id=one["account_id"],
                instrument_id=instrument_id,
                currency=figures["currency"],
                amount=Decimal(one["amount"]),
                reason=f"Fees of {row.key}: {row.id}",
                maker_id=row.proposed_by_id,
                checker_id=by_id,
                at=at,
            )
            made[one["account_id"]] = entry.id
    return {"figures": dict(figures), "transactions": made}
