"""Which open orders a kill switch or a mass cancel means, and which parts of them.

Most scopes mean whole orders. A strategy and a venue mean only what works there, and the schedules
that would send more of it: the order goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet

from allocations import accounts
from allocations.models import AccountAllocation
from orders.models import ExecutionOrder, Order, Rfq, Schedule, VenueOrder
from orders.schedule_states import SCHEDULE_OPEN
from orders.states import ORDER_OPEN, ORDER_TERMINAL, RFQ_OPEN, VENUE_TERMINAL
from orders.tree import Tree

BOOKS = "limit_order_book"  # the protocol of all that schedules send


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Orders of one organization that fit every field given: ids of accounts, names of the rest.

    `trader` is a user name, `instrument` a CUSIP, `strategy` protocol/strategy, `api_key` a key's
    number, `desk` the name of a group of users.
    """

    organization_id: str
    instrument: str = ""
    side: str = ""
    account: str = ""
    trader: str = ""
    desk: str = ""
    api_key: str = ""
    strategy: str = ""
    venue: str = ""
    order_group: str = ""
    # Only orders that came before this moment (ISO 8601): what passes a reducing switch afterwards
    # lessens, and stays.
    before: str = ""

    @property
    def narrow(self) -> bool:
        """Whether only parts of orders are meant."""
        return bool(self.strategy or self.venue)


def of_scope(scope: str, target: str, *, organization_id: str) -> Selection:
    """What a kill switch of this scope stands over."""
    if scope in ("all", "organization"):
        return Selection(organization_id=organization_id)
    return Selection(organization_id=organization_id, **{scope: target})


def open_orders(wanted: Selection) -> QuerySet[Order]:
    """Its open orders: staged, under review, at venues, with dealers, by voice."""
    rows = _of_whom(wanted).filter(status__in=[s.value for s in ORDER_OPEN])
    if not wanted.narrow:
        return rows
    parts = _live_parts(wanted).filter(order_id=OuterRef("pk"))
    return rows.filter(Exists(parts) | scheduled(wanted))


def alive(wanted: Selection) -> QuerySet[Order]:
    """Orders that are open, or whose venues have not said that all of it is over."""
    unsettled = VenueOrder.objects.filter(
        ~Q(status__in=sorted(VENUE_TERMINAL)) | Q(in_doubt=True),
        organization_id=wanted.organization_id,
        order_id=OuterRef("pk"),
    )
    if wanted.venue:
        unsettled = unsettled.filter(venue_id=wanted.venue)
    if wanted.strategy:
        unsettled = unsettled.filter(**_of_strategy(wanted.strategy, "execution_order__"))
    rows = _of_whom(wanted)
    if wanted.narrow:
        parts = _live_parts(wanted).filter(order_id=OuterRef("pk"))
        return rows.filter(Exists(unsettled) | Exists(parts) | scheduled(wanted))
    if wanted.order_group:
        # A group has an index of its own, and few orders.
        return rows.filter(Q(status__in=[s.value for s in ORDER_OPEN]) | Exists(unsettled))
    return rows.filter(pk__in=_open_or_unsettled(wanted.organization_id))


def _open_or_unsettled(organization_id: str) -> QuerySet[Any, Any]:
    """Ids by three small indexes: a switch counts every second, and what has ended is never few."""
    open_ = Order.objects.filter(
        organization_id=organization_id, status__in=[s.value for s in ORDER_OPEN]
    )
    children = VenueOrder.objects.filter(organization_id=organization_id)
    live = children.exclude(status__in=sorted(VENUE_TERMINAL))
    return open_.values("pk").union(
        live.values("order_id"), children.filter(in_doubt=True).values("order_id")
    )


def parts_of(wanted: Selection, one: Tree) -> list[tuple[ExecutionOrder, Sequence[VenueOrder]]]:
    """The live execution orders of a locked order that are meant, with their working children."""
    found: list[tuple[ExecutionOrder, Sequence[VenueOrder]]] = []
    inquiries = _asked_at(wanted.venue, one) if wanted.venue else set()
    for row in one.live():
        if wanted.strategy and f"{row.protocol}/{row.strategy}" != wanted.strategy:
            continue
        working = one.working(row)
        if wanted.venue:
            working = [child for child in working if child.venue_id == wanted.venue]
            if not working and row.id not in inquiries:
                continue
        found.append((row, working))
    return found


def scheduled(wanted: Selection) -> Exists:
    """Whether an order has an open schedule that `means` says is meant as a whole."""
    rows = Schedule.objects.filter(
        order_id=OuterRef("pk"), status__in=[s.value for s in SCHEDULE_OPEN]
    )
    if wanted.strategy:
        protocol, _, name = wanted.strategy.partition("/")
        rows = rows.filter(strategy=name) if protocol == BOOKS else rows.none()
    return Exists(rows.filter(venue_id=wanted.venue) if wanted.venue else rows)


def means(wanted: Selection, row: Schedule) -> bool:
    """Whether all that a schedule would send is meant: its strategy's, or its one venue's."""
    strategy = wanted.strategy in ("", f"{BOOKS}/{row.strategy}")
    return strategy and wanted.venue in ("", row.venue_id)


def _of_whom(wanted: Selection) -> QuerySet[Order]:
    rows = Order.objects.filter(organization_id=wanted.organization_id)
    if wanted.account:
        # An account's sleeves are stopped with it.
        names = accounts.with_sleeves(wanted.organization_id, wanted.account)
        block = AccountAllocation.objects.filter(
            account_id__in=names, allocation_id=OuterRef("allocation_id")
        )
        rows = rows.filter(Q(account_id__in=names) | Q(account=None) & Exists(block))
    named = {
        "instrument__cusip": wanted.instrument,
        "side": wanted.side,
        "submitted_by__username": wanted.trader,
        "api_key_id": wanted.api_key,
        "order_group_id": wanted.order_group,
        "created_at__lte": wanted.before,
    }
    rows = rows.filter(**{name: value for name, value in named.items() if value})
    return rows.filter(submitted_by__groups__name=wanted.desk) if wanted.desk else rows


def _live_parts(wanted: Selection) -> QuerySet[ExecutionOrder]:
    rows = ExecutionOrder.objects.exclude(status__in=[s.value for s in ORDER_TERMINAL])
    if wanted.strategy:
        rows = rows.filter(**_of_strategy(wanted.strategy))
    if wanted.venue:
        working = VenueOrder.objects.filter(
            execution_order_id=OuterRef("pk"), venue_id=wanted.venue
        ).exclude(status__in=sorted(VENUE_TERMINAL))
        asked = Rfq.objects.filter(
            execution_order_id=OuterRef("pk"),
            venue_id=wanted.venue,
            status__in=[s.value for s in RFQ_OPEN],
        )
        rows = rows.filter(Exists(working) | Exists(asked))
    return rows


def _of_strategy(strategy: str, below: str = "") -> dict[str, str]:
    protocol, _, name = strategy.partition("/")
    return {f"{below}protocol": protocol, f"{below}strategy": name}


def _asked_at(venue_id: str, one: Tree) -> set[str]:
    """The execution orders of an order whose inquiry is open at a venue."""
    rows = Rfq.objects.filter(
        order_id=one.order.id, venue_id=venue_id, status__in=[s.value for s in RFQ_OPEN]
    )
    return {key for key in rows.values_list("execution_order_id", flat=True) if key}
