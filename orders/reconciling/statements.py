"""A custodian's statement against how our books stood before and after it was made (P03, P11).

Pure. A line that something is under way on is left for the next time: what moved here while the
custodian answered, what waits for its answer, and what it has settled and we have not heard of yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from allocations.custodians.port import CustodianStatement
from oms_site.kit import numbers
from orders.reconciling.differences import Comparison, compare
from orders.reconciling.standing import ZERO, Line, Standing

NOT_TOLD = "not_told: the custodian does not say"
Told = Callable[[str], tuple[str, str]]
# What a side says of one line, by the word it is shown under.
_Said = dict[str, Decimal]
_Lines = Mapping[str, Line]


def positions(
    before: Standing,
    after: Standing,
    made: CustodianStatement,
    *,
    told: Told,
    fresh: Collection[str] = (),
) -> Comparison:
    """Securities by trade date; `fresh` names lines that the custodian has moved just now."""
    theirs = {f"{one.account}/{one.cusip}": {"qty": one.qty} for one in made.positions}

    def ours(key: str, line: Line) -> _Said:
        return {} if line.is_booking or key in fresh else {"qty": line.traded}

    return _compared("position", before.securities, after.securities, theirs, ours, told)


def settled(
    before: Standing, after: Standing, made: CustodianStatement, *, told: Told
) -> Comparison:
    """Securities that have changed hands, where the custodian tells of them."""
    theirs: dict[str, _Said] = {}
    for one in made.positions:
        if one.settled_qty is None:
            return Comparison(unsaid=f"{NOT_TOLD} what has settled")
        theirs[f"{one.account}/{one.cusip}"] = {"settled_qty": one.settled_qty}
    through = {f"{one.account}/{one.cusip}": one.through for one in made.positions}

    def ours(key: str, line: Line) -> _Said:
        heard = through.get(key, made.through) <= after.heard
        return {"settled_qty": line.settled} if heard else {}

    return _compared("settled", before.securities, after.securities, theirs, ours, told)


def cash(before: Standing, after: Standing, made: CustodianStatement, *, told: Told) -> Comparison:
    """Money by account and currency: settled and, where the custodian says so, traded."""
    if made.cash is None:
        return Comparison(unsaid=f"{NOT_TOLD} what money there is")
    says_traded = all(one.traded is not None for one in made.cash)
    theirs: dict[str, _Said] = {}
    for one in made.cash:
        traded = {} if one.traded is None else {"traded": one.traded}
        theirs[f"{one.account}/{one.currency}"] = {"settled": one.settled, **traded}
    through = {f"{one.account}/{one.currency}": one.through for one in made.cash}

    def ours(key: str, line: Line) -> _Said:
        said = {}
        # A line that is left out is flat since some message, nobody says which: the last of all.
        if through.get(key, made.through) <= after.heard:
            said["settled"] = line.settled
        if says_traded and not line.is_booking:
            said["traded"] = line.traded
        return said

    return _compared("cash", before.money, after.money, theirs, ours, told)


_NOTHING = Line("", ZERO, ZERO, is_booking=False, is_told=False)


def _compared(
    name: str,
    before: _Lines,
    after: _Lines,
    theirs: Mapping[str, _Said],
    ours: Callable[[str, Line], _Said],
    told: Told,
) -> Comparison:
    """What both sides can be asked about now; who has nothing says zero if the other has something.

    A line that is zero on the one side and left out on the other is the same.
    """
    mine: dict[str, _Said] = {}
    other: dict[str, _Said] = {}
    waiting = 0
    for key in sorted({*after, *theirs}):
        line, said = after.get(key), theirs.get(key)
        if before.get(key) != line or (line is not None and line.is_told):
            waiting += 1
            continue
        asked = ours(key, line or _NOTHING)
        if said is not None:
            asked = {word: value for word, value in asked.items() if word in said}
            if len(asked) < len(said):
                waiting += 1
            said = {word: said[word] for word in asked}
        if not asked:
            waiting += said is None
        elif line is None:
            if any((said or {}).values()):
                other[key] = said or {}
        elif said is not None or any(asked.values()):
            mine[key] = asked
            if said is not None:
                other[key] = said
    made = compare(mine, other, name=name, shown=_shown, told=told, fresh=lambda one: False)
    made.under_way = waiting
    return made


def _shown(one: _Said) -> dict[str, str]:
    return {word: numbers.plain(value) for word, value in one.items()}
