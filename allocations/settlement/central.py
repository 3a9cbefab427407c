"""Confirming with central matching services: what is told them, and what they tell.

As with custodians: leased and called outside any transaction, each message stored raw once per
number and applied in that order. What they say is compared and affirmed by the rules of `matching`;
instructions stay with the custodian.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec
from django.db import connection

from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import (
    Affirmation,
    Confirmation,
    Message,
    Statement,
    Taken,
    Told,
    read,
)
from allocations.holdings import ledger
from allocations.matching import routes, services
from allocations.matching.port import MatchingClient
from allocations.models import (
    CounterpartyTrade,
    MatchingMessage,
    SettlementInstruction,
    TradeConfirm,
)
from allocations.settlement import matching, sending
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock

log = logging.getLogger(__name__)
ROUNDS_MOST = 20
_MOST = 500
_by = actors.system("settlement")


def turn(service_id: str) -> int:
    """Tell one service what is due and hear what it tells; how much was done."""
    done = hear(service_id)
    for _ in range(ROUNDS_MOST):
        told, trouble = tell(service_id)
        done += told
        if trouble or not told:
            break
    return done


def tell(service_id: str) -> tuple[int, bool]:
    """Tell what is due; how many confirmations were claimed, and whether it is in trouble."""
    generation.check()
    facts = routes.service(service_id)
    if facts is None:
        raise LookupError(f"{service_id} has confirmations and no row")
    due = TradeConfirm.objects.filter(service=service_id)
    return sending.tell_all([due], _saying, lambda: services.of(facts))


def hear(service_id: str) -> int:
    """Fetch and apply what a service has told since; how many messages were new."""
    generation.check()
    facts, new = routes.service(service_id), 0
    if facts is None:
        return 0
    try:
        client = services.of(facts)
        while told := client.messages(after=_last(service_id)):
            added = store(service_id, told, at=clock.now())
            new += added
            if not added:
                break
    except CustodianError as error:
        log.warning("%s tells nothing: %s", service_id, error.message)
    for _ in range(ROUNDS_MOST):
        if apply(service_id) < _MOST:
            break
    return new


def store(service_id: str, told: Sequence[Told], *, at: datetime) -> int:
    """Keep messages; one that is already there changes nothing. Returns how many were new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO allocations_matchingmessage"
            " (service_id, seq, body, received_at, verdict, note)"
            " SELECT %s, seq, body, %s, '', '' FROM unnest(%s::bigint[], %s::text[])"
            " AS r (seq, body) ON CONFLICT (service_id, seq) DO NOTHING",
            [service_id, at, [one.seq for one in told], [one.body for one in told]],
        )
        return int(cursor.rowcount)


def apply(service_id: str, *, limit: int = _MOST) -> int:
    """Apply what is stored and not applied yet; how many messages were accounted for.

    One that cannot be applied is kept for a person as unreadable; the others are applied.
    """
    return draining.safely(
        partial(_apply, service_id, limit, None),
        lambda seq: _apply(service_id, 1, seq, []),
        aside=partial(_quarantine, service_id),
    )


def _quarantine(service_id: str, seq: int, error: Exception) -> None:
    draining.tell("matching", f"{service_id}/{seq}", error)
    rows = MatchingMessage.objects.filter(service_id=service_id, seq=seq)
    why = f"not applied: {type(error).__name__}"
    rows.update(applied_at=clock.now(), verdict="unreadable", note=why)


def _apply(service_id: str, limit: int, only: int | None, taken: list[int]) -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        # One at a time: what a service says later replaces what it said before.
        ledger.serialize(f"matching/{service_id}")
        rows = MatchingMessage.objects.filter(service_id=service_id, applied_at=None)
        if only is not None:
            rows = rows.filter(seq=only)
        found = list(rows.order_by("seq")[:limit])
        taken += [row.seq for row in found]
        batch = _Batch(work, service_id, found, at)
        for row in found:
            row.verdict, row.note = batch.apply(row)
            row.applied_at = at
        MatchingMessage.objects.bulk_update(found, ["verdict", "note", "applied_at"])
    return len(found)


