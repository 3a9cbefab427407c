"""Numbers as people on a desk read them, for the sentences of the checks."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from oms_site.kit import numbers

_PLACES = (Decimal("0.01"), Decimal("0.0001"), Decimal("0.00000001"))
_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)


def amount(value: Decimal) -> str:
    """A quantity or money with thousands separators: 25,000,000 or 1,234.5."""
    whole, _, places = numbers.plain(value).partition(".")
    return f"{int(whole):,}" + (f".{places}" if places else "")


def money(value: Decimal, *, over: Decimal) -> str:
    """Money over a limit, at cents, or as many places as show that it is over."""
    return amount(_rounded(value, over=over))


def cents(value: Decimal) -> str:
    """Money to the cent."""
    return amount(value.quantize(_PLACES[0], context=_WIDE))


def price(value: Decimal) -> str:
    """A price with at least three places: 99.410, 99.41234."""
    text = numbers.plain(value)
    places = len(text.partition(".")[2])
    return f"{value:.3f}" if places < 3 else text


def percent(value: Decimal, *, over: Decimal | None = None) -> str:
    """A percentage at two places, or as many as show that it is over the limit `over`."""
    return f"{_rounded(value, over=over):f} %"


def _rounded(value: Decimal, *, over: Decimal | None) -> Decimal:
    # "5.00 % is over the limit of 5.00 %" would help nobody.
    for places in _PLACES:
        shown = value.quantize(places, context=_WIDE)
        if over is None or shown > over:
            return shown
    return value
