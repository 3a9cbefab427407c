"""Ledger rows are written by the unit of work and by nothing else; queues by their own rooms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import pytest
from django.apps import apps
from django.db import models

from oms_site.journal.rows import LedgerFact, LedgerRow, QueueRow
from tests.architecture.source import Module, modules, snippet

WRITES = {
    "save",
    "update",
    "create",
    "delete",
    "get_or_create",
    "update_or_create",
    "bulk_create",
    "bulk_update",
    "asave",
    "acreate",
    "aupdate",
    "adelete",
}
# Which rooms empty or mark which queue. Filling one is the unit's business (`work.add`).
QUEUE_ROOMS = {
    "AllocationDue": {"orders.lots"},
    "Outbound": {"venues.transmission"},
    "Inbound": {"venues.inbox"},
    "MassCancelOrder": {"orders.mass_canceling"},
    "FlattenLine": {"orders.flattening.proposing", "orders.flattening.working"},
    "OrderWords": {"orders.searching"},
    "OrderListWatch": {
        "orders.contingent.submitting",
        "orders.contingent.settling",
        "orders.list_watch",
    },
    "PriceWatch": {"orders.triggers"},
    "SecurityNotice": {"orders.breaking", "orders.reports.notices"},
    "ClearingDue": {"allocations.clearing.dues"},
    "FeedDelivery": {"allocations.feed.outbox"},
    "MovementNotice": {"allocations.notices"},
    "SettlementDue": {"allocations.settlement.dues"},
    "CustodianMessage": {"allocations.settlement.mailbox"},
    "MatchingMessage": {"allocations.settlement.central"},
}


def names_of(*kinds: type[models.Model]) -> set[str]:
    """The class names of every model of these kinds."""
    return {model.__name__ for model in apps.get_models() if issubclass(model, kinds)}


def writes_of(module: Module, watched: set[str]) -> list[tuple[str, str]]:
    """Calls that write through a watched model: its manager, its rows, a variable with either.

    A variable is followed from its assignment or loop to the write within one function.
    """
    found = []
    for scope in ast.walk(module.tree):
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            continue
        held = _holding(scope, watched)
        for call in _own_calls(scope):
            func = call.func
            if not isinstance(func, ast.Attribute) or func.attr not in WRITES:
                continue
            about = _models_in(func.value, watched, held)
            found += [(name, f"{module.name}:{call.lineno} {ast.unparse(func)}") for name in about]
    return sorted(set(found))


def _own_calls(scope: ast.AST) -> list[ast.Call]:
    return [node for node in _own(scope) if isinstance(node, ast.Call)]


def _own(scope: ast.AST) -> Iterable[ast.AST]:
    """Nodes of a scope without those of functions inside it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            waiting += ast.iter_child_nodes(node)


def _holding(scope: ast.AST, watched: set[str]) -> dict[str, set[str]]:
    held: dict[str, set[str]] = {}
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        for argument in [*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs]:
            if argument.annotation is not None:
                held[argument.arg] = _models_in(argument.annotation, watched, {})
    for _ in range(2):  # an assignment may stand above what it depends on, in a loop
        for node in _own(scope):
            target, value = _binding(node)
            if target is None or value is None:
                continue
            about = _models_in(value, watched, held)
            for name in ast.walk(target):
                if isinstance(name, ast.Name) and about:
                    held.setdefault(name.id, set()).update(about)
    return held


def _binding(node: ast.AST) -> tuple[ast.AST | None, ast.AST | None]:
    if isinstance(node, ast.Assign):
        return node.targets[0], node.value
    if isinstance(node, ast.For | ast.comprehension):
        return node.target, node.iter
    if isinstance(node, ast.AnnAssign | ast.NamedExpr):
        return node.target, node.value
    return None, None


def _models_in(node: ast.AST, watched: set[str], held: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found |= ({part.id} & watched) | held.get(part.id, set())
        elif isinstance(part, ast.Attribute):
            found |= {part.attr} & watched
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            found |= set(re.findall(r"\w+", part.value)) & watched
    return found


LEDGER = names_of(LedgerRow, LedgerFact) | {"Event", "Feed"}


def test_nobody_but_the_unit_writes_a_ledger_row() -> None:
    outside = [m for m in modules() if not m.within("oms_site.journal")]
    found = [line for module in outside for _, line in writes_of(module, LEDGER)]
    # The sandbox's one legitimate end: it is thrown away as a whole.
    assert [line for line in found if "seed_sandbox" not in line] == []


def test_only_its_own_room_writes_a_queue() -> None:
    assert names_of(QueueRow) == set(QUEUE_ROOMS)
    for module in modules():
        for queue, line in writes_of(module, set(QUEUE_ROOMS)):
            assert module.name in QUEUE_ROOMS[queue], line


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    Order.objects.filter(id=1).update(status='filled')",
        "def f():\n    Order(id=1).save()",
        "def f():\n    rows = Order.objects.all()\n    for row in rows:\n        row.save()",
        "def f(order: Order):\n    order.delete()",
        "def f(order: 'Order | None'):\n    order.save()",
        "def f():\n    models.Execution.objects.bulk_create([])",
        "Review.objects.create()",
    ],
)
def test_the_checker_sees_a_write(text: str) -> None:
    assert writes_of(snippet(text), LEDGER)


def test_the_checker_leaves_other_writes_alone() -> None:
    text = (
        "def f(order: Order):\n    seen = set()\n    seen.update([1])\n    Venue.objects.create()"
    )
    assert writes_of(snippet(text), LEDGER) == []
