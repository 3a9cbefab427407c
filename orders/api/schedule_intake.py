"""Reads what is asked of schedules, strictly, with every fault at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from oms_site.api.shape import Reader
from orders.api.moments import moment
from orders.render import tidy
from orders.requests import SCHEDULED, SHORTFALL, Instruction, Scheduled, ScheduleTerms

PARAMETERS = frozenset(
    [
        "completion",
        "end_time",
        "max_participation",
        "max_slice",
        "randomize",
        "remainder",
        "seed",
        "slices",
        "start_time",
        "urgency",
    ]
)
MOST_SLICES, MOST_SEED, MOST_URGENT = 500, 2**31 - 1, Decimal(20)
_HALF, _WHOLE = Decimal(50), Decimal(100)


def parameters(body: Reader, strategy: str) -> ScheduleTerms:
    """The parameters of a schedule; faults are noted in the reader."""
    terms = ScheduleTerms(
        start_time=moment(body, "start_time"),
        end_time=moment(body, "end_time"),
        slices=_whole(body, "slices", 1, MOST_SLICES),
        max_slice=_number(body, "max_slice", None, places=6),
        max_participation=_number(body, "max_participation", _WHOLE, places=3),
        urgency=_number(body, "urgency", MOST_URGENT, places=3),
        randomize=_number(body, "randomize", _HALF, places=3),
        seed=_whole(body, "seed", 0, MOST_SEED),
        remainder=body.choice("remainder", ("carry", "keep"), default="carry"),
        completion=body.choice("completion", ("cancel", "leave"), default="cancel"),
    )
    if terms.urgency is not None and strategy != SHORTFALL:
        body.fault("urgency", "urgency_forbidden", f"Only {SHORTFALL} has an urgency.")
    if terms.seed is not None and not terms.randomize:
        body.fault("seed", "seed_forbidden", "Only what is randomized has a seed.")
    if terms.start_time and terms.end_time and terms.end_time <= terms.start_time:
        body.fault("end_time", "end_before_start", "It ends before it starts.")
    return terms


def of_instruction(part: Reader, made: Instruction) -> Instruction:
    """The schedule that an execution instruction asks for, where its strategy is one."""
    if made.strategy not in SCHEDULED:
        if part.value.get("parameters") is not None:
            part.fault("parameters", "parameters_forbidden", "Only schedules have parameters.")
        return made
    for name in ("client_execution_order_id", "all_or_none", "suppress_pmp_check", "fees"):
        if getattr(made, name):
            part.fault(name, "not_of_schedules", "A schedule makes its execution orders itself.")
    terms = ScheduleTerms()
    body = part.object("parameters")
    if body is not None:
        body.refuse_unknown(PARAMETERS)
        terms = parameters(body, made.strategy)
    return Scheduled(
        protocol=made.protocol,
        strategy=made.strategy,
        qty=made.qty,
        limit_price=made.limit_price,
        venue_id=made.venue_id,
        parameters=terms,
        annotation=made.annotation,
        extension=made.extension,
    )


def flag(value: Any, name: str, *, default: bool) -> bool:
    """The one flag of a request that may have no body. Raises `OmsError` (422)."""
    body = Reader(value or {})
    body.refuse_unknown({name})
    given = body.flag(name, default=default)
    body.finish()
    return given


def _number(body: Reader, name: str, most: Decimal | None, *, places: int) -> Decimal | None:
    value = body.decimal(name, places=places)
    if value is not None and most is not None and value > most:
        body.fault(name, "too_large", f"Give {most} at most.")
        return None
    return None if value is None else tidy(value)


def _whole(body: Reader, name: str, least: int, most: int) -> int | None:
    value = body.value.get(name)
    if value is None:
        return None
    if isinstance(value, Decimal | int) and not isinstance(value, bool) and value % 1 == 0:
        if least <= value <= most:
            return int(value)
        body.fault(name, "out_of_range", f"Give {least} to {most}.")
        return None
    body.fault(name, "invalid_number", "Give a whole number.")
    return None
