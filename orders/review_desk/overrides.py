"""The report of overrides: which failed control was released, by whom, why; as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from controls.models import ReviewDecision
from orders import figures

HEAD = (
    *("decided_at", "order_id", "review_id", "submitted_by", "decided_by", "verdict", "control_id"),
    *("control_version", "limit", "actual", "override", "reason_code", "annotation", "review"),
)
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def lines(organization_id: str, *, since: datetime, until: datetime) -> Iterator[str]:
    """The lines of the report, oldest first; cells that a spreadsheet would run are quoted."""
    yield _line(HEAD)
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
        yield _line(
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
            )
        )


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(f"'{c}" if c.startswith(_DANGEROUS) else c for c in cells)
    return out.getvalue()
