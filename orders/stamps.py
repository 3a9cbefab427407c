"""The three times of an execution: sent to the venue, made there, heard of here, and their order.

Ours is the machine's clock and the venue's is its own: where they say what cannot be, beyond what
clocks may be apart, the stamp is marked. Which execution came first is said by the venue's numbers,
never by a clock. Called by the order panel; it writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orders import figures
from orders.models import Execution
from venues import lines
from venues.models import Outbound

_NEW_ORDER = "D"


@dataclass(frozen=True, slots=True)
class Stamps:
    """`sent_at` is None for what no one message of ours asked for, such as a trade by voice."""

    sent_at: datetime | None
    venue_at: datetime
    received_at: datetime

    @property
    def words(self) -> str:
        """All of them in New York time, to the millisecond."""
        said = {"sent": self.sent_at, "made": self.venue_at, "heard": self.received_at}
        times = {word: figures.clock_time(at, millis=True) for word, at in said.items() if at}
        return ", ".join(f"{word} {time}" for word, time in times.items())

    @property
    def doubt(self) -> str:
        """What the clocks say that cannot be, in words; empty while they fit."""
        if self.venue_at - self.received_at > lines.MOST_OFFSET:
            return f"made {_ms(self.venue_at - self.received_at)} after it was heard of"
        if self.sent_at is not None and self.sent_at - self.venue_at > lines.MOST_OFFSET:
            return f"made {_ms(self.sent_at - self.venue_at)} before the order was sent"
        return ""


def stamped(fills: Sequence[Execution]) -> list[tuple[Execution, Stamps]]:
    """Executions with their times, in the order given: one query."""
    sent = _sent({fill.venue_order_id for fill in fills if fill.venue_order_id})
    return [(fill, of(fill, sent.get(fill.venue_order_id or ""))) for fill in fills]


def of(fill: Execution, sent_at: datetime | None) -> Stamps:
    """The times of one execution whose order left at that moment."""
    by_wire = fill.venue_order_id is not None
    # What people report happened when they say, long before we hear of it.
    return Stamps(sent_at if by_wire else None, fill.executed_at, fill.received_at)


def _sent(venue_order_ids: set[str]) -> Mapping[str, datetime]:
    """When each venue order was put on the wire (`Outbound.sent_at` of its NewOrderSingle).

    One that went again, or that was asked after, has no single time.
    """
    if not venue_order_ids:
        return {}
    rows = Outbound.objects.filter(kind=_NEW_ORDER, sends=1, cl_ord_id__in=venue_order_ids)
    return {key: at for key, at in rows.values_list("cl_ord_id", "sent_at") if at is not None}


def _ms(apart: timedelta) -> str:
    return f"{apart / timedelta(milliseconds=1):,.0f} ms"
