"""The order state change matrices of FIX 4.4 for cancel/replace, as a buy side can meet them.

One line per message: what we ask, what the venue says, or what it says instead, which ends a
story. `X` is the first ClOrdID of the order, `Y` and `Z` those of the replaces.
"""

from __future__ import annotations

from typing import NamedTuple


class Asked(NamedTuple):
    """OrderCancelReplaceRequest(G) for a whole quantity."""

    qty: int
    price: str = "99.5"


class Said(NamedTuple):
    """ExecutionReport(8): ExecType, OrdStatus, CumQty, LeavesQty, LastQty, OrderQty, ClOrdID."""

    exec_type: str
    ord_status: str
    cum: int = 0
    leaves: int = 0
    last: int = 0
    order_qty: int = 10_000
    cl: str = "X"


class Refused(NamedTuple):
    """OrderCancelReject(9) to the latest replace: CxlRejReason, OrdStatus."""

    reason: int
    ord_status: str


class Instead(NamedTuple):
    """What the venue may say in place of the next line; nothing follows it."""

    said: Said | Refused


Line = Asked | Said | Refused | Instead
NEW = Said("0", "0", 0, 10_000)
REJECTED = Said("8", "8", 0, 0)
_NO = 99
_PART: list[Line] = [Instead(REJECTED), NEW, Said("F", "1", 1000, 9000, 1000)]
_TO_8000: list[Line] = [*_PART, Asked(8000)]
_FILLS_TO_3500: list[Line] = [
    Said("F", "1", 1500, 8500, 500),
    Said("F", "1", 3500, 6500, 2000),
]
_THEN_6000: list[Line] = [
    Asked(6000),
    Said("E", "E", 3500, 6500, cl="Z"),
    Instead(Refused(_NO, "1")),
    Said("5", "1", 3500, 2500, 0, 6000, "Z"),
    Said("F", "1", 5000, 1000, 1500, 6000, "Z"),
]
TABLES: dict[str, list[Line]] = {
    "C.1.a, more before any fill": [
        Instead(REJECTED),
        NEW,
        Asked(11_000),
        Instead(Refused(_NO, "0")),
        Said("E", "E", 0, 10_000, cl="Y"),
        Instead(Refused(_NO, "0")),
        Said("5", "0", 0, 11_000, 0, 11_000, "Y"),
        Said("F", "1", 1000, 10_000, 1000, 11_000, "Y"),
        Said("F", "1", 3000, 8000, 2000, 11_000, "Y"),
    ],
    "C.1.b, more after a fill, and a fill in between": [
        *_PART,
        Asked(12_000),
        Instead(Refused(_NO, "1")),
        Said("E", "E", 1000, 9000, cl="Y"),
        Said("F", "E", 2000, 8000, 1000),
        Instead(Refused(_NO, "1")),
        Said("5", "1", 2000, 10_000, 0, 12_000, "Y"),
        Said("F", "2", 12_000, 0, 10_000, 12_000, "Y"),
    ],
    "C.1.c, more, and it is complete before the answer": [
        *_PART,
        Asked(12_000),
        Said("F", "2", 10_000, 0, 9000),
        Instead(Refused(0, "2")),
        Said("E", "E", 10_000, 0, cl="Y"),
        Instead(Refused(_NO, "2")),
        Said("5", "1", 10_000, 2000, 0, 12_000, "Y"),
        Said("F", "2", 12_000, 0, 2000, 12_000, "Y"),
    ],
    "C.2.a, another price, and a fill passes the request": [
        *_PART,
        Asked(10_000, "99.6"),
        Said("F", "2", 10_000, 0, 9000),
        Refused(0, "2"),
    ],
    "C.3, less than is done by now": [
        *_PART,
        Asked(7000),
        Said("F", "1", 8000, 2000, 7000),
        Instead(Refused(_NO, "1")),
        Said("5", "2", 8000, 0, 0, 8000, "Y"),
    ],
    "D.1.a, one replace after the other": [
        *_TO_8000,
        Said("E", "E", 1000, 9000, cl="Y"),
        Said("F", "E", 1500, 8500, 500),
        Said("5", "1", 1500, 6500, 0, 8000, "Y"),
        Said("F", "1", 3500, 4500, 2000, 8000, "Y"),
        Asked(6000),
        Said("E", "E", 3500, 4500, 0, 8000, "Z"),
        Said("F", "E", 4000, 4000, 500, 8000, "Y"),
        Said("5", "1", 4000, 2000, 0, 6000, "Z"),
        Said("F", "2", 6000, 0, 2000, 6000, "Z"),
    ],
    "D.1.b, refused at once, then another": [
        *_TO_8000,
        Refused(_NO, "1"),
        *_FILLS_TO_3500,
        *_THEN_6000,
    ],
    "D.1.c, refused after it was pending, then another": [
        *_TO_8000,
        Said("E", "E", 1000, 9000, cl="Y"),
        Said("F", "E", 1500, 8500, 500),
        Refused(_NO, "1"),
        Said("F", "1", 3500, 6500, 2000),
        *_THEN_6000,
    ],
    "G.1.c, a status by the old id is told under the new one": [
        NEW,
        Asked(12_000),
        Said("5", "0", 0, 12_000, 0, 12_000, "Y"),
        Said("I", "0", 0, 12_000, 0, 12_000, "Y"),
    ],
    "H, the answer is lost and the status tells of it": [
        NEW,
        Asked(12_000),
        Said("I", "0", 0, 12_000, 0, 12_000, "Y"),
    ],
}


def stories() -> list[tuple[str, list[Asked | Said | Refused]]]:
    """Every way a table can go, by name."""
    told: list[tuple[str, list[Asked | Said | Refused]]] = []
    for name, lines in TABLES.items():
        so_far: list[Asked | Said | Refused] = []
        for n, line in enumerate(lines):
            if isinstance(line, Instead):
                told.append((f"{name}, line {n + 1}", [*so_far, line.said]))
            else:
                so_far.append(line)
        told.append((name, so_far))
    return told
