"""Telling once more what was refused or never answered, many at once, each for itself.

Keys stay the same: what the other side has already, it answers and does not do again. What it said
before about a trade, and was laid aside, is taken up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from allocations.models import SettlementInstruction, TradeConfirm
from allocations.settlement import mailbox, standing
from allocations.settlement.telling import tell
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.kit.errors import NotFound, OmsError

RESEND = "booking.repair"
MOST = 200


def many(
    row_ids: Sequence[str], *, by: Principal, at: datetime, correlation_id: str = ""
) -> list[dict[str, str]]:
    """Queue confirmations and instructions again; what became of each, in the order given.

    Raises `OmsError`: 403 without the entitlement, 422 (`too_many`) for none or over 200.
    """
    by.require(RESEND)
    generation.check()
    if not 1 <= len(row_ids) <= MOST:
        raise OmsError("too_many", f"Give 1 to {MOST} ids.", field="ids")
    actor = actors.person(by, correlation_id)
    results = []
    for row_id in row_ids:
        try:
            one = _instruction if row_id.startswith("si_") else _confirm
            one(row_id, organization_id=by.organization_id, by=actor, at=at)
            results.append({"id": row_id, "outcome": "queued", "code": "", "message": ""})
        except OmsError as error:
            why = {"code": error.code, "message": error.message}
            results.append({"id": row_id, "outcome": "refused", **why})
    _take_up([one["id"] for one in results if one["outcome"] == "queued"])
    return results


def _take_up(row_ids: Sequence[str]) -> None:
    """What the other side said about these before and was laid aside, in one search for all."""
    live = TradeConfirm.objects.filter(id__in=row_ids, service=None).exclude(status="canceled")
    legs = list(live.values_list("leg_id", flat=True))
    mailbox.reopen(legs, verdicts=("unknown", "not_needed"))


def _confirm(row_id: str, *, organization_id: str, by: Actor, at: datetime) -> None:
    with unit.work(by=by, at=at) as work:
        row = work.lock(TradeConfirm, [row_id]).get(row_id)
        if row is None or row.organization_id != organization_id:
            raise NotFound("confirmation")
        if not _may_be_told(row):
            raise OmsError("not_resendable", f"It is {row.status}.", status=409)
        again = row.ask or TradeConfirm.Ask.CONFIRM
        row.ask_for(again, due_at=at)
        tell(work, row, "confirm_resend", at=at, ask=row.ask)
        work.ring("allocations.tasks.settle")


def _may_be_told(row: TradeConfirm) -> bool:
    """What was taken back is only ever told that; what is agreed was told, or is told once."""
    if row.status == "canceled":
        return row.ask == TradeConfirm.Ask.WITHDRAW
    return row.status != "affirmed" or row.received_at is None


def _instruction(row_id: str, *, organization_id: str, by: Actor, at: datetime) -> None:
    known = SettlementInstruction.objects.filter(id=row_id, organization_id=organization_id)
    confirm_id = known.values_list("confirm_id", flat=True).first()
    if confirm_id is None:
        raise NotFound("instruction")
    with unit.work(by=by, at=at) as work:
        confirm = work.lock(TradeConfirm, [confirm_id])[confirm_id]
        row = work.lock(SettlementInstruction, [row_id])[row_id]
        if not row.is_open:
            raise OmsError("not_resendable", f"It is {row.status}.", status=409)
        if row.ref and not row.ask:
            raise OmsError("not_resendable", "The custodian has it.", status=409)
        if confirm.status not in ("affirmed", "canceled"):
            raise OmsError("not_affirmed", f"Its confirmation is {confirm.status}.", status=409)
        row.ask_for(row.ask or SettlementInstruction.Ask.INSTRUCT, due_at=at)
        if row.ask == SettlementInstruction.Ask.INSTRUCT:
            _find_place(row, confirm)
        tell(work, row, "settlement_ask", at=at, ask=row.ask, also=[confirm])
        work.ring("allocations.tasks.settle")


def _find_place(row: SettlementInstruction, confirm: TradeConfirm) -> None:
    place = standing.find(row.organization_id, row.custodian_id, row.account_id)
    if place is None:
        text = "There is no standing instruction for this account."
        raise OmsError("ssi_missing", text, status=409)
    row.place, confirm.has_ssi = str(place), True
