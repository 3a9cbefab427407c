"""Size, prose and typing of every file, and what no file may mention."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, Module, functions, modules, snippet

FILE_MOST, FUNCTION_MOST = 400, 60
_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<code>\[[a-z\-, ]+\])?(?P<reason>.*)")
# In two pieces, so that this file does not mention it either.
ELSEWHERE = "work/" + "shared"


def oversized(module: Module) -> list[str]:
    """Files and functions over the budget."""
    found = []
    lines = module.text.count("\n")
    if lines > FILE_MOST:
        found.append(f"{module.name}: {lines} lines")
    for function in functions(module):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_MOST:
            found.append(f"{module.name}.{function.name}: {length} lines")
    return found


def undocumented(module: Module) -> list[str]:
    """Modules with content, and public functions and classes, that say nothing of themselves."""
    found = []
    if module.tree.body and ast.get_docstring(module.tree) is None:
        found.append(module.name)
    for node in module.tree.body:
        public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if public and not node.name.startswith("_") and ast.get_docstring(node) is None:  # type: ignore[attr-defined, arg-type]  # narrowed by `public`
            found.append(f"{module.name}.{node.name}")  # type: ignore[attr-defined]  # narrowed too
    return found


def bare_ignores(text: str) -> list[int]:
    """Lines with a `type: ignore` that lacks its code or its reason."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        match = _IGNORE.match(token.string)
        if match and not (match["code"] and match["reason"].strip(" #")):
            found.append(token.start[0])
    return found


def absent_pages(module: Module) -> list[str]:
    """Pages that a docstring sends its reader to and that are not there."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    holders = [node for node in ast.walk(module.tree) if isinstance(node, kinds)]
    text = "\n".join(ast.get_docstring(node) or "" for node in holders)
    named = sorted(set(re.findall(r"docs/[\w./-]+\.md", text)))
    return [f"{module.name}: {page}" for page in named if not (ROOT / page).exists()]


def tracked() -> list[Path]:
    """Every file of the project, new ones too."""
    said = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        pytest.skip("not a git checkout")
    return [path for line in said.stdout.splitlines() if (path := ROOT / line).is_file()]


def test_files_and_functions_are_small() -> None:
    assert [line for module in modules() for line in oversized(module)] == []


def test_every_public_thing_says_what_it_is() -> None:
    assert [line for module in modules() for line in undocumented(module)] == []


def test_types_are_ignored_only_with_a_code_and_a_reason() -> None:
    files = [path for path in tracked() if path.suffix == ".py"]
    found = {
        str(path.relative_to(ROOT)): lines
        for path in files
        if (lines := bare_ignores(path.read_text()))
    }
    assert found == {}


def test_nothing_mentions_what_lies_outside_the_project() -> None:
    found = [
        path
        for path in tracked()
        if path.suffix not in {".png", ".woff2", ".ico"}
        and ELSEWHERE in path.read_text(errors="ignore")
    ]
    assert found == []


def test_every_page_that_a_docstring_names_is_there() -> None:
    assert [fault for module in modules() for fault in absent_pages(module)] == []


def test_the_checkers_can_fail() -> None:
    long = "def f():\n" + "    x = 1\n" * FUNCTION_MOST
    assert oversized(snippet(long)) == [f"orders.bad.f: {FUNCTION_MOST + 1} lines"]
    assert oversized(snippet("x = 1\n" * (FILE_MOST + 1)))
    assert undocumented(snippet("def f(): ...\nclass C: ...\ndef _g(): ...")) == [
        "orders.bad",
        "orders.bad.f",
        "orders.bad.C",
    ]
    ignore = "# type: " + "ignore"
    assert bare_ignores(f"x = 1  {ignore}\n") == [1]
    assert bare_ignores(f"x = 1  {ignore}[misc]\n") == [1]
    assert bare_ignores(f"x = 1  {ignore}[misc]  # the library has no types\n") == []
    told = 'def f():\n    """See `docs/ARCHITECTURE.md` and `docs/subsystems/nowhere.md`."""\n'
    assert absent_pages(snippet(told)) == ["orders.bad: docs/subsystems/nowhere.md"]
