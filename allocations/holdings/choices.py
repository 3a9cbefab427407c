"""Choosing the lots of a sale after the fact: specific relief. The position is folded again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal

from allocations.holdings import books, ledger
from allocations.holdings.books import Book
from allocations.models import LotChoice, Movement, Position
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError


def choose(
    movement_id: str,
    lots: Sequence[tuple[str, Decimal]],
    *,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Position:
    """Take these lots for a movement that closed some; a later choice replaces an earlier one.

    Raises 404 for a movement that is not there, 422 (`relief_not_specific`, `lot_unknown`,
    `too_much`) when the account does not choose, or a lot has not so much left for this sale and
    for those that it was named for before.
    """
    by.require("transaction.submit")
    movement = Movement.objects.filter(
        id=movement_id, organization_id=by.organization_id, instrument__isnull=False
    ).first()
    if movement is None or movement.instrument_id is None:
        raise NotFound("movement")
    if movement.relief != "specific":
        said = "The account did not choose its lots when this was traded."
        raise OmsError("relief_not_specific", said, field="movement_id")
    if sum((qty for _, qty in lots), Decimal(0)) > abs(movement.qty):
        raise OmsError("too_much", "The lots are more than was sold.", field="lots")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        ledger.lock(work, {movement.account_id})
        row = Position.objects.get(
            account_id=movement.account_id, instrument_id=movement.instrument_id
        )
        book = Book(work.hold(row), new=False)
        books.read_whole(work, [book])
        _check(book, movement, lots)
        choice = LotChoice(
            id=ids.prefixed("lc"),
            organization_id=by.organization_id,
            movement_id=movement.id,
            lots=[[name, str(qty)] for name, qty in lots],
            at=at,
        )
        work.add(choice)
        unkept = _unkept(book)
        book.picks[movement.id] = list(lots)
        book.refold()
        _check_kept(_unkept(book), movement.id, unkept)
        body = {
            "account_id": movement.account_id,
            "movement_id": movement.id,
            "lots": [{"lot_id": name, "amount": qty} for name, qty in lots],
            "positions": [ledger.standing(row)],
        }
        work.record(row, "lots_chosen", body=body, also=[choice, *book.written(work)], at=at)
    return row


def _check(book: Book, movement: Movement, lots: Sequence[tuple[str, Decimal]]) -> None:
    for name, qty in lots:
        known = book.rows.get(name)
        if known is None or known.opened >= (movement.sequence or 0):
            raise OmsError("lot_unknown", f"No lot {name} was there to sell.", field="lots")
        if qty > abs(known.qty):
            raise OmsError("too_much", f"Lot {name} is only {abs(known.qty):f}.", field="lots")


def _unkept(book: Book) -> set[tuple[str, str]]:
    """The choices, by movement and lot, of which less was taken than was named."""
    short: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for movement_id, picks in book.picks.items():
        for name, qty in picks:
            short[movement_id, name] += qty
    for one in book.state.closings:
        short[one.movement_id, one.lot_id] -= abs(one.qty)
    return {key for key, qty in short.items() if qty > 0}


def _check_kept(
    now: AbstractSet[tuple[str, str]], movement_id: str, before: AbstractSet[tuple[str, str]]
) -> None:
    """This choice is kept whole, and takes nothing away from one that was made for another sale.

    What was not kept before is left alone: a lot whose purchase was busted is no longer there.
    """
    for maker, name in sorted(now):
        if maker == movement_id:
            said = f"Lot {name} has not so much left for this sale."
        elif (maker, name) in before:
            continue
        else:
            said = f"Lot {name} was named for another sale, {maker}, which would lose it."
        raise OmsError("too_much", said, field="lots")
