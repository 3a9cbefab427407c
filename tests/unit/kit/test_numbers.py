"""Exact decimal helpers: what is read, what is refused, and that splitting never loses a cent."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms_site.kit import numbers

D = Decimal

quanta = st.sampled_from([D("0.01"), D("1"), D("5"), D("100"), D("1000"), D("0.00000001")])
weights = st.lists(
    st.decimals(min_value=0, max_value=10**9, places=4), min_size=1, max_size=12
).filter(lambda ws: any(w > 0 for w in ws))


@pytest.mark.parametrize(
    "text",
    ["0", "5", "-5", "0.1", "-0.00000001", "99.5", "100.00", "123456789012.12345678", "10"],
)
def test_plain_decimals_are_read_exactly(text: str) -> None:
    assert str(numbers.parse_decimal(text)) == str(D(text))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", ".", ".5", "5.", "+5", "05", "00", "-05", "-0", "-0.0", "1e5", "1E5",
        "NaN", "nan", "sNaN", "Infinity", "-inf", "1_000", "1,000", " 5", "5 ", "5\n", "\t5",
        "\uff11\uff12", "\u0663", "\u096b", "1.\u0663", "0x10", "1.2.3", "--5", "\u22125", "5\x00",
    ],
)  # fmt: skip
def test_anything_but_plain_ascii_decimals_is_refused(text: str) -> None:
    with pytest.raises(numbers.NotADecimal):
        numbers.parse_decimal(text)


@pytest.mark.parametrize("text", ["0.123456789", "1234567890123", "1" * 5000, "1.000000000"])
def test_more_digits_than_the_column_holds_are_refused(text: str) -> None:
    with pytest.raises(numbers.NotADecimal):
        numbers.parse_decimal(text)


def test_the_digit_limits_can_be_chosen() -> None:
    assert numbers.parse_decimal("1234.5", max_digits=5, max_places=1) == D("1234.5")
    with pytest.raises(numbers.NotADecimal):
        numbers.parse_decimal("12345.5", max_digits=5, max_places=1)


@pytest.mark.parametrize("value", [5, 5.0, D(5), None, b"5"])
def test_only_text_is_read(value: object) -> None:
    with pytest.raises(TypeError):
        numbers.parse_decimal(value)  # type: ignore[arg-type]  # the point of the test


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=8))
def test_reading_what_plain_wrote_gives_the_number_back(value: Decimal) -> None:
    assert numbers.parse_decimal(numbers.plain(value)) == value


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("1.005", "1.01"), ("-1.005", "-1.01"), ("1.0049", "1.00"), ("2.5", "2.50"), ("0", "0.00")],
)
def test_cents_round_half_away_from_zero(amount: str, expected: str) -> None:
    assert str(numbers.round_cents(D(amount))) == expected


def test_cents_of_a_large_amount_do_not_depend_on_the_decimal_context() -> None:
    with localcontext() as context:
        context.prec = 5
        assert numbers.round_cents(D("123456789012345678.125")) == D("123456789012345678.13")


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_cents_of_no_number_are_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        numbers.round_cents(D(amount))


def test_left_over_quanta_go_to_the_largest_remainders() -> None:
    # exact shares 16.66, 33.33, 50.00 of 100
    parts = numbers.largest_remainder(D(100), [D(1), D(2), D(3)], quantum=D(1))
    assert parts == [D(17), D(33), D(50)]


def test_equal_remainders_go_to_the_larger_weight_first() -> None:
    # shares of 2 over 1:3 are 0.5 and 1.5: the tie goes to the second
    assert numbers.largest_remainder(D(2), [D(1), D(3)], quantum=D(1)) == [D(0), D(2)]


def test_equal_weights_are_served_in_list_order() -> None:
    parts = numbers.largest_remainder(D("0.05"), [D(1), D(1), D(1)], quantum=D("0.01"))
    assert [str(part) for part in parts] == ["0.02", "0.02", "0.01"]


def test_par_is_split_in_whole_increments() -> None:
    parts = numbers.largest_remainder(D(10000), [D(1), D(1), D(1)], quantum=D(1000))
    assert parts == [D(4000), D(3000), D(3000)]


def test_a_negative_total_mirrors_the_positive_one() -> None:
    assert numbers.largest_remainder(D(-5), [D(1), D(1)], quantum=D(1)) == [D(-3), D(-2)]


@pytest.mark.parametrize(
    ("total", "shares", "quantum", "reason"),
    [
        ("1.005", ["1"], "0.01", "multiple"),
        ("1", ["0", "0"], "1", "zero"),
        ("1", [], "1", "zero"),
        ("1", ["1", "-1"], "1", "negative"),
        ("1", ["1"], "0", "positive"),
        ("NaN", ["1"], "1", "finite"),
        ("1", ["Infinity"], "1", "finite"),
        ("1", ["NaN"], "1", "finite"),
    ],
)
def test_a_split_that_cannot_be_exact_is_refused(
    total: str, shares: list[str], quantum: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        numbers.largest_remainder(D(total), [D(share) for share in shares], quantum=D(quantum))


@given(units=st.integers(-(10**15), 10**15), shares=weights, quantum=quanta)
def test_the_parts_always_add_up_and_stay_within_one_quantum(
    units: int, shares: list[Decimal], quantum: Decimal
) -> None:
    total = units * quantum
    parts = numbers.largest_remainder(total, shares, quantum=quantum)
    assert sum(map(Fraction, parts)) == Fraction(total)
    weight_sum = sum(map(Fraction, shares))
    for part, weight in zip(parts, shares, strict=True):
        exact = Fraction(total) * Fraction(weight) / weight_sum
        assert abs(Fraction(part) - exact) < Fraction(quantum)
        assert Fraction(part) % Fraction(quantum) == 0


@given(units=st.integers(0, 10**9), shares=weights, quantum=quanta)
def test_a_heavier_weight_never_gets_less_and_no_weight_gets_nothing(
    units: int, shares: list[Decimal], quantum: Decimal
) -> None:
    parts = numbers.largest_remainder(units * quantum, shares, quantum=quantum)
    ranked = sorted(zip(shares, parts, strict=True))
    assert all(low[1] <= high[1] for low, high in pairwise(ranked))
    assert all(part == 0 for weight, part in ranked if weight == 0)


@given(units=st.integers(0, 10**9), shares=weights, scale=st.sampled_from([D("0.001"), D(1000)]))
def test_only_the_proportions_of_the_weights_matter(
    units: int, shares: list[Decimal], scale: Decimal
) -> None:
    scaled = [weight * scale for weight in shares]
    assert numbers.largest_remainder(D(units), shares, quantum=D(1)) == numbers.largest_remainder(
        D(units), scaled, quantum=D(1)
    )


def test_the_average_of_fills_is_weighted_and_rounded_once_to_ten_places() -> None:
    fills = [(D(1000), D("99.5")), (D(2000), D("99.625")), (D(4000), D("99.75"))]
    # (99500 + 199250 + 399000) / 7000 = 99.678571428571...
    assert str(numbers.weighted_average(fills)) == "99.6785714286"


def test_the_average_of_nothing_is_none() -> None:
    assert numbers.weighted_average([]) is None
    assert numbers.weighted_average([(D(0), D(99))]) is None


def test_a_negative_weight_has_no_average() -> None:
    with pytest.raises(ValueError, match="negative"):
        numbers.weighted_average([(D(5), D(1)), (D(-1), D(1))])


@given(
    st.lists(
        st.tuples(
            st.decimals(min_value=1, max_value=10**9, places=2),
            st.decimals(min_value=0, max_value=1000, places=6),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_an_average_lies_between_the_extremes_whatever_the_order(
    fills: list[tuple[Decimal, Decimal]],
) -> None:
    average = numbers.weighted_average(fills)
    assert average is not None
    values = [value for _, value in fills]
    assert min(values) <= average <= max(values)
    assert numbers.weighted_average(reversed(fills)) == average


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+3", "1000"), ("100", "100"), ("99.500", "99.5"), ("0.00000001", "0.00000001"),
        ("1E-8", "0.00000001"), ("-0", "0"), ("-0.00", "0"), ("0E+5", "0"), ("-2.10", "-2.1"),
    ],
)  # fmt: skip
def test_plain_writes_no_exponent_and_no_trailing_zeros(value: str, text: str) -> None:
    assert numbers.plain(D(value)) == text


def test_plain_refuses_what_is_not_a_number() -> None:
    with pytest.raises(ValueError, match="finite"):
        numbers.plain(D("NaN"))
