"""One batch of reports: read, locked, applied in order, accounted for, committed together."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from itertools import chain

import msgspec

from oms_site.firm import generation, libpq
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import breaks, tree
from orders.models import ReplaceLeg, Rfq
from orders.replacing import answers
from orders.reports import handlers, notices
from orders.reports.batch import Applied, Batch, question
from orders.rfq import inquiry
from venues import inbox, messages, transmission
from venues.inbox import Stored

log = logging.getLogger(__name__)
Ask = Callable[..., list[list[libpq.Row]]]


def apply(venue_id: str, rows: Sequence[Stored]) -> None:
    """Apply inbox rows of one venue in their order.

    A row that breaks the batch is found by applying them one at a time; that one is quarantined
    with a break and the others go on (a poison message harms only itself). A database in trouble
    is raised and quarantines nothing: the rows stay unapplied until it is back.
    """
    if not rows:
        return
    odd: list[Stored] = []

    def together(taken: list[Stored]) -> int:
        _apply(venue_id, taken)
        return len(taken)

    def alone(row: Stored) -> int:
        _apply(venue_id, [row])
        return 1

    def note(row: Stored, error: Exception) -> None:
        log.error("%s report %s could not be applied", venue_id, row.seq, exc_info=error)
        odd.append(row)

    draining.safely(together, alone, aside=note, taken=list(rows))
    # One that not even this can be done to is raised: whoever reads the inbox would find it anew.
    for row in odd:
        _quarantine(venue_id, row)


def apply_one(work: Unit, venue_id: str, report: messages.Moving, *, at: datetime) -> Applied:
    """Apply a report that did not come over its line, within a caller's unit; its verdict.

    It moves what the venue's own report would have, and both together move it once. The order may
    be locked already; what was sent of it was answered (`transmission.answer`) before that.
    """
    batch = _lock(work, venue_id, [report], libpq.asked_together, at)
    verdict = handlers.handle(batch, report, received_at=at)
    batch.finish()
    return verdict


def _apply(venue_id: str, rows: Sequence[Stored]) -> None:
    at = clock.now()
    with unit.work(by=actors.system(f"venue:{venue_id}"), at=at) as work:
        heard, verdicts = _decode(work, venue_id, rows, at)
        reports, noticed = notices.take(work, venue_id, heard)
        verdicts += noticed
        moving = [report for _, report in reports]
        # Before anything is handled: a message that is queued again must count as unanswered.
        answered = transmission.answered(map(_named, moving), at=at)
        batch = _lock(work, venue_id, moving, partial(_check, answered), at)
        for row, report in reports:
            verdict, note = handlers.handle(batch, report, received_at=row.received_at)
            verdicts.append((row.pk, verdict, note))
        batch.finish()
        inbox.close(work, verdicts, at=at)


def _decode(
    work: Unit, venue_id: str, rows: Sequence[Stored], at: datetime
) -> tuple[list[tuple[Stored, messages.Report]], list[inbox.Verdict]]:
    reports: list[tuple[Stored, messages.Report]] = []
    verdicts: list[inbox.Verdict] = []
    for row in rows:
        try:
            reports.append((row, messages.decode_report(row.body)))
        except msgspec.MsgspecError as error:
            verdicts.append((row.pk, "unreadable", str(error)))
            _open_break(work, venue_id, row, "unreadable_report", str(error), at)
    return reports, verdicts


def _check(answered: libpq.Asked, *asked: libpq.Asked) -> list[list[libpq.Row]]:
    return generation.check(answered, *asked)[1:]


def _lock(
    work: Unit, venue_id: str, reports: Sequence[messages.Moving], ask: Ask, at: datetime
) -> Batch:
    child_of = named(reports)
    inquiries = {r.quote_req_id for r in reports if isinstance(r, messages.QuoteReport)}
    rfqs = _inquiries(venue_id, inquiries) if inquiries else {}
    below = tree.questions(rfqs.values(), child_of.values())
    answers = ask(*below, *question(venue_id, reports))
    trees = tree.held(work, answers[: len(below)])
    if rfqs:
        work.notes["inquiries"] = inquiry.lock(work, trees, rfqs)
    return Batch(work, venue_id, trees, child_of, chain(*answers[len(below) :]), at)


def _inquiries(venue_id: str, asked: Collection[str]) -> dict[str, str]:
    mine = Rfq.objects.filter(id__in=asked, venue_id=venue_id)
    return dict(mine.values_list("id", "order_id"))


def named(reports: Sequence[messages.Report]) -> dict[str, str]:
    """The venue order that each ClOrdID of these reports names, whether it exists or not.

    No query where no id of a request to replace is named.
    """
    moves = [r for r in reports if isinstance(r, messages.OrderReport)]
    names = {r.cl_ord_id for r in moves} | {r.orig_cl_ord_id for r in moves}
    child_of = {name: name for name in names}
    asked = [name for name in names if name.startswith(answers.LEGS)]
    if asked:
        child_of |= ReplaceLeg.objects.filter(id__in=asked).values_list("id", "venue_order_id")
    return child_of


def _named(report: messages.Moving) -> str:
    """The id of what was sent that this report answers."""
    if isinstance(report, messages.QuoteReport):
        return report.quote_req_id
    return report.cl_ord_id


def _quarantine(venue_id: str, row: Stored) -> None:
    at = clock.now()
    with unit.work(by=actors.system(f"venue:{venue_id}"), at=at) as work:
        _open_break(work, venue_id, row, "report_not_applied", "see the log", at)
        inbox.close(work, [(row.pk, "quarantined", "see the log")], at=at)


def _open_break(work: Unit, venue_id: str, row: Stored, kind: str, why: str, at: datetime) -> None:
    breaks.open(
        work,
        kind=kind,
        key=f"{venue_id}/{row.seq}",
        evidence={"venue_id": venue_id, "seq": row.seq, "body": row.body[:4000], "why": why},
        at=at,
    )


def trouble(venue_id: str, code: str, why: str) -> None:
    """Say that a venue's session cannot go on by itself: a break that a person has to close."""
    at = clock.now()
    with unit.work(by=actors.system(f"venue:{venue_id}"), at=at) as work:
        breaks.open(
            work,
            kind="venue_session",
            key=f"{venue_id}/{code}",
            evidence={"venue_id": venue_id, "code": code, "why": why[:400]},
            at=at,
        )


def unreadable(venue_id: str, text: str, why: str) -> None:
    """Keep a frame that no decoder understands, as a break."""
    at = clock.now()
    with unit.work(by=actors.system(f"venue:{venue_id}"), at=at) as work:
        breaks.open(
            work,
            kind="unreadable_frame",
            key=f"{venue_id}/{zlib.crc32(text.encode()):08x}",
            evidence={
                "venue_id": venue_id,
                # PostgreSQL's JSON has no such character.
                "text": text[:4000].replace("\x00", "\N{REPLACEMENT CHARACTER}"),
                "why": why[:400],
            },
            at=at,
        )
