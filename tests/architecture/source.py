"""Reading our own source: every module as a tree, with its dotted name.

The checkers in this folder are functions of a list of modules, so that each is also tried on a bad
snippet: a rule that cannot fail proves nothing.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FLOORS = ("oms_site", "venues", "allocations", "controls", "orders")


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, text and syntax tree."""

    name: str
    text: str
    tree: ast.Module

    def within(self, *rooms: str) -> bool:
        """Whether it is one of these rooms or below one of them."""
        return any(self.name == room or self.name.startswith(f"{room}.") for room in rooms)


def snippet(text: str, name: str = "orders.bad") -> Module:
    """A module made up for a self-test."""
    # CPython 3.11 loses count of its depth when the collector runs code inside the parser.
    gc.disable()
    try:
        return Module(name, text, ast.parse(text))
    finally:
        gc.enable()


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the five floors, migrations aside."""
    found = []
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if ".migrations." not in name:
                found.append(snippet(path.read_text(), name.removesuffix(".__init__")))
    return tuple(found)


def calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted text of what is called."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
