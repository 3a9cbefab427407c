"""What operations do about reports that a clearing party would not take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from allocations.clearing.telling import tell
from allocations.clearing_states import ClearingStatus
from allocations.holdings import ledger
from allocations.models import ClearingReport
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit.errors import NotFound, OmsError

REPAIR = "booking.repair"
MOST = 200


def resend(
    report_ids: Sequence[str], *, by: Principal, at: datetime, correlation_id: str = ""
) -> list[dict[str, str]]:
    """Tell rejected reports once more under their own keys; each answers for itself.

    Raises `Forbidden`, `OmsError` (422 `too_many`).
    """
    by.require(REPAIR)
    wanted = sorted(set(report_ids))
    if len(wanted) > MOST:
        raise OmsError("too_many", f"At most {MOST} at a time.", field="ids")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        # What takes a report's place is made under the same name: it is there, or not yet.
        ledger.serialize("clearing")
        rows = work.lock(ClearingReport, wanted)
        later = ClearingReport.objects.filter(refers_to_id__in=wanted)
        superseded = set(later.values_list("refers_to_id", flat=True))
        found = []
        for key in wanted:
            row = rows.get(key)
            mine = row if row is not None and row.organization_id == by.organization_id else None
            try:
                _requeue(work, mine, superseded, at)
                found.append(_answer(key, "queued"))
            except OmsError as error:
                found.append(_answer(key, "refused", error.code, error.message))
        work.ring("orders.tasks.clear")
    return found


def _requeue(work: Unit, row: ClearingReport | None, superseded: set[str], at: datetime) -> None:
    if row is None:
        raise NotFound("clearing report")
    if row.status != ClearingStatus.REJECTED:
        raise OmsError("not_rejected", f"It is {row.status}.", status=409)
    if row.id in superseded:
        raise OmsError("superseded", "A later report took its place.", status=409)
    row.requeue(at=at)
    tell(work, row, "clearing_requeue", at=at)


def _answer(key: str, outcome: str, code: str = "", message: str = "") -> dict[str, str]:
    return {"id": key, "outcome": outcome, "code": code, "message": message}
