"""The rows of one batch of postings: positions with their lots, and purses, held until commit.

Used by the ledger alone, under its locks. Lots are read only for positions that must close some of
them, and all movements only where one of them is taken back: then the position is folded anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from allocations import accounts
from allocations.holdings import costing
from allocations.holdings.costing import Lot, Move, Picks, State
from allocations.holdings.posting import Posting
from allocations.holdings.suspense import is_suspense
from allocations.models import CashBalance, LotChoice, Movement, Position, TaxLot
from oms_site.firm import libpq
from oms_site.journal import reading, statements
from oms_site.journal.unit import Unit
from oms_site.kit import ids

ZERO = Decimal("0.00")
_Key = tuple[str, int]


class Purse:
    """One account's cash in one currency."""

    def __init__(self, row: CashBalance, *, new: bool) -> None:
        self.row = row
        self._new = new
        self._moved = False

    def is_new(self) -> bool:
        """Whether its row is still to be inserted."""
        return self._new

    def is_moved(self) -> bool:
        """Whether something moved it since it was last recorded."""
        return self._moved

    def settle(self) -> None:
        """What moved it has been recorded."""
        self._new = self._moved = False

    def take(self, movement: Movement) -> None:
        """Count one movement."""
        self.row.amount += movement.cash
        self.row.sequence += 1
        self.row.moved_at = movement.at
        movement.cash_sequence, movement.cash_after = self.row.sequence, self.row.amount
        self._moved = True


class Book:
    """One position with as much of its lots as this batch needs."""

    def __init__(self, row: Position, *, new: bool) -> None:
        self.row = row
        self._new = new
        self._moved = False
        self.state = State(row.qty, row.cost, row.realized)
        self.rows: dict[str, TaxLot] = {}
        self.moves: list[Move] = []
        self.picks: dict[str, Picks] = {}
        self.has_lots = not is_suspense(row.account_id)
        self.has_read_lots = new
        self.folds = False
        # What splits made of a trade that was just taken back: it goes with the trade.
        self.owed = ZERO

    def is_new(self) -> bool:
        """Whether its row is still to be inserted."""
        return self._new

    def is_moved(self) -> bool:
        """Whether something moved it since it was last recorded."""
        return self._moved

    def settle(self) -> None:
        """What moved it has been recorded."""
        self._new = self._moved = False

    def take(self, movement: Movement) -> None:
        """Count one movement: quantity, cost, what it earned, and the lots it opens or closes."""
        row = self.row
        row.sequence += 1
        movement.sequence = row.sequence
        row.qty += movement.qty
        if not self.has_lots:
            self.state.cost += movement.consideration
            self.state.qty = self._in_suspense(as_move(movement)) if self.folds else row.qty
        else:
            self._fold(as_move(movement))
        self.owed = self.state.qty - row.qty
        row.cost, row.realized = self.state.cost, self.state.realized
        row.accrued_interest += movement.accrued_interest
        row.fees += movement.fees
        row.moved_at = movement.at
        movement.qty_after, movement.cost_after = row.qty, row.cost
        movement.realized_after = row.realized
        self._moved = True

    def refold(self) -> None:
        """Fold all movements again, as after a choice of lots."""
        self.state = costing.fold(self.moves, picks=self.picks)
        row = self.row
        row.qty, row.cost, row.realized = self.state.qty, self.state.cost, self.state.realized
        self._moved = True

    def _in_suspense(self, move: Move) -> Decimal:
        """What lies in suspense by all movements: it has no lots, and splits all the same."""
        self.moves.append(move)
        return costing.fold(self.moves).qty

    def _fold(self, move: Move) -> None:
        if self.folds:
            self.moves.append(move)
        if move.reverses and self.folds:
            self.state = costing.fold(self.moves, picks=self.picks)
        else:
            costing.apply(self.state, move, picks=self.picks.get(move.id, ()))

    def written(self, work: Unit) -> list[TaxLot]:
        """Bring the lots' rows to what was folded; returns those that changed or are new."""
        changed = []
        for lot in self.state.lots.values():
            row = self.rows.get(lot.id)
            if row is None:
                row = self.rows[lot.id] = self._row(lot)
                work.add(row)
            elif _same(row, lot):
                continue
            row.qty, row.cost = lot.qty, lot.cost
            row.open_qty, row.open_cost = lot.open_qty, lot.open_cost
            changed.append(row)
        # What was opened by a movement that has been taken back was never there.
        gone = [row for key, row in self.rows.items() if self.folds and key not in self.state.lots]
        for row in gone:
            if row.qty or row.open_qty or row.open_cost or row.cost:
                row.qty = row.open_qty = Decimal(0)
                row.cost = row.open_cost = ZERO
                changed.append(row)
        return changed

    def _row(self, lot: Lot) -> TaxLot:
        return statements.fresh(
            TaxLot,
            id=lot.id,
            organization_id=self.row.organization_id,
            position_id=self.row.id,
            movement_id=lot.movement_id,
            acquired=lot.acquired,
            opened=lot.opened,
            price=lot.price,
            qty=lot.qty,
            cost=lot.cost,
            open_qty=lot.open_qty,
            open_cost=lot.open_cost,
        )


