"""One block, three fills, every strategy: who gets what at which price, with the sums shown.

Asked for are 5,000 for A, 3,000 for B and 2,000 for C. Filled are 4,000 at 99.00 for 3,960.00,
3,000 at 100.00 for 3,000.00, and later 3,000 at 101.00 for 3,030.00: 10,000 for 9,990.00.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from allocations.strategies import STRATEGIES, Slice, allot
from tests.unit.allocations.test_strategies import basis, brief, lot

D = Decimal
FILLS = [lot(1, "4000", "99"), lot(2, "3000", "100"), lot(3, "3000", "101")]
WANTED = {"A": 5000, "B": 3000, "C": 2000}


def split(name: str, fills: int = 3, *, piece: str = "0", step: str = "1000") -> list[Slice]:
    return allot(
        name,
        lots=FILLS[:fills],
        shares=basis(**WANTED),
        min_increment=D(step),
        min_piece=D(piece),
    )


def money(slices: list[Slice], account: str) -> D:
    return sum((one.principal for one in slices if one.account_id == account), D(0))


def got(slices: list[Slice]) -> dict[str, int]:
    found = dict.fromkeys(WANTED, 0)
    for one in slices:
        found[one.account_id] += int(one.qty)
    return found


def test_first_in_first_out_gives_the_first_account_the_first_fills() -> None:
    slices = split("fifo_without_averaging")
    # A: 4,000 at 99 and 1,000 at 100; B: 2,000 at 100 and 1,000 at 101; C: 2,000 at 101.
    assert brief(slices) == [
        ("A", 4000, "99"),
        ("A", 1000, "100"),
        ("B", 2000, "100"),
        ("B", 1000, "101"),
        ("C", 2000, "101"),
    ]
    # 3,960 + 1,000 = 4,960; 2,000 + 1,010 = 3,010; 2,020.
    assert [money(slices, name) for name in "ABC"] == [D(4960), D(3010), D(2020)]


@pytest.mark.parametrize("name", ["fifo_with_averaging", "pro_rata_with_averaging"])
def test_with_an_average_everybody_pays_the_blocks_price(name: str) -> None:
    slices = split(name)
    # 9,990.00 / 10,000 = 99.90: 4,995.00, 2,997.00 and 1,998.00.
    assert brief(slices) == [("A", 5000, "99.9"), ("B", 3000, "99.9"), ("C", 2000, "99.9")]
    assert [money(slices, one) for one in "ABC"] == [D(4995), D(2997), D(1998)]


def test_in_proportion_at_each_fills_own_price() -> None:
    slices = split("pro_rata_without_averaging")
    # 4,000: exact 2,000 / 1,200 / 800, whole 2,000 / 1,000 / 0, the last 1,000 to C (800 behind).
    # 3,000 of the 3,000 / 2,000 / 1,000 still wanted: 1,500 / 1,000 / 500, whole 1,000 / 1,000 / 0;
    # A and C are both 500 behind, and A asked for more. The last fill is what is left.
    assert brief(slices) == [
        ("A", 2000, "99"),
        ("B", 1000, "99"),
        ("C", 1000, "99"),
        ("A", 2000, "100"),
        ("B", 1000, "100"),
        ("A", 1000, "101"),
        ("B", 1000, "101"),
        ("C", 1000, "101"),
    ]
    # 1,980 + 2,000 + 1,010 = 4,990; 990 + 1,000 + 1,010 = 3,000; 990 + 1,010 = 2,000.
    assert [money(slices, one) for one in "ABC"] == [D(4990), D(3000), D(2000)]


def test_the_first_fills_before_and_after_an_average_go_in_order_or_in_proportion() -> None:
    """The order ends after 4,000 of 10,000: 40 % of it."""
    assert got(split("fifo_with_averaging", 1)) == {"A": 4000, "B": 0, "C": 0}
    # 2,000 / 1,200 / 800 in steps of 100 are exact.
    assert got(split("pro_rata_with_averaging", 1, step="100")) == {"A": 2000, "B": 1200, "C": 800}


def test_a_piece_below_the_least_one_goes_to_who_can_hold_it() -> None:
    """40 % of it in steps of 100, and nobody may hold less than 1,000: C's 800 are too few."""
    whole = got(split("pro_rata_with_averaging", 1, step="100", piece="1000"))
    # Without C, 4,000 are split 5 : 3: 2,500 and 1,500.
    assert whole == {"A": 2500, "B": 1500, "C": 0}


def test_by_percentage_and_equally() -> None:
    # 4,000 by 50 / 30 / 20 % in steps of 100: 2,000 / 1,200 / 800.
    assert got(split("percentage", 1, step="100")) == {"A": 2000, "B": 1200, "C": 800}
    # Equal parts of 4,000 in steps of 100 are 1,333.33: 1,300 each, the last 100 to the largest.
    assert got(split("flat", 1, step="100")) == {"A": 1400, "B": 1300, "C": 1300}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@pytest.mark.parametrize("fills", [1, 2, 3])
def test_every_way_of_splitting_the_same_block_gives_all_of_it_once(name: str, fills: int) -> None:
    slices = split(name, fills, piece="1000")
    assert sum(one.qty for one in slices) == sum(one.qty for one in FILLS[:fills])
    assert sum(one.principal for one in slices) == sum(one.principal for one in FILLS[:fills])
    if fills == 3:
        assert got(slices) == WANTED
