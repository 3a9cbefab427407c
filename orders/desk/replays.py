"""Requests that were made before: by `client_order_id`, or by the header `Idempotency-Key`.

An id names one request for ever. The same content answers with the order it made; other content is
refused. Whole batches are looked up at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError

from oms_site.firm import generation
from oms_site.journal.models import IdempotencyKey
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from orders import render
from orders.models import Order
from orders.requests import OrderAsk, Result, SubmitRequest, fingerprint

Name = tuple[str, str, str]  # what kind of id, whose, which
_CLIENT, _KEY = "client_order_id", "Idempotency-Key"
_KNOWN = {
    _CLIENT: "SELECT * FROM orders_by_client_id($1, $2)",
    _KEY: "SELECT * FROM orders_by_key($1, $2)",
}


def enter(requests: Sequence[SubmitRequest]) -> tuple[list[Result], list[int]]:
    """Enter, and sort the requests: see `generation.enter`.

    A result per request, answered where it is known already, and the positions of new ones. A twin
    of an earlier request in this very batch is left marked as replayed, for `answer_twins`.
    """
    known = _entered([name for request in requests for name in _names(request)])
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


def refusal_of(clash: IntegrityError, asks: Sequence[OrderAsk]) -> OmsError:
    """The refusal that a broken uniqueness means to the caller, who asked for these orders.

    Reraises what means nothing.
    """
    name = _constraint_of(clash).removesuffix("_for_ever")
    if name not in ("client_allocation_id", "client_account_allocation_id"):
        raise clash
    return OmsError(
        "idempotency_conflict",
        f"This {name} has been used before.",
        field=_field_of(name, _detail_of(clash), asks),
        status=409,
    )


def _names(request: SubmitRequest) -> list[Name]:
    whose, names = request.principal.organization_id, []
    if request.ask.client_order_id is not None:
        names.append((_CLIENT, whose, request.ask.client_order_id))
    if request.idempotency_key:
        names.append((_KEY, whose, request.idempotency_key))
    return names


def _entered(names: Sequence[Name]) -> dict[Name, tuple[str, str, Name]]:
    """Order id and fingerprint by name, of the names that are taken; asked in the entrance."""
    given = {kind: [name for name in names if name[0] == kind] for kind in _KNOWN}
    kinds = [kind for kind, mine in given.items() if mine]
    answers = generation.enter(
        *((_KNOWN[k], [[n[1] for n in given[k]], [n[2] for n in given[k]]]) for k in kinds)
    )
    found: dict[Name, tuple[str, str, Name]] = {}
    for kind, rows in zip(kinds, answers, strict=True):
        for owner, which, order_id, mark in rows:
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


def _detail_of(clash: IntegrityError) -> str:
    """The id that an allocation's claim failed on, as the database says it."""
    return getattr(getattr(clash.__cause__, "diag", None), "message_detail", "") or ""


def _field_of(name: str, used: str, asks: Sequence[OrderAsk]) -> str:
    """Where the requests name an account's id; without a place of its own, the whole."""
    for n, ask in enumerate(asks):
        parts = ask.allocation.accounts if ask.allocation is not None else ()
        for m, part in enumerate(parts):
            if name.startswith("client_account") and part.client_account_allocation_id == used:
                where = f"allocations.account_allocations[{m}].{name}"
                return f"orders[{n}].{where}" if len(asks) > 1 else where
    return f"allocations.{name}"
