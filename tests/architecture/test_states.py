"""The state machines: models, tables, events and the page about them say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.db import models
from django_fsm import RETURN_VALUE, FSMFieldMixin

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
from oms_site.journal.rows import LedgerRow
from orders.events import KINDS
from orders.external_states import EXTERNAL_STEPS
from orders.reference import FOLDER
from orders.reference.states import machines
from orders.schedule_states import SCHEDULE_STEPS, SLICE_STEPS
from orders.states import (
    EXECUTION_STEPS,
    ORDER_STEPS,
    QUOTE_STEPS,
    REPLACE_LEG_STEPS,
    REPLACEMENT_STEPS,
    RFQ_STEPS,
    ROUND_STEPS,
    VENUE_STEPS,
)

# A table names a step as the method is called, or with a prefix where one table serves two models.
TABLES: dict[str, tuple[Mapping[str, tuple[Any, Any]], str]] = {
    "Order": (ORDER_STEPS, ""),
    "ExecutionOrder": (EXECUTION_STEPS, ""),
    "VenueOrder": (VENUE_STEPS, ""),
    "Replacement": (REPLACEMENT_STEPS, "replacement_"),
    "ReplaceLeg": (REPLACE_LEG_STEPS, "replaceleg_"),
    "Rfq": (RFQ_STEPS, "rfq_"),
    "Quote": (QUOTE_STEPS, "quote_"),
    "QuoteRound": (ROUND_STEPS, "round_"),
    "Schedule": (SCHEDULE_STEPS, "schedule_"),
    "ScheduleSlice": (SLICE_STEPS, "slice_"),
    "Allocation": (ALLOCATION_STEPS, "allocation_"),
    "BookingLeg": (LEG_STEPS, "leg_"),
    "TradeConfirm": (CONFIRM_STEPS, "confirm_"),
    "SettlementInstruction": (INSTRUCTION_STEPS, "instruction_"),
    "ClearingReport": (CLEARING_STEPS, "clearing_"),
    "ExternalOrder": (EXTERNAL_STEPS, "external_"),
    "Review": (REVIEW_STEPS, "review_"),
    "Control": (CONTROL_STEPS, "control_"),
    "Halt": (HALT_STEPS, "halt_"),
    "OrderGroup": (GROUP_STEPS, "group_"),
    "Override": (OVERRIDE_STEPS, "override_"),
}


class Step(NamedTuple):
    """One transition as django-fsm knows it."""

    model: type[models.Model]
    name: str
    sources: frozenset[str]
    targets: frozenset[str]

    @property
    def of(self) -> str:
        return f"{self.model.__name__}.{self.name}"


def steps() -> list[Step]:
    """Every transition of every model."""
    found: dict[str, Step] = {}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if not isinstance(field, FSMFieldMixin):
                continue
            for one in field.get_all_transitions(model):
                targets = (
                    one.target.allowed_states
                    if isinstance(one.target, RETURN_VALUE)
                    else [one.target]
                )
                known = found.get(f"{model.__name__}.{one.name}")
                sources = known.sources if known else frozenset()
                found[f"{model.__name__}.{one.name}"] = Step(
                    model, one.name, sources | {str(one.source)}, frozenset(map(str, targets))
                )
    return list(found.values())


def in_table(step: Step) -> bool:
    """Whether its table has the step, with the same sources and targets."""
    table, prefix = TABLES[step.model.__name__]
    sources, targets = table.get(prefix + step.name, ((), ()))
    reached = {targets} if isinstance(targets, str) else set(targets)
    return set(sources) == step.sources and reached == step.targets


def recorded(step: Step) -> bool:
    """Whether an event states it. Controls are reference data: the change log states those."""
    return not issubclass(step.model, LedgerRow) or any(
        step.of in kind.moves for kind in KINDS.values()
    )


def test_every_state_machine_has_its_table_and_its_picture() -> None:
    assert {step.model.__name__ for step in steps()} == set(TABLES)
    assert {machine.model for machine in machines()} == set(TABLES)


def test_every_transition_is_the_step_that_its_table_says() -> None:
    assert [step.of for step in steps() if not in_table(step)] == []
    # And no table has a step that no model takes.
    made = {step.of for step in steps()}
    for model, (table, prefix) in TABLES.items():
        assert {f"{model}.{name.removeprefix(prefix)}" for name in table} <= made


def test_every_transition_of_a_ledger_row_is_stated_by_an_event() -> None:
    assert [step.of for step in steps() if not recorded(step)] == []
    named = {move for kind in KINDS.values() for move in kind.moves}
    assert named <= {step.of for step in steps()}


def test_every_edge_is_on_the_page() -> None:
    page = (FOLDER / "states.md").read_text()
    for machine in machines():
        section = page.split(f"## {machine.model}\n")[1].split("\n## ")[0]
        for edge in machine.edges:
            assert f"| `{edge.source}` | {edge.step} | `{edge.target}` |" in section
        drawn = [e for e in machine.edges if e.source != e.target]
        assert all(f"{e.source} --> {e.target}: " in section for e in drawn)


def test_every_edge_of_a_page_is_legal() -> None:
    legal = {step.of: step for step in steps()}
    for machine in machines():
        for edge in machine.edges:
            step = legal[f"{machine.model}.{edge.step}"]
            assert edge.source in step.sources
            assert edge.target in step.targets
            assert {e.source for e in machine.edges if e.step == edge.step} == step.sources


@pytest.mark.parametrize(
    "change",
    [{"sources": frozenset({"made_up"})}, {"targets": frozenset({"made_up"})}, {"name": "vanish"}],
)
def test_the_checkers_see_a_step_that_differs(change: dict[str, Any]) -> None:
    step = next(one for one in steps() if one.of == "Order.cancel")
    assert in_table(step)
    assert not in_table(step._replace(**change))
    assert not recorded(step._replace(name="vanish"))
