"""Reading the numbered feed: pages of frames after a number, for the stream and the events API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from oms_site.firm import libpq

_AFTER = """
SELECT f.position, f.msg_number, e.body, e.order_id, e.subject
FROM journal_feed f JOIN journal_event e ON e.id = f.event_id
WHERE f.organization_id = $1 AND f.position > $2
ORDER BY f.position LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One numbered event; `number` None is for the audit only. `body` is the exact wire text."""

    position: int
    number: int | None
    body: str
    order_id: str
    subject: str

    def wire(self) -> str:
        """The text clients get: the stored frame with its number put in."""
        head, rest = self.body[:1], self.body[1:]
        return f'{head}"msg_number":"{self.number}",{rest}'


def after(organization_id: str, position: int, *, limit: int = 500) -> list[Frame]:
    """Frames after a position, oldest first."""
    return [Frame(*row) for row in libpq.asked(_AFTER, [organization_id, position, limit])]


def last_position(organization_id: str) -> int:
    """The newest position, 0 when nothing has happened yet."""
    return int(
        _one("SELECT max(position) FROM journal_feed WHERE organization_id = %s", organization_id)
        or 0
    )


def position_of(organization_id: str, msg_number: int) -> int:
    """The position of the last frame numbered at most `msg_number`: replay goes on after it."""
    return int(
        _one(
            "SELECT max(position) FROM journal_feed "
            "WHERE organization_id = %s AND msg_number <= %s",
            organization_id,
            msg_number,
        )
        or 0
    )


def _one(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]