class _Batch:
    """The messages of one unit and the confirmations they are about, locked in one order."""

    def __init__(
        self, work: Unit, service_id: str, rows: Sequence[MatchingMessage], at: datetime
    ) -> None:
        self._work, self._service, self._at = work, service_id, at
        self._said = {row.pk: _read(row) for row in rows}
        said = self._said.values()
        legs = {one.leg_id for one in said if isinstance(one, Statement)}
        keys = {one.confirm_id for one in said if isinstance(one, Affirmation)}
        live = TradeConfirm.objects.filter(leg_id__in=legs).exclude(status="canceled")
        keys |= set(live.values_list("id", flat=True))
        confirms = work.lock(TradeConfirm, keys)
        self._confirms = {k: row for k, row in confirms.items() if row.service_id == service_id}
        self._by_leg = {c.leg_id: c for c in self._confirms.values() if c.status != "canceled"}
        asked = SettlementInstruction.objects.filter(confirm_id__in=self._confirms)
        locked = work.lock(SettlementInstruction, asked.values_list("id", flat=True))
        self._instructions = {row.confirm_id: row for row in locked.values()}
        names = {self._named(one.reference) for one in said if isinstance(one, Statement)}
        known = CounterpartyTrade.objects.filter(reference__in=names)
        self._known = set(known.values_list("reference", flat=True))

    def apply(self, row: MatchingMessage) -> tuple[str, str]:
        """What became of one message, and a note."""
        said = self._said[row.pk]
        if isinstance(said, Affirmation):
            confirm = self._confirms.get(said.confirm_id)
            if confirm is None:
                return "unknown", said.confirm_id[:200]
            if confirm.status == "canceled":
                return "not_needed", ""
            instruction = self._instructions[confirm.id]
            matching.answer(self._work, confirm, instruction, said, at=self._at)
            return "applied", ""
        if isinstance(said, Statement):
            return self._state(row, said)
        # Services match; what changes hands is the custodian's word.
        return ("unreadable" if said is None else "not_theirs"), ""

    def _state(self, row: MatchingMessage, said: Statement) -> tuple[str, str]:
        confirm, reference = self._by_leg.get(said.leg_id), self._named(said.reference)
        if confirm is None:
            # They only know what we have entered there ourselves: no leg is still on its way.
            return "unknown", said.leg_id[:200]
        if reference in self._known:
            return "duplicate", ""
        self._known.add(reference)
        matching.state(
            self._work,
            confirm,
            self._instructions[confirm.id],
            msgspec.structs.replace(said, reference=reference),
            seq=row.seq,
            body=row.body,
            at=self._at,
        )
        return "applied", ""

    def _named(self, reference: str) -> str:
        """A reference as we keep it: services and custodians name theirs without each other.

        Never cut: two that differ at their ends are two. One too long is put aside as unreadable.
        """
        return f"{self._service}:{reference}"


def _saying(row: TradeConfirm, at: datetime) -> sending.Say:
    if row.ask == TradeConfirm.Ask.DISPUTE:
        return partial(_dispute, row.id, row.leg_id, row.reason, _disputed(row))
    if row.ask == TradeConfirm.Ask.WITHDRAW:
        return partial(_withdraw, row.id, row.leg_id)
    return partial(_confirm, sending.confirmation(row), row.counterparty)


def _confirm(one: Confirmation, broker: str, client: MatchingClient) -> Taken | Refused:
    return client.confirm(one, counterparty=broker)


def _dispute(
    key: str, leg_id: str, reason: str, about: str, client: MatchingClient
) -> Taken | Refused:
    return client.dispute(key, leg_id=leg_id, reason=reason, about=about)


def _disputed(row: TradeConfirm) -> str:
    """What a dispute is about: their version, and our agreement that it takes back."""
    agreed = "" if row.affirmed_at is None else row.affirmed_at.isoformat()
    return f"{row.verdict_id} {agreed}".strip()


def _withdraw(key: str, leg_id: str, client: MatchingClient) -> Taken | Refused:
    return client.withdraw(key, leg_id=leg_id)


def _last(service_id: str) -> int:
    rows = MatchingMessage.objects.filter(service_id=service_id).order_by("-seq")
    return rows.values_list("seq", flat=True).first() or 0


def _read(row: MatchingMessage) -> Message | None:
    try:
        return read(row.body)
    except msgspec.MsgspecError:
        log.warning("%s %s cannot be read", row.service_id, row.seq)
        return None
