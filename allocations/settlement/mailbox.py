"""What custodians tell: fetched, stored raw once per number, and applied in that order.

Asking happens outside any transaction. A statement about a leg that is not confirmed yet waits for
that, however long our own custodian takes; one about a leg that nobody here knows is kept as
`unknown` for a person, and taken up again if the leg is confirmed after all.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import msgspec
from django.db import connection

from allocations import accounts, adapters
from allocations.custodians.port import CustodianError
from allocations.custodians.settling import (
    Affirmation,
    Message,
    Settled,
    SettlementDesk,
    Statement,
    Told,
    read,
)
from allocations.holdings import ledger
from allocations.models import (
    BookingLeg,
    CustodianMessage,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import dues, facts, matching
from allocations.states import LegStatus
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock

log = logging.getLogger(__name__)
PATIENCE = timedelta(minutes=10)
WAITING = "waiting"
_MOST, _ROUNDS_MOST = 500, 20
# Of a leg that is booked a confirmation is due or there; of the others none ever comes.
_DONE = frozenset({LegStatus.BOOKED, LegStatus.CANCELED, LegStatus.ELSEWHERE})
_by = actors.system("settlement")


def poll(custodian_id: str) -> int:
    """Fetch and apply what one custodian has told since; how many messages were new."""
    generation.check()
    facts_of = accounts.find_custodian(custodian_id)
    if facts_of is None or not facts_of.active:
        return 0
    try:
        desk = adapters.desk_of(facts_of)
        new = _fetch(desk, custodian_id)
    except CustodianError as error:
        log.warning("%s tells nothing: %s", custodian_id, error.message)
        new = 0
    # What waits for its confirmation stays, and must not hold up what stands behind it.
    after: int | None = 0
    for _ in range(_ROUNDS_MOST):
        _, after = _apply_page(custodian_id, _MOST, after)
        if after is None:
            break
    return new


def _fetch(desk: SettlementDesk, custodian_id: str) -> int:
    at, new = clock.now(), 0
    while told := desk.messages(after=_last(custodian_id), now=at):
        added = store(custodian_id, told, at=at)
        new += added
        if not added:
            break
    return new


def store(custodian_id: str, told: Sequence[Told], *, at: datetime) -> int:
    """Keep messages; one that is already there changes nothing. Returns how many were new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO allocations_custodianmessage"
            " (custodian_id, seq, body, received_at, verdict, note)"
            " SELECT %s, seq, body, %s, '', '' FROM unnest(%s::bigint[], %s::text[])"
            " AS r (seq, body) ON CONFLICT (custodian_id, seq) DO NOTHING",
            [custodian_id, at, [one.seq for one in told], [one.body for one in told]],
        )
        return int(cursor.rowcount)


def apply(custodian_id: str, *, limit: int = _MOST) -> int:
    """Apply what is stored and not applied yet; how many messages were accounted for.

    One that cannot be applied is kept for a person as unreadable; the others are applied.
    """
    return _apply_page(custodian_id, limit, 0)[0]


def _apply_page(custodian_id: str, limit: int, after: int | None) -> tuple[int, int | None]:
    """How many were accounted for of those after a number, and where the next page begins."""
    taken: list[int] = []
    done = draining.safely(
        partial(_apply, custodian_id, limit, after or 0),
        lambda seq: _apply(custodian_id, 1, seq - 1, []),
        aside=partial(_quarantine, custodian_id),
        taken=taken,
    )
    return done, taken[-1] if len(taken) == limit else None


def _quarantine(custodian_id: str, seq: int, error: Exception) -> None:
    row = CustodianMessage.objects.get(custodian_id=custodian_id, seq=seq)
    draining.tell("mailbox", f"{custodian_id}/{seq}", error)
    _close([(row, "unreadable", f"not applied: {type(error).__name__}")], at=clock.now())


def _apply(custodian_id: str, limit: int, after: int, taken: list[int]) -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        # One at a time: what a custodian says later replaces what it said before.
        ledger.serialize(f"settlement/{custodian_id}")
        waiting = CustodianMessage.objects.filter(custodian_id=custodian_id, applied_at=None)
        rows = list(waiting.filter(seq__gt=after).order_by("seq")[:limit])
        if not rows:
            return 0
        taken += [row.seq for row in rows]
        batch = _Batch(work, rows, at)
        verdicts = [(row, *batch.apply(row)) for row in rows]
        done = [one for one in verdicts if one[1] != WAITING]
        _close(done, at=at)
    return len(done)


def reopen(leg_ids: Sequence[str], *, verdicts: Sequence[str] = ("unknown",)) -> None:
    """These legs are confirmed now: what was said about them and laid aside is taken up again."""
    if not leg_ids:
        return
    rows = CustodianMessage.objects.filter(verdict__in=verdicts, note__in=list(leg_ids))
    rows.update(applied_at=None, verdict="", note="")


def _last(custodian_id: str) -> int:
    rows = CustodianMessage.objects.filter(custodian_id=custodian_id).order_by("-seq")
    return rows.values_list("seq", flat=True).first() or 0


