"""`--hypothesis-profile=deep` reaches every property, whatever its file says for ordinary days."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import settings

from tests import effort
from tests.architecture.source import ROOT, Module, calls, snippet

_KEPT = ("max_examples", "stateful_step_count")


def shallow(module: Module) -> list[str]:
    """Settings of a property that a profile cannot change."""
    return [
        f"{module.name}:{call.lineno} {word.arg}"
        for call, name in calls(module)
        if name.rpartition(".")[2] == "settings"
        for word in call.keywords
        if word.arg in _KEPT and not _asks_for_effort(word.value)
    ]


def _asks_for_effort(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).startswith("effort.")


@contextmanager
def profile(name: str) -> Iterator[None]:
    """As if the tests had been started with this profile."""
    before = settings.get_current_profile_name()
    settings.load_profile(name)
    try:
        yield
    finally:
        settings.load_profile(before)


def test_no_property_keeps_its_own_number_of_examples_from_the_deep_profile() -> None:
    files = sorted((ROOT / "tests/properties").glob("test_*.py"))
    assert files
    assert [one for file in files for one in shallow(snippet(file.read_text(), file.name))] == []


def test_a_number_in_settings_is_seen() -> None:
    bad = "@settings(max_examples=40)\ndef test() -> None: ...\nx = settings(stateful_step_count=9)"
    assert shallow(snippet(bad, "t")) == ["t:1 max_examples", "t:3 stateful_step_count"]
    good = "settings(max_examples=effort.examples(40), stateful_step_count=effort.steps(25))"
    assert shallow(snippet(good, "t")) == []


def test_an_ordinary_run_tries_as_often_as_the_file_says() -> None:
    with profile("here"):
        assert (effort.examples(40), effort.steps(25)) == (40, 25)


def test_the_deep_profile_tries_a_thousand_stories_of_sixty_steps() -> None:
    with profile(effort.DEEP):
        assert (effort.examples(40), effort.steps(25)) == (1000, 60)
        assert effort.examples(2000) == 2000
