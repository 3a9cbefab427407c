"""Every refusal code with its sentence, found by reading the source of all floors.

A code is the literal that stands where an `OmsError`, a `Detail`, a reader's `fault` or a returned
`code, sentence` pair has it. Codes that are only passed on are found where they were first named.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rest_framework import exceptions

from orders.reference import tables

FLOORS = ("oms_site", "venues", "allocations", "controls", "orders")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Where the code stands among the positional arguments, and the status it answers with.
_PLACES = {
    "OmsError": (0, 422),
    "StrategyError": (0, 422),
    "__init__": (0, 422),
    "Forbidden": (0, 403),
    "CustodianError": (0, 503),
    "BadJson": (1, 400),
    "Detail": (1, 422),
    "fault": (1, 422),
    "_fault": (2, 422),
    "_fail": (2, 0),
}
_INTRODUCTION = (
    "`code` and `error_details[].code` are stable; sentences are for people and may change."
    " `…` stands for a value. Codes of controls are on [their own page](controls.md) too."
)


class Refusal(NamedTuple):
    """One place that refuses."""

    code: str
    status: int
    sentence: str
    room: str


def page(root: Path) -> str:
    """One row per code."""
    rows = [
        [
            f"`{code}`",
            ", ".join(sorted({str(one.status) for one in found if one.status})),
            " / ".join(dict.fromkeys(one.sentence for one in found if one.sentence)),
            tables.code(sorted({one.room for one in found})),
        ]
        for code, found in sorted(_by_code(refusals(root)).items())
    ]
    return tables.page(
        "Errors",
        _INTRODUCTION,
        tables.table(["code", "status", "sentence", "refused by"], rows),
        "## Before a request reaches a room",
        tables.table(["code", "status", "sentence"], _framework()),
    )


def refusals(root: Path) -> list[Refusal]:
    """Every refusal in the source below `root`; the simulated outside parties have their own."""
    found = []
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if not {"simulator", "migrations", "reference"} & set(parts):
                found += list(
                    within(ast.parse(path.read_text()), ".".join(parts).removesuffix(".__init__"))
                )
    return found


def within(module: ast.Module, room: str) -> Iterator[Refusal]:
    """The refusals of one module; `room` is its dotted name."""
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=said) as code):
                if said == name.lower():
                    yield from _each(code, 0, "", room)
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield from _of_call(node, room)
        if isinstance(node, ast.FunctionDef):
            yield from _of_default(node, room)
        match node:
            case ast.Return(value=ast.Tuple(elts=[given, text])) if _sentence(text).endswith("."):
                yield from _each(given, 422, _sentence(text), room)
            case ast.Assign(targets=[ast.Name(id="code")], value=chosen):
                yield from _each(chosen, 0, "", room)


def _of_call(call: ast.Call, room: str) -> Iterator[Refusal]:
    name = _name(call.func)
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    place, status = _PLACES.get(name, (0, 0))
    match given.get("status"):
        case ast.Constant(value=int(answered)):
            status = answered
    if name in _PLACES and "code" in given:
        yield from _each(given["code"], status, _sentence(call.args[0]), room)
    elif name in _PLACES and len(call.args) > place + 1:
        yield from _each(call.args[place], status, _sentence(call.args[place + 1]), room)
    elif "code" in given and name not in {"ValidationError", "close"}:
        sentence = given.get("sentence", given.get("reason"))
        yield from _each(given["code"], 0, _sentence(sentence) if sentence else "", room)


def _of_default(function: ast.FunctionDef, room: str) -> Iterator[Refusal]:
    """The code an error type has when none is given."""
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if function.name == "__init__" and argument.arg == "code" and default is not None:
            yield from _each(default, 400, "", room)


def _each(node: ast.expr, status: int, sentence: str, room: str) -> Iterator[Refusal]:
    if isinstance(node, ast.IfExp):
        yield from _each(node.body, status, sentence, room)
        yield from _each(node.orelse, status, sentence, room)
    elif isinstance(node, ast.Constant) and _SNAKE.fullmatch(str(node.value)):
        yield Refusal(str(node.value), status, sentence, room)


def _name(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _sentence(node: ast.expr) -> str:
    """A literal or formatted text, its values as an ellipsis."""
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_sentence(part) or "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return f"{_sentence(node.left)}{_sentence(node.right) or '…'}"
    return ""


def _by_code(found: Iterable[Refusal]) -> dict[str, list[Refusal]]:
    grouped: dict[str, list[Refusal]] = defaultdict(list)
    for one in found:
        grouped[one.code].append(one)
    return grouped


def _framework() -> list[list[str]]:
    kinds = [
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, exceptions.APIException)
    ]
    rows = {
        (kind.status_code, kind.default_code): str(kind.default_detail)
        for kind in kinds
        if kind is not exceptions.APIException
    }
    return [[f"`{code}`", str(status), text] for (status, code), text in sorted(rows.items())]
