"""The state machines as pictures and tables, from the same data that the models step by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from allocations.clearing_states import CLEARING_STEPS
from allocations.settlement_states import CONFIRM_STEPS, INSTRUCTION_STEPS
from allocations.states import ALLOCATION_STEPS, LEG_STEPS
from controls.states import (
    CONTROL_STEPS,
    GROUP_STEPS,
    HALT_STEPS,
    OVERRIDE_STEPS,
    REVIEW_STEPS,
)
from orders import events
from orders.external_states import EXTERNAL_STEPS
from orders.reference import tables
from orders.schedule_states import SCHEDULE_STEPS, SLICE_STEPS
from orders.states import (
    EXECUTION_STEPS,
    FACET_STEPS,
    ORDER_STEPS,
    QUOTE_STEPS,
    REPLACE_LEG_STEPS,
    REPLACEMENT_STEPS,
    RFQ_STEPS,
    ROUND_STEPS,
    VENUE_STEPS,
    OrderStatus,
    QuoteState,
    RfqStatus,
    VenueStatus,
    moved_to,
)


class Edge(NamedTuple):
    """One legal step from one state to another."""

    source: str
    step: str
    target: str


class Machine(NamedTuple):
    """One model's states: where it starts, what it may do, and what the name of a step is."""

    model: str
    start: str
    edges: tuple[Edge, ...]


def machines() -> list[Machine]:
    """Every state machine of the product."""
    return [
        Machine("Order", OrderStatus.PENDING_APPROVAL, _many(ORDER_STEPS)),
        Machine("ExecutionOrder", OrderStatus.PENDING_EXECUTION, _many(EXECUTION_STEPS)),
        Machine("VenueOrder", VenueStatus.PENDING_NEW, _many(VENUE_STEPS)),
        Machine("Replacement", "pending", _one(REPLACEMENT_STEPS)),
        Machine("ReplaceLeg", "pending", _one(REPLACE_LEG_STEPS)),
        Machine("Rfq", RfqStatus.SENT, _one(RFQ_STEPS)),
        Machine("Quote", QuoteState.ACTIVE, _one(QUOTE_STEPS)),
        Machine("QuoteRound", "asked", _one(ROUND_STEPS)),
        Machine("Schedule", "working", _one(SCHEDULE_STEPS)),
        Machine("ScheduleSlice", "planned", _one(SLICE_STEPS)),
        Machine("Allocation", "created", _one(ALLOCATION_STEPS)),
        Machine("BookingLeg", "queued", _one(LEG_STEPS)),
        Machine("TradeConfirm", "unmatched", _one(CONFIRM_STEPS)),
        Machine("SettlementInstruction", "pending", _one(INSTRUCTION_STEPS)),
        Machine("ClearingReport", "pending", _one(CLEARING_STEPS)),
        Machine("ExternalOrder", "suspense", _one(EXTERNAL_STEPS)),
        Machine("Review", "open", _one(REVIEW_STEPS)),
        Machine("Control", "draft", _one(CONTROL_STEPS)),
        Machine("Halt", "disengaged", _one(HALT_STEPS)),
        Machine("OrderGroup", "open", _one(GROUP_STEPS)),
        Machine("Override", "requested", _one(OVERRIDE_STEPS)),
    ]


def _many(steps: Mapping[str, tuple[Iterable[str], tuple[str, ...]]]) -> tuple[Edge, ...]:
    found = []
    for step, (sources, targets) in steps.items():
        for source in map(str, sources):
            reached = [source] if step in FACET_STEPS else moved_to(step, source, targets)
            found += [Edge(source, step, str(target)) for target in reached]
    return tuple(sorted(found))


def _one(steps: Mapping[str, tuple[Iterable[str], str]]) -> tuple[Edge, ...]:
    # The names of these steps carry their model, which the heading says already.
    return tuple(
        sorted(
            Edge(str(source), step.split("_", 1)[1], str(target))
            for step, (sources, target) in steps.items()
            for source in sources
        )
    )


def page() -> str:
    """A picture and a table per machine."""
    parts = [
        "Terminal states restrict our own commands only: an execution that a venue reports is"
        " applied in every state. Steps that only note or drop a pending request keep the state;"
        " the pictures leave them out, the tables have them."
    ]
    for machine in machines():
        parts += [f"## {machine.model}", _picture(machine), _rows(machine)]
    return tables.page("States", *parts)


def _picture(machine: Machine) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {machine.start}"]
    steps: dict[tuple[str, str], list[str]] = {}
    for edge in machine.edges:
        if edge.source != edge.target:
            steps.setdefault((edge.source, edge.target), []).append(edge.step)
    lines += [
        f"    {source} --> {target}: {', '.join(names)}"
        for (source, target), names in steps.items()
    ]
    return "\n".join([*lines, "```"])


def _rows(machine: Machine) -> str:
    def told(step: str) -> str:
        name = f"{machine.model}.{step}"
        return tables.code(k.name for k in events.KINDS.values() if name in k.moves)

    rows = [
        [f"`{edge.source}`", edge.step, f"`{edge.target}`", told(edge.step) or "the change log"]
        for edge in machine.edges
    ]
    return tables.table(["from", "step", "to", "recorded by"], rows)
