"""What a venue says of our orders and trades when it is asked for all of it: the second opinion.

Reconciliation asks it, outside any transaction. It is another wire than the one that orders went
out on, so that what got lost there is found here. Never reads a venue's files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from oms_site.kit.errors import OmsError


class DropCopyUnavailable(OmsError):
    """The venue did not answer: nothing is known, which is not the same as nothing is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__("drop_copy_unavailable", message, status=503)


class DropCopyUnsupported(OmsError):
    """This venue cannot list what it has; nothing is compared with it (P08)."""

    def __init__(self, venue_id: str) -> None:
        super().__init__("drop_copy_unsupported", f"{venue_id} has no drop copy.", status=501)


@dataclass(frozen=True, slots=True, kw_only=True)
class TheirTrade:
    """One trade that stands at the venue, by its first ExecID(17)."""

    exec_id: str
    cl_ord_id: str
    qty: Decimal
    price: Decimal
    trade_date: date
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TheirOrder:
    """One order at the venue: CumQty(14) and whether it is still open there."""

    cl_ord_id: str
    cum_qty: Decimal
    is_open: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DropCopy:
    """Everything of one session."""

    orders: tuple[TheirOrder, ...]
    trades: tuple[TheirTrade, ...]


class Asks(Protocol):
    """A venue's port for it."""

    def __call__(self, venue_id: str) -> DropCopy:
        """All orders and trades. Raises `DropCopyUnavailable`, `DropCopyUnsupported`."""
        ...


PORTS: dict[str, Callable[[str], DropCopy]] = {}


def ask(venue_id: str, kind: str) -> DropCopy:
    """What a venue of this kind says. Raises `DropCopyUnavailable`, `DropCopyUnsupported`."""
    port = PORTS.get(kind)
    if port is None:
        raise DropCopyUnsupported(venue_id)
    return port(venue_id)
