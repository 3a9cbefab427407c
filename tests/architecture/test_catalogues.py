"""Events and errors: what the code says is in the catalogues, and the other way round."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import pytest

from orders.events import KINDS
from orders.reference import FOLDER, pages
from orders.reference import errors as error_page
from tests.architecture.source import ROOT, Module, modules, snippet

# Who records, and where its event type stands among the positional arguments.
RECORDERS = {
    "record": (1, 2),
    "tell": (2,),
    "say": (1,),
    "_say": (2,),
    "_tell": (2, 3),
    "_note": (2,),
    "_close": (2,),
    "_too_late": (2,),
}
# Rooms of the journal take the type as an argument and never choose one.
_JOURNAL = "oms_site.journal"


def recorded(module: Module) -> tuple[set[str], list[str]]:
    """Event types that a module records, as patterns, and the places whose type is unknown."""
    found: set[str] = set()
    unknown: list[str] = []
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        values = _constants(function)
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            argument = _event_of(call)
            if argument is None:
                continue
            if isinstance(argument, ast.Name) and argument.id in values:
                found |= values[argument.id]
            elif isinstance(argument, ast.Name) and function.name in RECORDERS:
                continue  # handed on: its callers name it
            elif (pattern := _pattern(argument)) is not None:
                found.add(pattern)
            else:
                unknown.append(f"{module.name}:{call.lineno} {ast.unparse(argument)}")
    return found, unknown


def _event_of(call: ast.Call) -> ast.expr | None:
    func = call.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    for place in RECORDERS.get(name, ()):
        if len(call.args) > place:
            argument = call.args[place]
            if isinstance(argument, ast.Constant | ast.JoinedStr | ast.Name):
                is_event = not isinstance(argument, ast.Name) or argument.id in {
                    "event",
                    "event_type",
                    "how",
                    "word",
                }
                if is_event:
                    return argument
    return None


def _constants(function: ast.FunctionDef) -> dict[str, set[str]]:
    """Texts that a name is bound to within a function, tuples unpacked."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            pairs: Iterable[tuple[ast.expr, ast.expr]] = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = zip(target.elts, value.elts, strict=True)
            for left, right in pairs:
                ways = [right.body, right.orelse] if isinstance(right, ast.IfExp) else [right]
                texts = {text for way in ways if (text := _pattern(way)) is not None}
                if isinstance(left, ast.Name) and texts:
                    found.setdefault(left.id, set()).update(texts)
    return found


def _pattern(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) or "[a-z]+" for part in node.values)
    return None


def everywhere() -> tuple[set[str], list[str]]:
    """Patterns and unknown places of the whole source."""
    found: set[str] = set()
    unknown: list[str] = []
    for module in modules():
        if not module.within(_JOURNAL):
            more, strange = recorded(module)
            found |= more
            unknown += strange
    return found, unknown


def test_every_event_that_is_recorded_is_in_the_catalogue() -> None:
    patterns, unknown = everywhere()
    assert unknown == []
    assert [p for p in patterns if not any(re.fullmatch(p, name) for name in KINDS)] == []


def test_every_event_in_the_catalogue_is_recorded_somewhere() -> None:
    patterns, _ = everywhere()
    assert [name for name in KINDS if not any(re.fullmatch(p, name) for p in patterns)] == []


def test_every_event_is_on_its_page_and_no_other() -> None:
    page = (FOLDER / "events.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(KINDS)


def test_the_checker_reads_every_way_of_naming_an_event() -> None:
    text = """
def f(work, one, word):
    execution.record(work, one, "a", {})
    work.record(row, "b", body={})
    event, body = "c", {}
    work.record(row, event, body=body)
    _say(work, one, f"manual_{word}_fail", {})
    batch.say(found, "d", "text")
    _tell(work, leg, "e", at=at)
def g(work, row, event):
    work.record(row, event, body={})
"""
    patterns, unknown = recorded(snippet(text))
    assert patterns == {"a", "b", "c", "manual_[a-z]+_fail", "d", "e"}
    assert len(unknown) == 1


def test_every_refusal_is_on_the_page() -> None:
    page = (FOLDER / "errors.md").read_text()
    codes = {one.code for one in error_page.refusals(ROOT)}
    assert len(codes) > 90
    assert [code for code in sorted(codes) if f"| `{code}` |" not in page] == []


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("raise OmsError('a_code', 'No.', status=409)", "a_code", 409),
        ("faults.append(Detail('field', 'a_code', f'No {x}.'))", "a_code", 422),
        ("body.fault('field', 'a_code', 'No.')", "a_code", 422),
        ("raise BadJson('No.', code='a_code', status=413)", "a_code", 413),
        ("raise Forbidden('a_code', 'No.')", "a_code", 403),
        ("def f():\n    return 'a_code', 'No.'", "a_code", 422),
        ("A_CODE = 'a_code'", "a_code", 0),
    ],
)
def test_the_reader_of_refusals_sees_every_way_of_refusing(
    text: str, code: str, status: int
) -> None:
    found = list(error_page.within(ast.parse(text), "orders.bad"))
    assert [(one.code, one.status) for one in found] == [(code, status)]


def test_the_generated_pages_are_fresh() -> None:
    stale = [name for name, text in pages().items() if (FOLDER / name).read_text() != text]
    assert stale == [], "run `make docs`"
