"""Requests that were made before: by `client_order_id`, or by the header `Idempotency-Key`.

An id names one request for ever. The same content answers with the order it made; other content is
refused. Whole batches are looked up at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, connection

from oms_site.journal.models import IdempotencyKey
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from orders import render
from orders.models import Order
from orders.requests import Result, SubmitRequest, fingerprint

Name = tuple[str, str, str]  # what kind of id, whose, which
_CLIENT, _KEY = "client_order_id", "Idempotency-Key"
# Plain statements: this is asked for every batch, and to compose it costs more than to run it.
_KNOWN = {
    _CLIENT: """
        SELECT organization_id, client_order_id, id, fingerprint FROM orders_order
        WHERE organization_id = ANY(%s) AND client_order_id = ANY(%s)""",
    _KEY: """
        SELECT organization_id, key, body, fingerprint FROM journal_idempotencykey
        WHERE organization_id = ANY(%s) AND key = ANY(%s)""",
}


def sort_out(requests: Sequence[SubmitRequest]) -> tuple[list[Result], list[int]]:
    """A result per request, answered where it is known already, and the positions of new ones.

    A twin of an earlier request in this very batch is left marked as replayed, for `answer_twins`.
    """
    known = _known([name for request in requests for name in _names(request)])
    results = [Result() for _ in requests]
    fresh: list[int] = []
    first: set[Name] = set()
    for n, request in enumerate(requests):
        names = _names(request)
        found = next((known[name] for name in names if name in known), None)
        if found is not None:
            results[n] = _replay(request, *found)
        elif first.isdisjoint(names):
            first.update(names)
            fresh.append(n)
        else:
            results[n].replayed = True
    return results, fresh


def remember(work: Unit, request: SubmitRequest, order_id: str) -> None:
    """Keep the request's `Idempotency-Key`, if it has one, with the order it made."""
    if request.idempotency_key:
        work.add(
            IdempotencyKey(
                organization_id=request.principal.organization_id,
                key=request.idempotency_key,
                fingerprint=fingerprint(request.ask),
                status=201,
                body=order_id,
                created_at=request.received_at,
            )
        )


def answer_twins(requests: Sequence[SubmitRequest], results: list[Result]) -> None:
    """Answer the twins within a batch with what became of the first."""
    for n, result in enumerate(results):
        if result.replayed and not result.body:
            mine = set(_names(requests[n]))
            m = next(m for m in range(n) if not mine.isdisjoint(_names(requests[m])))
            results[n] = _twin(requests[n], requests[m], results[m])


def is_of_a_twin(clash: IntegrityError) -> bool:
    """Whether another process has committed a request with the same id a moment ago."""
    return _constraint_of(clash) in {"client_order_id_for_ever", "idempotency_key_once"}


def refusal_of(clash: IntegrityError) -> OmsError:
    """The refusal that a broken uniqueness means to the caller. Reraises what means nothing."""
    if "client_allocation_id" in _constraint_of(clash):
        return OmsError(
            "idempotency_conflict",
            "This client_allocation_id has been used before.",
            field="allocations.client_allocation_id",
            status=409,
        )
    raise clash


def _names(request: SubmitRequest) -> list[Name]:
    whose, names = request.principal.organization_id, []
    if request.ask.client_order_id is not None:
        names.append((_CLIENT, whose, request.ask.client_order_id))
    if request.idempotency_key:
        names.append((_KEY, whose, request.idempotency_key))
    return names


def _known(names: Sequence[Name]) -> dict[Name, tuple[str, str, Name]]:
    """Order id and fingerprint by name, of the names that are taken."""
    found: dict[Name, tuple[str, str, Name]] = {}
    with connection.cursor() as cursor:
        for kind, sql in _KNOWN.items():
            asked = [name for name in names if name[0] == kind]
            if asked:
                whose = list({name[1] for name in asked})
                cursor.execute(sql, [whose, [name[2] for name in asked]])
                for owner, which, order_id, mark in cursor.fetchall():
                    found[(kind, owner, which)] = (order_id, mark, (kind, owner, which))
    return found


def _replay(request: SubmitRequest, order_id: str, mark: str, name: Name) -> Result:
    if mark != fingerprint(request.ask):
        return Result(error=_conflict(order_id, name[0]))
    order = Order.objects.get(pk=order_id)
    return Result(order_id=order_id, body=bytes(render.order_json(order)), replayed=True)


def _twin(mine: SubmitRequest, other: SubmitRequest, result: Result) -> Result:
    if fingerprint(other.ask) != fingerprint(mine.ask):
        shared = next(name for name in _names(mine) if name in _names(other))
        return Result(error=_conflict(result.order_id, shared[0]))
    if result.error is not None:
        return Result(error=result.error)
    return Result(result.order_id, result.body, replayed=True)


def _conflict(order_id: str, kind: str) -> OmsError:
    # The header's draft standard asks for 422; ids of our own answer 409.
    status = 409 if kind == _CLIENT else 422
    return OmsError(
        "idempotency_conflict",
        f"This {kind} belongs to order {order_id}, which has other content.",
        field=kind,
        status=status,
    )


def _constraint_of(clash: IntegrityError) -> str:
    return getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "") or ""
