"""The report of overrides: which failed control was released or lifted, by whom, why; as CSV."""

from __future__ import annotations

import csv
import heapq
import io
from collections.abc import Iterator
from datetime import datetime

from controls.models import Override, ReviewDecision
from controls.states import OverrideStatus
from orders import figures

HEAD = (
    *("decided_at", "order_id", "review_id", "submitted_by", "decided_by", "verdict", "control_id"),
    *("control_version", "limit", "actual", "override", "reason_code", "annotation", "review"),
)
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def lines(organization_id: str, *, since: datetime, until: datetime) -> Iterator[str]:
    """The lines of the report, oldest first; cells that a spreadsheet would run are quoted."""
    yield _line(HEAD)
    parts = (part(organization_id, since, until) for part in (_reviewed, _lifted))
    for _, cells in heapq.merge(*parts):
        yield _line(cells)


def _reviewed(
    organization_id: str, since: datetime, until: datetime
) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """What was decided in reviews of flagged orders."""
    found = (
        ReviewDecision.objects.filter(
            organization_id=organization_id,
            vote__decided_at__gte=since,
            vote__decided_at__lt=until,
        )
        .select_related("vote__review__maker", "vote__decided_by")
        .order_by("vote__decided_at", "id")
    )
    for row in found.iterator(chunk_size=500):
        vote, review = row.vote, row.vote.review
        yield (
            vote.decided_at,
            (
                figures.iso(vote.decided_at),
                review.subject,
                review.id,
                review.maker.username,
                vote.decided_by.username,
                "approve" if vote.approve else "reject",
                row.control_id,
                str(row.control_version),
                row.limit_text,
                row.actual_text,
                "yes" if row.override else "no",
                row.reason_code,
                row.annotation or vote.annotation,
                str(review.status),
            ),
        )


def _lifted(
    organization_id: str, since: datetime, until: datetime
) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """Overrides of rejected orders, under their own id; `limit` is empty, nothing was compared."""
    found = Override.objects.filter(
        organization_id=organization_id, decided_at__gte=since, decided_at__lt=until
    )
    for row in found.select_related("maker", "decided_by").order_by("decided_at", "id"):
        given = row.status in (OverrideStatus.GRANTED, OverrideStatus.USED)
        assert row.decided_at is not None
        assert row.decided_by is not None
        for one in row.controls:
            yield (
                row.decided_at,
                (
                    figures.iso(row.decided_at),
                    row.used_order or row.asked_for,
                    row.id,
                    row.maker.username,
                    row.decided_by.username,
                    "grant" if given else "refuse",
                    one["control_id"],
                    str(one["control_version"]),
                    "",
                    one["found"],
                    "yes" if given else "no",
                    "override",
                    row.note,
                    str(row.status),
                ),
            )


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(f"'{c}" if c.startswith(_DANGEROUS) else c for c in cells)
    return out.getvalue()
