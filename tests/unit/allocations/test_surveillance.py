"""Favors show over many blocks: who is always better off is named, luck is not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from allocations import surveillance

D = Decimal


def block(n: int, prices: dict[str, str], *, side: str = "buy", late: bool = False) -> list[Any]:
    """One block of 1000 for each account at its own price."""
    money = sum((D(1000) * D(price) for price in prices.values()), D(0))
    whole = D(1000 * len(prices))
    return [
        (account, f"al_{n}", side, late, D(1000) * D(price), D(1000), money, whole)
        for account, price in prices.items()
    ]


def test_one_block_by_hand() -> None:
    # A pays 99.9 and B 100.1, the block 100: A is 10 basis points better, B as much worse.
    first, last = surveillance.rank(block(1, {"B": "100.1", "A": "99.9"}))
    assert (first.account_id, first.mean) == ("A", Fraction(10))
    assert (last.account_id, last.mean) == ("B", Fraction(-10))
    assert not first.is_outlier  # once is luck


def test_a_seller_is_better_off_with_the_higher_price() -> None:
    first, _ = surveillance.rank(block(1, {"A": "99.9", "B": "100.1"}, side="sell"))
    assert first.account_id == "B"


def test_who_is_better_off_every_time_is_an_outlier() -> None:
    shares = [
        share
        for n in range(8)
        for share in block(n, {"friend": "99.9", "client": f"100.{n + 1}"}, late=n % 2 == 0)
    ]
    friend, client = surveillance.rank(shares)
    assert friend.account_id == "friend"
    assert friend.is_outlier
    assert friend.entered_late == 4
    assert not client.is_outlier


def test_who_wins_as_often_as_he_loses_is_none() -> None:
    shares = [
        share
        for n in range(10)
        for share in block(n, {"A": "99.9", "B": "100.1"} if n % 2 else {"A": "100.1", "B": "99.9"})
    ]
    assert not any(one.is_outlier for one in surveillance.rank(shares))


def test_an_average_price_favors_nobody() -> None:
    shares = [share for n in range(6) for share in block(n, {"A": "100", "B": "100"})]
    assert [one.mean for one in surveillance.rank(shares)] == [0, 0]
    assert not any(one.is_outlier for one in surveillance.rank(shares))


def test_who_always_gets_the_worse_price_is_no_suspect() -> None:
    shares = [one for n in range(6) for one in block(n, {"A": "99.9", "B": "100.1"})]
    best, worst = surveillance.rank(shares)
    assert (best.is_outlier, worst.is_outlier) == (True, False)
    assert worst.deviations < 0
