"""The rule classes of controls as a page."""

from __future__ import annotations

import msgspec

from controls import library
from controls.checks import RULES, Rule
from controls.library import BUILTIN, REDUCE_ONLY, WATCHED
from orders.reference import tables
from orders.reference.advice import WHAT_TO_DO

_INTRODUCTION = (
    "A control is a rule class with numbers of its own, for all or some asset classes, that flags"
    " or rejects. A rule whose data is missing does not pass: it fails as `control_unavailable`."
    " Behind each parameter stands what it is without one; one that stands alone is required."
)


def page() -> str:
    """One row per rule class."""
    rows = [
        [
            f"`{rule.name}`",
            rule.sentence,
            rule.control_type,
            f"`{rule.code}`",
            _parameters(rule),
            _standing(rule),
        ]
        for rule in RULES.values()
    ]
    header = ["rule class", "passes when", "type", "failure code", "parameters", "in force"]
    return tables.page(
        "Controls",
        _INTRODUCTION,
        tables.table(header, rows),
        "## Codes and what to do",
        tables.table(["code", "what to do", "rule classes"], _codes()),
    )


def _codes() -> list[list[str]]:
    """Every code that a control fails with, with its advice."""
    rules: dict[str, list[str]] = {library.CONTROL_UNAVAILABLE: []}
    for rule in RULES.values():
        rules.setdefault(rule.code, []).append(rule.name)
    return [
        [f"`{code}`", WHAT_TO_DO.get(code, ""), tables.code(names) or "all"]
        for code, names in sorted(rules.items())
    ]


def _standing(rule: Rule) -> str:
    """When it is looked at without any control that says so."""
    if rule.name in BUILTIN:
        return "always"
    asked = {REDUCE_ONLY: "when the order asks for it", WATCHED: "when a watch list names it"}
    return asked.get(rule.name, "when configured")


def _parameters(rule: Rule) -> str:
    """Names with their defaults; a required one stands alone."""
    fields = msgspec.structs.fields(rule.params)
    return ", ".join(f"`{f.name}`" + ("" if f.required else _default(f.default)) for f in fields)


def _default(value: object) -> str:
    if value is None or value == ():
        return " (none)"
    return f" ({msgspec.json.encode(value, enc_hook=str).decode()})"
