"""Makes a list of orders: all of them in one transaction, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
from django.db import IntegrityError

from oms_site.firm import policies
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.errors import OmsError, refuse
from orders.contingent import families, rules
from orders.desk import replays, submitting
from orders.desk.drafts import Draft
from orders.execution import SETTLE_LISTS
from orders.models import OrderList, OrderListLeg, OrderListWatch
from orders.requests import OrderAsk, SubmitRequest, fingerprint
from venues.market_data import evaluated


class ListAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a request: what its fingerprint covers. Roles go by position."""

    contingency: str
    orders: tuple[OrderAsk, ...]
    client_order_list_id: str | None = None


@dataclass(frozen=True, slots=True)
class ListResult:
    """The list that was made, or that the same request had made before."""

    order_list_id: str
    replayed: bool = False


def submit(ask: ListAsk, *, by: Principal, at: datetime, correlation_id: str = "") -> ListResult:
    """Make a list of orders. Raises `OmsError` (409, 422) and makes nothing when any may not be.

    Controls that reject or flag an order are no errors: it exists and says so. In a list whose
    orders depend on each other a rejected one ends the others, and none starts before all passed.
    """
    by.require("order.submit")
    evaluated.look(one.instrument_id for one in ask.orders)
    try:
        return _submit(ask, by=by, at=at, correlation_id=correlation_id)
    except IntegrityError:
        # Somebody else has used one of the ids meanwhile: now it is known.
        try:
            return _submit(ask, by=by, at=at, correlation_id=correlation_id)
        except IntegrityError as clash:
            raise replays.refusal_of(clash, ask.orders) from None


def _submit(ask: ListAsk, *, by: Principal, at: datetime, correlation_id: str) -> ListResult:
    requests = [SubmitRequest(one, by, at, correlation_id) for one in ask.orders]
    with unit.work(by=actors.person(by, correlation_id), at=clock.now()) as work:
        _, fresh = replays.enter(requests)
        known = _known(ask, by)
        if known is not None:
            return known
        refuse(rules.check(ask.contingency, ask.orders, policies.of(by.organization_id, at=at)))
        _refuse_known(requests, fresh)
        row = OrderList(
            id=ids.prefixed("ol"),
            organization_id=by.organization_id,
            client_order_list_id=ask.client_order_list_id,
            fingerprint=fingerprint(ask),
            contingency=ask.contingency,
            submitted_by_id=by.user_id,
            created_at=at,
        )
        work.add(row)
        drafts = list[Draft]()

        def mark(n: int, draft: Draft) -> None:
            drafts.append(draft)
            draft.order.order_list_id = row.id
            if families.depend(ask.contingency):
                draft.order.released_qty = Decimal(0)
            if len(drafts) == len(requests):
                refuse(rules.check_made(ask.contingency, drafts))

        made = submitting.submit_together(work, requests, mark)
        _record(work, row, [order_id for order_id, _ in made])
    return ListResult(row.id)


def _record(work: Unit, row: OrderList, order_ids: Sequence[str]) -> None:
    legs = [
        OrderListLeg(
            id=ids.prefixed("ll"),
            organization_id=row.organization_id,
            order_list_id=row.id,
            order_id=order_id,
            position=n,
            role=rules.role_of(row.contingency, n).value,
        )
        for n, order_id in enumerate(order_ids)
    ]
    work.add(*legs)
    if families.depend(row.contingency):
        work.add(OrderListWatch(order_list_id=row.id))
        work.ring(SETTLE_LISTS)
    work.record(
        row,
        "order_list_create",
        msg_type=MsgType.SYSTEM_UPDATE,
        body={
            "order_list_id": row.id,
            "client_order_list_id": row.client_order_list_id,
            "contingency_type": row.contingency,
            "orders": [{"order_id": leg.order_id, "role": leg.role} for leg in legs],
        },
        also=legs,
    )


def _known(ask: ListAsk, by: Principal) -> ListResult | None:
    """The list that this id has made; the id is taken for ever."""
    if ask.client_order_list_id is None:
        return None
    row = OrderList.objects.filter(
        organization_id=by.organization_id, client_order_list_id=ask.client_order_list_id
    ).first()
    if row is None:
        return None
    if row.fingerprint == fingerprint(ask):
        return ListResult(row.id, replayed=True)
    raise OmsError(
        "idempotency_conflict",
        "This client_order_list_id belongs to a list with other content.",
        field="client_order_list_id",
        status=409,
    )


def _refuse_known(requests: Sequence[SubmitRequest], fresh: Sequence[int]) -> None:
    """No order of a new list may have been made before, nor stand in it twice."""
    for n in sorted(set(range(len(requests))) - set(fresh)):
        raise OmsError(
            "idempotency_conflict",
            "This client_order_id belongs to another order.",
            field=f"orders[{n}].client_order_id",
            status=409,
        )
