"""What venues say of securities, not of orders: kept for the halts, which take it in by themselves.

Halting waits for everybody who is on the way to the wire, so it never happens while reports are
applied: the notice is a row, and whoever looks at circuit breakers obeys it.
"""

from __future__ import annotations

from collections.abc import Sequence

from oms_site.journal.unit import Unit
from venues import inbox, messages
from venues.inbox import Stored
from venues.messages import SecurityStatus
from venues.models import SecurityNotice

DOORBELL = "orders.tasks.look_at_breakers"
Read = tuple[Stored, messages.Report]
Moving = tuple[Stored, messages.Moving]


def take(
    work: Unit, venue_id: str, reports: Sequence[Read]
) -> tuple[list[Moving], list[inbox.Verdict]]:
    """The reports that move orders or inquiries, and the verdicts on the others."""
    moving: list[Moving] = []
    verdicts: list[inbox.Verdict] = []
    for row, report in reports:
        if not isinstance(report, SecurityStatus):
            moving.append((row, report))
            continue
        work.add(
            SecurityNotice(
                venue_id=venue_id,
                security_id=report.security_id[:40],
                trading_status=report.trading_status,
                text=report.text[:400],
                said_at=report.transact_time,
            )
        )
        work.ring(DOORBELL)
        verdicts.append((row.pk, "applied", f"trading status {report.trading_status}"))
    return moving, verdicts
