"""Reading events back: the events API, and the timeline of one order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.db import connection
from django.db.models import Q, QuerySet

from oms_site.journal.feed import Frame
from oms_site.journal.models import Event


class Chosen(TypedDict):
    """Which events are meant beside their numbers and types."""

    since: datetime | None
    order_id: str
    also: tuple[str, Sequence[Any]] | None


_FRAMES = """
SELECT f.position, f.msg_number, e.body, e.order_id, e.subject
FROM journal_feed f JOIN journal_event e ON e.id = f.event_id
"""


def page(
    organization_id: str,
    *,
    after: int,
    limit: int,
    since: datetime | None = None,
    order_id: str = "",
    event_type: str = "",
    also: tuple[str, Sequence[Any]] | None = None,
) -> list[Frame]:
    """Client events numbered above `after`, oldest first; `since` bounds how far back.

    `also` is one more condition on the event `e`, with its parameters.
    """
    wheres = ["f.organization_id = %s", "f.msg_number > %s"]
    params: list[Any] = [organization_id, after]
    _narrow(wheres, params, since=since, order_id=order_id, event_type=event_type, also=also)
    return _frames(wheres, params, "f.msg_number", limit)


def unnumbered(
    organization_id: str,
    *,
    event_type: str,
    after: int,
    until: int | None,
    since: datetime | None = None,
    order_id: str = "",
    also: tuple[str, Sequence[Any]] | None = None,
    at_once: int = 1_000,
) -> list[Frame]:
    """Events of a type that clients get no number of, by their positions, oldest first.

    All of them, asked for `at_once` at a time: between two numbers there may be any number.
    """
    found = list[Frame]()
    while True:
        wheres = ["f.organization_id = %s", "f.position > %s", "f.msg_number IS NULL"]
        params: list[Any] = [organization_id, found[-1].position if found else after]
        if until is not None:
            wheres.append("f.position <= %s")
            params.append(until)
        _narrow(wheres, params, since=since, order_id=order_id, event_type=event_type, also=also)
        page = _frames(wheres, params, "f.position", at_once)
        found += page
        if len(page) < at_once:
            return found


def _narrow(
    wheres: list[str],
    params: list[Any],
    *,
    since: datetime | None,
    order_id: str,
    event_type: str,
    also: tuple[str, Sequence[Any]] | None,
) -> None:
    for sql, value in (
        ("e.recorded_at >= %s", since),
        ("(e.subject = %s OR e.order_id = %s)", order_id),
        ("e.event_type = %s", event_type),
    ):
        if value:
            wheres.append(sql)
            params.extend([value] * sql.count("%s"))
    if also is not None:
        wheres.append(also[0])
        params.extend(also[1])


def _frames(wheres: list[str], params: list[Any], by: str, limit: int) -> list[Frame]:
    sql = f"{_FRAMES} WHERE {' AND '.join(wheres)} ORDER BY {by} LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, limit])
        return [Frame(*row) for row in cursor.fetchall()]


def of_order(order_id: str, *, organization_id: str) -> QuerySet[Event]:
    """The timeline of an order and everything below it, oldest first."""
    mine = Q(subject=order_id) | Q(order_id=order_id) & ~Q(order_id="")
    return Event.objects.filter(mine, organization_id=organization_id).order_by("id")


def asked_in(subject: str) -> str:
    """The id of the request by which somebody last moved a row; empty where none did.

    For workers that do later what it asked for: their events carry it too.
    """
    asked = Event.objects.filter(subject=subject).exclude(correlation_id="").order_by("-seq")
    return asked.values_list("correlation_id", flat=True).first() or ""