class Books:
    """All positions and purses that this unit moves."""

    def __init__(self) -> None:
        self.positions: dict[_Key, Book] = {}
        self.balances: dict[tuple[str, str], Purse] = {}

    def book(self, account_id: str, instrument_id: int | None) -> Book | None:
        """The position, None for a movement of cash alone."""
        return None if instrument_id is None else self.positions[account_id, instrument_id]

    def purse(self, account_id: str, currency: str) -> Purse:
        """The cash in one currency."""
        return self.balances[account_id, currency]

    def books_of(self, account_id: str) -> list[Book]:
        """An account's positions in this unit."""
        return [book for key, book in self.positions.items() if key[0] == account_id]

    def purses_of(self, account_id: str) -> list[Purse]:
        """An account's cash in this unit."""
        return [purse for key, purse in self.balances.items() if key[0] == account_id]


def questions(postings: Sequence[Posting]) -> tuple[libpq.Asked, libpq.Asked]:
    """What asks for the positions and for the cash that postings move."""
    accounts = {one.account_id for one in postings}
    instruments = {one.instrument_id for one in postings if one.instrument_id is not None}
    return (
        reading.wanted(Position, {"account_id": accounts, "instrument_id": instruments}),
        reading.wanted(CashBalance, {"account_id": accounts}),
    )


def open_books(
    work: Unit, postings: Sequence[Posting], kept: Sequence[Sequence[libpq.Row]], *, at: datetime
) -> Books:
    """Everything that these postings move: `kept`, the answers to `questions`, or made new."""
    held: Books = work.notes.setdefault("holdings.books", Books())
    positions, balances = kept
    _open_positions(work, held, postings, reading.made(Position, positions), at)
    _open_purses(work, held, postings, reading.made(CashBalance, balances), at)
    _read_lots(work, held, postings)
    return held


def _open_positions(
    work: Unit, held: Books, postings: Sequence[Posting], kept: Iterable[Position], at: datetime
) -> None:
    wanted = {
        (one.account_id, one.instrument_id): one
        for one in postings
        if one.instrument_id is not None
        and (one.account_id, one.instrument_id) not in held.positions
    }
    for row in kept:
        if (row.account_id, row.instrument_id) in wanted:
            held.positions[row.account_id, row.instrument_id] = Book(work.hold(row), new=False)
    for (account_id, instrument_id), one in wanted.items():
        if (account_id, instrument_id) not in held.positions:
            row = Position(
                id=ids.prefixed("po"),
                organization_id=one.organization_id,
                account_id=account_id,
                instrument_id=instrument_id,
                moved_at=at,
            )
            held.positions[account_id, instrument_id] = Book(row, new=True)


def _open_purses(
    work: Unit, held: Books, postings: Sequence[Posting], kept: Iterable[CashBalance], at: datetime
) -> None:
    wanted = {
        (one.account_id, one.currency): one
        for one in postings
        if one.cash and (one.account_id, one.currency) not in held.balances
    }
    for row in kept:
        if (row.account_id, row.currency) in wanted:
            held.balances[row.account_id, row.currency] = Purse(work.hold(row), new=False)
    for key, one in wanted.items():
        if key not in held.balances:
            row = CashBalance(
                id=ids.prefixed("cb"),
                organization_id=one.organization_id,
                account_id=one.account_id,
                currency=one.currency,
                moved_at=at,
            )
            held.balances[key] = Purse(row, new=True)


# --- lots ------------------------------------------------------------------------------------
def _read_lots(work: Unit, held: Books, postings: Sequence[Posting]) -> None:
    by_key: dict[_Key, list[Posting]] = defaultdict(list)
    for one in postings:
        if one.instrument_id is not None:
            by_key[one.account_id, one.instrument_id].append(one)
    mine = {key: held.positions[key] for key in by_key if held.positions[key].has_lots}
    _read_suspense(work, held, by_key)
    whole = [b for k, b in mine.items() if any(p.reverses for p in by_key[k]) and not b.folds]
    some = [b for k, b in mine.items() if b not in whole and not b.folds and _closes(b, by_key[k])]
    read_whole(work, whole)
    _read_open(work, some)