def _close(done: Sequence[tuple[CustodianMessage, str, str]], *, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE allocations_custodianmessage m SET applied_at = %s, verdict = v.verdict,"
            " note = v.note FROM unnest(%s::bigint[], %s::text[], %s::text[])"
            " AS v (id, verdict, note) WHERE m.id = v.id",
            [
                at,
                [row.pk for row, _, _ in done],
                [verdict for _, verdict, _ in done],
                [note[:200] for _, _, note in done],
            ],
        )


@dataclass(slots=True)
class _Names:
    """What a batch of messages is about."""

    legs: set[str]
    confirms: set[str]
    instructions: set[str]


class _Batch:
    """The messages of one unit and the rows they are about, locked in one order."""

    def __init__(self, work: Unit, rows: Sequence[CustodianMessage], at: datetime) -> None:
        self._work, self._at = work, at
        self._said = {row.pk: _read(row) for row in rows}
        named = self._named()
        # Before the confirmations are read: a leg that is confirmed at this moment is expected.
        self._legs, self._expected = _legs_of(named.legs)
        live = TradeConfirm.objects.filter(leg_id__in=named.legs).exclude(status="canceled")
        named.confirms |= set(live.values_list("id", flat=True))
        asked = SettlementInstruction.objects.filter(id__in=named.instructions)
        named.confirms |= set(asked.values_list("confirm_id", flat=True))
        self._confirms = work.lock(TradeConfirm, named.confirms)
        keys = SettlementInstruction.objects.filter(confirm_id__in=self._confirms)
        self._instructions = work.lock(SettlementInstruction, keys.values_list("id", flat=True))
        self._by_leg = {c.leg_id: c for c in self._confirms.values() if c.status != "canceled"}
        self._of_confirm = {row.confirm_id: row for row in self._instructions.values()}
        about = named.instructions & self._instructions.keys()
        facts.lock(work, [self._instructions[key] for key in sorted(about)])

    def _named(self) -> _Names:
        named = _Names(set(), set(), set())
        for said in self._said.values():
            if isinstance(said, Statement):
                named.legs.add(said.leg_id)
            elif isinstance(said, Affirmation):
                named.confirms.add(said.confirm_id)
            elif said is not None:
                named.instructions.add(said.instruction_id)
        return named

    def apply(self, row: CustodianMessage) -> tuple[str, str]:
        """What became of one message, and a note."""
        said = self._said[row.pk]
        if said is None:
            return "unreadable", ""
        if isinstance(said, Statement):
            return self._state(row, said)
        if isinstance(said, Affirmation):
            confirm = self._confirms.get(said.confirm_id)
            if confirm is None or confirm.custodian_id != row.custodian_id:
                return "unknown", said.confirm_id
            if confirm.status == "canceled" or confirm.service_id is not None:
                return "not_needed", ""
            rest = {"at": self._at}
            matching.answer(self._work, confirm, self._of_confirm[confirm.id], said, **rest)
            return "applied", ""
        instruction = self._instructions.get(said.instruction_id)
        if instruction is None or instruction.custodian_id != row.custodian_id:
            return "unknown", said.instruction_id
        if isinstance(said, Settled):
            return facts.settle(self._work, instruction, said, at=self._at), instruction.id
        return facts.fail(self._work, instruction, said, at=self._at), ""

    def _state(self, row: CustodianMessage, said: Statement) -> tuple[str, str]:
        confirm = self._by_leg.get(said.leg_id)
        if confirm is None or confirm.custodian_id != row.custodian_id:
            if said.leg_id in self._expected:
                return WAITING, ""
            if said.leg_id in self._legs:
                return "not_needed", said.leg_id
            fresh = self._at - row.received_at < PATIENCE
            return (WAITING, "") if fresh else ("unknown", said.leg_id)
        if confirm.service_id is not None:
            # It is matched where its service is; the custodian settles what was agreed there.
            return "not_needed", said.leg_id
        known = confirm.statements.filter(reference=said.reference).exists()
        mine = {one.reference for one in self._work.added(confirm.statements.model)}
        if known or said.reference in mine:
            return "duplicate", ""
        matching.state(
            self._work,
            confirm,
            self._of_confirm[confirm.id],
            said,
            seq=row.seq,
            body=row.body,
            at=self._at,
        )
        return "applied", ""


def _legs_of(named: Collection[str]) -> tuple[set[str], set[str]]:
    """Those of these legs that there are, and those whose confirmation is still to come.

    The other side may speak while our own custodian has not answered yet.
    """
    found = BookingLeg.objects.filter(id__in=named)
    status = dict(found.values_list("id", "status"))
    coming = {key for key, value in status.items() if value not in _DONE}
    return set(status), coming | dues.has(sorted(named))


def _read(row: CustodianMessage) -> Message | None:
    try:
        return read(row.body)
    except msgspec.MsgspecError:
        log.warning("%s %s cannot be read", row.custodian_id, row.seq)
        return None
