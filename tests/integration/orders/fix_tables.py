"""The order state change matrices of FIX that a buy side without replaces can meet.

One line per message of a venue: ExecType(150), OrdStatus(39), CumQty(14),
LeavesQty(151), LastQty(32). `CANCEL` is our own request; `Instead` is said in place of the line
after it, and ends the story.
"""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    """One message of the venue; quantities in shares of an order for 10,000."""

    exec_type: str
    ord_status: str
    cum: int = 0
    leaves: int = 0
    last: int = 0
    order_qty: int = 10_000


class Refused(NamedTuple):
    """OrderCancelReject(9)."""

    reason: int
    ord_status: str = "0"


class Instead(NamedTuple):
    """What the venue may say in place of the next line; nothing follows it."""

    said: Said | Refused


CANCEL = "cancel"
Line = Said | Refused | Instead | str
NEW = Said("0", "0", 0, 10_000)
REJECTED = Said("8", "8")
PENDING = Said("6", "6", 0, 10_000)
_PART: list[Line] = [NEW, Said("F", "1", 2000, 8000, 2000)]
_CROSSED: list[Line] = [
    Instead(REJECTED),
    *_PART,
    CANCEL,
    Said("F", "1", 5000, 5000, 3000),
    Instead(Refused(99, "1")),
    Said("6", "6", 5000, 5000),
]
TABLES: dict[str, list[Line]] = {
    "A.1.a": [
        Instead(REJECTED),
        NEW,
        Instead(REJECTED),
        Said("F", "1", 2000, 8000, 2000),
        Said("F", "1", 3000, 7000, 1000),
        Said("F", "2", 10_000, 0, 7000),
    ],
    "A.1.b": [Instead(REJECTED), *_PART, Said("F", "1", 3000, 7000, 1000), Said("3", "3", 3000)],
    "B.1.a": [
        Instead(REJECTED),
        NEW,
        CANCEL,
        Instead(Refused(99)),
        PENDING,
        Instead(Refused(99)),
        Said("4", "4"),
    ],
    "B.1.b": [
        *_CROSSED,
        Said("F", "6", 6000, 4000, 1000),
        Instead(Refused(99, "1")),
        Said("4", "4", 6000),
    ],
    "B.1.c": [*_CROSSED, Said("F", "6", 10_000, 0, 5000), Refused(0, "2")],
    "B.1.d": [CANCEL, PENDING, NEW, Said("4", "4")],
    "B.1.d, never accepted": [CANCEL, PENDING, Said("4", "4")],
    "B.1.e": [CANCEL, NEW, PENDING, Said("4", "4")],
    "E.1.b": [Instead(REJECTED), NEW, Said("F", "1", 1000, 9000, 1000), Said("4", "4", 1000)],
    "E.1.d": [
        NEW,
        Said("D", "0", 0, 9000, 0, 9000),
        Said("F", "2", 9000, 0, 9000, 9000),
    ],
    "E.1.e": [Instead(REJECTED), NEW, Said("4", "4")],
    "F.1.a": [NEW, Said("F", "1", 1000, 9000, 1000), Said("8", "1", 1000, 9000)],
    "F.1.b": [NEW, Said("I", "0", 0, 10_000), Said("8", "0", 0, 10_000)],
    "G.1.b": [Instead(REJECTED), NEW, Said("I", "0", 0, 10_000)],
    "I.1.a": [Instead(REJECTED), NEW, Said("4", "4")],
    "I.1.b": [Instead(REJECTED), NEW, Said("F", "1", 1000, 9000, 1000), Said("4", "4", 1000)],
    "EX.I.1.a": [Said("4", "4")],
    "EX.I.1.b": [NEW, Said("4", "4", 1000, 0, 1000)],
    "EX, the first report is the fill": [Said("F", "2", 10_000, 0, 10_000)],
}


def stories() -> list[tuple[str, list[Said | Refused | str]]]:
    """Every way a table can go, by name."""
    told: list[tuple[str, list[Said | Refused | str]]] = []
    for name, lines in TABLES.items():
        so_far: list[Said | Refused | str] = []
        for n, line in enumerate(lines):
            if isinstance(line, Instead):
                told.append((f"{name}, line {n + 1}", [*so_far, line.said]))
            else:
                so_far.append(line)
        told.append((name, so_far))
    return told
