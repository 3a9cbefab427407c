"""The ids that instructions of orders give to execution orders: each names one, for ever.

Asked when orders are submitted, one question for a batch and only where such ids are given: what an
execution order has, or an open order has asked for and is still to get, is taken. Routing is the
last judge: of two orders that ask for one id at the same moment, only one gets it.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from oms_site.kit.errors import Detail, OmsError
from orders.requests import SubmitRequest
from orders.states import ORDER_OPEN

Name = tuple[str, str]  # whose, which
_FIELD = "client_execution_order_id"
_TAKEN = f"""
SELECT organization_id, {_FIELD} FROM orders_executionorder
WHERE organization_id = ANY(%(whose)s) AND {_FIELD} = ANY(%(names)s)
UNION ALL
SELECT o.organization_id, one ->> '{_FIELD}'
FROM orders_order o, jsonb_array_elements(o.execution_instructions) one
WHERE o.organization_id = ANY(%(whose)s) AND o.status = ANY(%(open)s)
  AND o.execution_instructions <> '[]' AND one ->> '{_FIELD}' = ANY(%(names)s)
"""


class Promised:
    """The ids that are taken, of those that a batch asks for; every order of it adds its own."""

    def __init__(self, requests: Iterable[SubmitRequest]) -> None:
        self._taken = _taken({name for one in requests for _, name in _names(one)})

    def claim(self, request: SubmitRequest) -> None:
        """Take the ids of a request that is about to become an order.

        Raises `OmsError` (409 `idempotency_conflict`) when any is taken already.
        """
        asked = _names(request)
        faults = [
            Detail(
                f"execution_instructions[{n}].{_FIELD}",
                "idempotency_conflict",
                f"This {_FIELD} has been used before.",
            )
            for n, name in asked
            if name in self._taken
        ]
        if faults:
            raise OmsError(faults[0].code, faults[0].message, details=faults, status=409)
        self._taken.update(name for _, name in asked)


def _names(request: SubmitRequest) -> list[tuple[int, Name]]:
    """The ids that the instructions of a request name, with their places."""
    whose = request.principal.organization_id
    return [
        (n, (whose, one.client_execution_order_id))
        for n, one in enumerate(request.ask.instructions)
        if one.client_execution_order_id
    ]


def _taken(names: set[Name]) -> set[Name]:
    if not names:
        return set()
    query = {
        "whose": sorted({whose for whose, _ in names}),
        "names": sorted({name for _, name in names}),
        "open": sorted(status.value for status in ORDER_OPEN),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, query)
        return names & set(cursor.fetchall())
