"""Reads how an order wants to be handled: trailing, shown, least, posted, reducing."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oms_site.api.shape import Reader
from orders import order_types
from orders.render import tidy
from orders.requests import PLAIN, Handling

_TRAILS = ("trail_amount", "trail_percent")
FIELDS = (*_TRAILS, "display_qty", "min_qty", "post_only", "reduce_only")


def read(body: Reader, ord_type: str) -> Handling | msgspec.UnsetType:
    """What was asked for; unset when nothing was, so that older fingerprints stay true."""
    given = any(body.value.get(name) is not None for name in FIELDS)
    if not given and ord_type not in order_types.TRAILING:
        return msgspec.UNSET
    amount, percent = _number(body, "trail_amount", 8), _number(body, "trail_percent", 6)
    _check_trail(body, ord_type, amount, percent)
    asked = Handling(
        trail_amount=amount,
        trail_percent=percent,
        display_qty=_number(body, "display_qty", 6),
        min_qty=_number(body, "min_qty", 6),
        post_only=body.flag("post_only"),
        reduce_only=body.flag("reduce_only"),
    )
    return msgspec.UNSET if asked == PLAIN else asked


def _number(body: Reader, name: str, places: int) -> Decimal | None:
    value = body.decimal(name, places=places)
    return None if value is None else tidy(value)


def _check_trail(
    body: Reader, ord_type: str, amount: Decimal | None, percent: Decimal | None
) -> None:
    if ord_type not in order_types.TRAILING:
        for name, value in zip(_TRAILS, (amount, percent), strict=True):
            if value is not None:
                body.fault(name, "trail_forbidden", "Only a trailing stop follows the market.")
    elif amount is not None and percent is not None:
        body.fault("trail_percent", "trail_ambiguous", "Give points or percent, not both.")
    elif amount is None and percent is None:
        if not any(body.where(name) == fault.field for name in _TRAILS for fault in body.faults):
            text = "Say how far it stays behind the market: points, or trail_percent."
            body.fault("trail_amount", "trail_required", text)
    elif percent is not None and percent >= 100:
        body.fault("trail_percent", "trail_too_wide", "Give less than 100 percent.")
