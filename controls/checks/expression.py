"""A rule written as an expression in CEL (Common Expression Language), in a closed world.

An expression sees the names of `VARIABLES` and the language's own operators: no clock, no files,
no objects of ours. It is compiled once; its size, its nesting and its loops are bounded before it
ever runs, so its cost is too. Numbers reach it as doubles, and one that a double cannot hold
exactly is refused rather than rounded. Whatever goes wrong fails the order.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

import cel

from controls.findings import Answer, Finding, Missing, Passed
from controls.parameters import Params
from controls.ticket import Ticket

MOST_CHARACTERS, MOST_OPENINGS, MOST_LOOPS, MOST_ACCOUNTS = 1000, 64, 1, 1000
VARIABLES = frozenset(
    {
        *("side", "ord_type", "qty", "limit_price", "notional", "reference_price", "cusip"),
        *("asset_class", "issuer", "sector", "country", "rating", "currency", "extended_hours"),
        *("trader", "organization", "accounts", "tags", "stage", "phase"),
        # What a loop calls the one it is at: accounts.all(account, account != "A-1").
        "account",
    }
)
_OPENING = re.compile(r"[(\[{?!-]")
_LOOP = re.compile(r"\b(?:all|exists|exists_one|map|filter)\s*\(")
# What an expression may call, operators beside.
FUNCTIONS = frozenset(
    {"all", "exists", "exists_one", "map", "filter", "has", "size", "matches", "contains"}
    | {"startsWith", "endsWith", "double", "int", "string"}
)


# An order with everything and one with as little as there can be: what an expression says of them
# tells what is no condition at all. The engine knows no types.
_SAMPLE: dict[str, Any] = {
    "side": "buy",
    "ord_type": "limit",
    "qty": 1000.0,
    "limit_price": 99.5,
    "notional": 995.0,
    "reference_price": 99.25,
    "cusip": "037833DP2",
    "asset_class": "corporate",
    "issuer": "Apple Inc.",
    "sector": "technology",
    "country": "US",
    "rating": "AA+",
    "currency": "USD",
    "extended_hours": False,
    "trader": "trader",
    "organization": "alpha",
    "accounts": ["A-1"],
    "tags": {},
    "stage": "order",
    "phase": "open",
}
_BARE = {**_SAMPLE, "ord_type": "market", "limit_price": None, "notional": None}
SAMPLES = (_SAMPLE, {**_BARE, "side": "sell", "reference_price": None, "sector": "", "rating": ""})


class CelParams(Params, frozen=True):
    """The condition that must hold, and what is said when it does not."""

    expression: str
    message: str = ""

    def __post_init__(self) -> None:
        compiled(self.expression)


def cel_rule(ticket: Ticket, params: CelParams) -> Answer:
    """The expression is true of the order."""
    try:
        answer = compiled(params.expression).execute(_world(ticket))
    except (Missing, KeyboardInterrupt, SystemExit):
        raise
    # A panic of the engine is no Exception, and must not get past the gate either.
    except BaseException as error:
        raise Missing(f"the expression failed ({error})") from error
    if answer is True:
        return Passed(params.expression, "true")
    if answer is False:
        said = params.message or f"The order does not meet {params.expression}."
        return Finding(said, params.expression, "false")
    raise Missing("the expression is neither true nor false")


@lru_cache(maxsize=1024)
def compiled(expression: str) -> cel.Program:
    """The program of an expression within its bounds; raises ValueError with what is wrong."""
    # Counted in the text as it stands, strings included: rather one too many than one hidden.
    if len(expression) > MOST_CHARACTERS:
        raise ValueError(f"an expression has at most {MOST_CHARACTERS} characters")
    if len(_OPENING.findall(expression)) > MOST_OPENINGS:
        raise ValueError(f"an expression opens at most {MOST_OPENINGS} brackets and operators")
    if len(_LOOP.findall(expression)) > MOST_LOOPS or "//" in expression:
        raise ValueError(f"an expression has at most {MOST_LOOPS} loop and no comments")
    program = cel.compile(expression)
    called = {name for name in program.functions() if name.isidentifier()}
    unknown = (set(program.variables()) - VARIABLES) | (called - FUNCTIONS)
    if unknown:
        raise ValueError(f"unknown names: {', '.join(sorted(unknown))}")
    for sample in SAMPLES:
        _require_truth(program, sample)
    return program


def _require_truth(program: cel.Program, sample: dict[str, Any]) -> None:
    """Refuse what is neither true nor false; what fails of a sample may hold of an order."""
    try:
        answer = program.execute(sample)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001  a panic of the engine is no Exception
        return
    if not isinstance(answer, bool):
        text = str(answer)[:40]
        raise ValueError(f"an expression is true or false; of a sample order this one says {text}")


def _world(ticket: Ticket) -> dict[str, Any]:
    if len(ticket.accounts) > MOST_ACCOUNTS:
        raise Missing("the order has too many accounts for an expression")
    reference = ticket.reference
    return {
        "side": ticket.side,
        "ord_type": ticket.ord_type,
        "qty": _double(ticket.order_qty),
        "limit_price": _double(ticket.limit_price),
        "notional": _double(ticket.notional),
        "reference_price": _double(reference.price if reference else None),
        "cusip": ticket.cusip,
        "asset_class": ticket.asset_class,
        "issuer": ticket.issuer,
        "sector": ticket.sector,
        "country": ticket.country,
        "rating": ticket.rating,
        "currency": ticket.currency,
        "extended_hours": ticket.extended_hours,
        "trader": ticket.username,
        "organization": ticket.organization_id,
        "accounts": [account.code for account in ticket.accounts],
        "tags": dict(ticket.tags),
        "stage": ticket.stage,
        "phase": ticket.phase,
    }


def _double(value: Decimal | None) -> float | None:
    """The nearest double, if it still reads as the same number."""
    if value is None:
        return None
    double = float(value)
    if Decimal(repr(double)) != value:
        raise Missing(f"{value:f} has too many digits for an expression")
    return double
