"""Percentages turned into whole amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations import templates
from oms_site.kit.errors import OmsError

D = Decimal


def test_percentages_of_an_odd_quantity_are_exhaustive_whole_numbers() -> None:
    parts = templates.split([D(50), D(30), D(20)], qty=D(1001), min_increment=D(1))
    assert parts == [D(501), D(300), D(200)]


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=9),
    st.integers(1, 10**9),
    st.sampled_from([D(1), D(1000)]),
)
def test_nothing_is_lost_and_two_runs_agree(weights: list[int], qty: int, step: Decimal) -> None:
    exact = [D(weight) * 100 / sum(weights) for weight in weights]
    percents = [one.quantize(D("0.0001")) for one in exact]
    percents[0] += 100 - sum(percents)
    if percents[0] <= 0:
        return
    parts = templates.split(percents, qty=D(qty), min_increment=step)
    assert sum(parts) == qty
    assert parts == templates.split(percents, qty=D(qty), min_increment=step)


def test_a_template_that_is_not_whole_is_refused() -> None:
    with pytest.raises(OmsError) as refusal:
        templates.split([D(50), D(49)], qty=D(1000), min_increment=D(1))
    assert refusal.value.code == "template_not_whole"
