"""What watch lists have named, for compliance alone: orders that passed and that someone looks at.

Read from the screenings, where the built-in control leaves a note on nobody's screen but this one.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from controls import governance
from oms_site.firm.principals import Principal
from oms_site.kit.errors import Forbidden

# Lists, evidence and the journal are for the same people, in the API and in the back office.
SEE = (governance.MANAGE, governance.CONFIGURE, "audit.view")
# The note's own place in the results, and the index that finds it.
_NOTED = """
SELECT s.id, s.subject, s.stage, s.outcome, s.screened_at, s.ticket::text, r ->> 4, r ->> 6
FROM controls_screening s CROSS JOIN LATERAL jsonb_array_elements(s.results) AS r
WHERE s.organization_id = %s AND s.screened_at >= %s
    AND s.results @> '[["builtin.universe.watched"]]' AND r ->> 0 = 'builtin.universe.watched'
ORDER BY s.screened_at DESC, s.id DESC LIMIT %s
"""


def may_see(by: Principal) -> bool:
    """Whether somebody may know of watch lists at all."""
    return any(map(by.may, SEE))


def hits(
    organization_id: str, *, since: datetime, by: Principal, limit: int = 100
) -> list[dict[str, Any]]:
    """The looks at which a watch list named an order, newest first. Raises not_entitled (403)."""
    if not may_see(by):
        raise Forbidden("not_entitled", f"This needs the entitlement {SEE[0]}.")
    with connection.cursor() as cursor:
        cursor.execute(_NOTED, [organization_id, since, limit])
        return [_told(row) for row in cursor.fetchall()]


def _told(row: tuple[Any, ...]) -> dict[str, Any]:
    key, order_id, stage, outcome, at, stored, lists, message = row
    ticket = json.loads(stored, parse_float=Decimal)
    return {
        "screening_id": key,
        "order_id": order_id,
        "stage": stage,
        "outcome": outcome,
        "at": at,
        "lists": lists,
        "message": message,
        "username": ticket["username"],
        "accounts": [one[1] for one in ticket["accounts"]],
        "cusip": ticket["cusip"],
        "side": ticket["side"],
        "quantity": Decimal(str(ticket["order_qty"])),
    }
