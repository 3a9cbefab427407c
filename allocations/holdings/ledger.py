"""The one way into the holdings: postings become movements, and what is kept beside them follows.

Works inside a caller's unit, for any number of postings at once, with the same few statements. The
accounts are locked first, in one order everywhere, and nothing else is locked after them. What has
been posted already is left alone, so every caller may ask again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from allocations.holdings import books
from allocations.holdings.books import Book, Purse
from allocations.holdings.posting import Posting
from allocations.models import Movement, Position
from oms_site.firm import libpq
from oms_site.journal import statements
from oms_site.journal.unit import Unit
from oms_site.kit import ids

_POSTED = """
SELECT source_id, account_id, kind FROM allocations_movement WHERE source_id = ANY($1::text[])
"""
_LOCK = """
SELECT pg_advisory_xact_lock(k) FROM (
    SELECT DISTINCT hashtextextended(a, 19) AS k FROM unnest($1::text[]) a ORDER BY k) keys
"""


def post(work: Unit, postings: Iterable[Posting], *, at: datetime) -> list[Movement]:
    """Write what has not been written yet; returns the new movements in the order asked for."""
    asked = list(postings)
    if not asked:
        return []
    _, posted, *kept = libpq.asked_together(
        (_LOCK, [_unlocked(work, {one.account_id for one in asked})]),
        (_POSTED, [sorted({one.source_id for one in asked})]),
        *books.questions(asked),
    )
    fresh = _unknown(work, asked, posted)
    if not fresh:
        return []
    held = books.open_books(work, fresh, kept, at=at)
    update_id = work.update_id
    moved: dict[str, list[Movement]] = defaultdict(list)
    for one in fresh:
        moved[one.account_id].append(_move(held, one, update_id=update_id, at=at))
        book = held.book(one.account_id, one.instrument_id)
        if book is not None and book.owed:
            back = _split_back(one, book.owed)
            moved[one.account_id].append(_move(held, back, update_id=update_id, at=at))
    for account_id, movements in moved.items():
        _record(work, held, account_id, movements, update_id=update_id, at=at)
    return [movement for movements in moved.values() for movement in movements]


def lock(work: Unit, account_ids: set[str]) -> None:
    """One writer per account until commit: also for rows that nobody has made yet."""
    if wanted := _unlocked(work, account_ids):
        libpq.asked(_LOCK, [wanted])


def _unlocked(work: Unit, account_ids: set[str]) -> list[str]:
    """Those that this unit has not locked; it is about to."""
    locked: set[str] = work.notes.setdefault("holdings.locked", set())
    wanted = sorted(account_ids - locked)
    locked.update(wanted)
    return wanted


def serialize(name: str) -> None:
    """Let one transaction at a time work under this name; before any account is locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 20))", [name])


def _unknown(
    work: Unit, asked: Sequence[Posting], posted: Iterable[tuple[Any, ...]]
) -> list[Posting]:
    seen = {*posted, *((m.source_id, m.account_id, m.kind) for m in work.added(Movement))}
    fresh = []
    for one in asked:
        key = (one.source_id, one.account_id, one.kind)
        if key not in seen:
            seen.add(key)
            fresh.append(one)
    return fresh


def _split_back(one: Posting, qty: Decimal) -> Posting:
    """What splits had made of a trade that was taken back: it goes, or comes, with the trade."""
    return Posting(
        organization_id=one.organization_id,
        account_id=one.account_id,
        instrument_id=one.instrument_id,
        currency=one.currency,
        kind=Movement.Kind.SPLIT,
        source_id=one.source_id,
        reverses=one.reverses,
        order_id=one.order_id,
        qty=qty,
        trade_date=one.trade_date,
        settlement_date=one.settlement_date,
    )


def _move(held: books.Books, one: Posting, *, update_id: str, at: datetime) -> Movement:
    book = held.book(one.account_id, one.instrument_id)
    purse = held.purse(one.account_id, one.currency) if one.cash else None
    # Time never runs backward within an account: as-of reads rely on it.
    latest = [row.moved_at for row in (book and book.row, purse and purse.row) if row]
    moment = max(at, *latest)
    movement = statements.fresh(
        Movement,
        id=ids.prefixed("mv"),
        organization_id=one.organization_id,
        account_id=one.account_id,
        instrument_id=one.instrument_id,
        currency=one.currency,
        kind=one.kind,
        source_id=one.source_id,
        reverses=one.reverses,
        order_id=one.order_id,
        update_id=update_id,
        qty=one.qty,
        price=one.price,
        principal=one.principal,
        accrued_interest=one.accrued_interest,
        fees=one.fees,
        consideration=one.consideration,
        cash=one.cash,
        trade_date=one.trade_date,
        settlement_date=one.settlement_date,
        relief=books.relief_of(book.row) if book else "",
        ratio_new=one.ratio_new,
        ratio_old=one.ratio_old,
        fx_rate=one.fx_rate,
        fx_source=one.fx_source,
        fx_at=one.fx_at,
        elsewhere=one.elsewhere,
        pmp=one.pmp,
        pmp_source=one.pmp_source,
        pmp_at=one.pmp_at,
        at=moment,
    )
    if book is not None:
        book.take(movement)
    if purse is not None:
        purse.take(movement)
    return movement


# --- writing ---------------------------------------------------------------------------------
def _record(
    work: Unit,
    held: books.Books,
    account_id: str,
    movements: Sequence[Movement],
    *,
    update_id: str,
    at: datetime,
) -> None:
    """One event per account and batch states all that moved in it."""
    touched: list[Book] = [b for b in held.books_of(account_id) if b.is_moved()]
    purses: list[Purse] = [p for p in held.purses_of(account_id) if p.is_moved()]
    parts: list[Book | Purse] = [*touched, *purses]
    # In this order: the database looks whether what is kept is what its last movement left.
    work.add(*movements, *[part.row for part in parts if part.is_new()])
    lots = [lot for book in touched for lot in book.written(work)]
    subject, *also = [part.row for part in parts]
    body = {
        "account_id": account_id,
        "update_id": update_id,
        "movements": [wire(movement) for movement in movements],
        "positions": [standing(book.row) for book in touched],
        "balances": [{"currency": p.row.currency, "traded": p.row.amount} for p in purses],
    }
    work.record(subject, "holdings_move", body=body, also=[*also, *movements, *lots], at=at)
    for part in parts:
        part.settle()


def wire(movement: Movement) -> dict[str, Any]:
    """A movement as events and the API tell it."""
    told: dict[str, Any] = {} if movement.fx_rate is None else _changed_at(movement)
    return {
        **told,
        "movement_id": movement.id,
        "kind": str(movement.kind),
        "source_id": movement.source_id,
        "reverses": movement.reverses or None,
        "order_id": movement.order_id or None,
        "instrument_id": movement.instrument_id,
        "currency": movement.currency,
        "amount": movement.qty,
        "price": movement.price,
        "principal": movement.principal,
        "accrued_interest": movement.accrued_interest,
        "fees": movement.fees,
        "net_money": movement.cash,
        "trade_date": movement.trade_date,
        "settlement_date": movement.settlement_date,
    }


def _changed_at(movement: Movement) -> dict[str, Any]:
    return {
        "fx_rate": movement.fx_rate,
        "fx_source": movement.fx_source,
        "fx_at": movement.fx_at,
    }


def standing(row: Position) -> dict[str, Any]:
    """How a position stands, as events tell it."""
    return {
        "position_id": row.id,
        "instrument_id": row.instrument_id,
        "amount": row.qty,
        "cost": row.cost,
        "realized": row.realized,
    }