def _read_suspense(work: Unit, held: Books, by_key: Mapping[_Key, Sequence[Posting]]) -> None:
    """All movements of what lies in suspense, where a trade from before a split is taken back."""
    books = [
        held.positions[key]
        for key, asked in by_key.items()
        if any(one.reverses for one in asked)
        and not (held.positions[key].has_lots or held.positions[key].folds)
    ]
    if not books:
        return
    keys = [(book.row.account_id, book.row.instrument_id) for book in books]
    splits = Movement.objects.filter(
        account_id__in={key[0] for key in keys},
        instrument_id__in={key[1] for key in keys},
        ratio_new__gt=0,
    )
    if not splits.exists():
        return
    _read_moves(work, {(b.row.account_id, b.row.instrument_id): b for b in books})
    for book in books:
        book.folds = True


def _closes(book: Book, postings: Iterable[Posting]) -> bool:
    """Whether these postings may change lots that are not in memory; an average pool does too."""
    if book.has_read_lots:
        return False
    same = all((one.qty < 0) == (book.row.qty < 0) for one in postings if one.qty)
    splits = any(one.ratio_new for one in postings)
    return not same or splits or relief_of(book.row) == "average"


def relief_of(row: Position) -> str:
    """How the lots of a position are taken from now on; empty where it has none."""
    if is_suspense(row.account_id):
        return ""
    facts = accounts.find_account(row.organization_id, row.account_id)
    return facts.lot_relief if facts else "fifo"


def _read_open(work: Unit, books: Sequence[Book]) -> None:
    wanted = {book.row.id: book for book in books}
    if not wanted:
        return
    for book in books:
        book.has_read_lots = True
    rows = TaxLot.objects.filter(position_id__in=wanted).exclude(open_qty=0)
    for row in rows.order_by("position_id", "opened"):
        book = wanted[row.position_id]
        book.rows.setdefault(row.id, work.hold(row))
        book.state.lots.setdefault(row.id, as_lot(row))


def read_whole(work: Unit, books: Sequence[Book]) -> None:
    """Every movement, lot and choice of these positions, for folding them anew."""
    wanted = {book.row.id: book for book in books}
    if not wanted:
        return
    by_key = {(b.row.account_id, b.row.instrument_id): b for b in books}
    for row in TaxLot.objects.filter(position_id__in=wanted).order_by("position_id", "opened"):
        wanted[row.position_id].rows.setdefault(row.id, work.hold(row))
    _read_moves(work, by_key)
    for account_id, instrument_id in by_key:
        by_key[account_id, instrument_id].picks.update(_picks(account_id, instrument_id))
    for book in books:
        book.has_read_lots = book.folds = True
        book.state = costing.fold(book.moves, picks=book.picks)


def _read_moves(work: Unit, by_key: Mapping[_Key, Book]) -> None:
    moves = Movement.objects.filter(
        account_id__in={k[0] for k in by_key}, instrument_id__in={k[1] for k in by_key}
    ).order_by("sequence")
    for movement in [*moves, *work.added(Movement)]:
        found = by_key.get((movement.account_id, movement.instrument_id or 0))
        if found is not None:
            found.moves.append(as_move(movement))


def _picks(account_id: str, instrument_id: int) -> dict[str, Picks]:
    rows = LotChoice.objects.filter(
        movement__account_id=account_id, movement__instrument_id=instrument_id
    ).order_by("id")
    return {row.movement_id: [(n, Decimal(q)) for n, q in row.lots] for row in rows}


def as_move(movement: Movement) -> Move:
    """A movement as the arithmetic of lots sees it."""
    return Move(
        id=movement.id,
        source_id=movement.source_id,
        sequence=movement.sequence or 0,
        qty=movement.qty,
        consideration=movement.consideration,
        trade_date=movement.trade_date,
        price=movement.price,
        relief=movement.relief,
        reverses=movement.reverses,
        is_split=bool(movement.ratio_new),
        ratio_new=movement.ratio_new,
        ratio_old=movement.ratio_old,
    )


def as_lot(row: TaxLot) -> Lot:
    """A lot's row as the arithmetic of lots sees it."""
    return Lot(
        row.id,
        row.movement_id,
        row.acquired,
        row.opened,
        row.price,
        row.qty,
        row.cost,
        row.open_qty,
        row.open_cost,
    )


def _same(row: TaxLot, lot: Lot) -> bool:
    return (row.qty, row.cost, row.open_qty, row.open_cost) == (
        lot.qty,
        lot.cost,
        lot.open_qty,
        lot.open_cost,
    )
