"""The rule classes of controls as a page."""

from __future__ import annotations

import msgspec

from controls.checks import RULES, Rule
from controls.library import BUILTIN
from orders.reference import tables

_INTRODUCTION = (
    "A control is a rule class with numbers of its own, for all or some asset classes, that flags"
    " or rejects. A rule whose data is missing does not pass: it fails as `control_unavailable`."
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
            "always" if rule.name in BUILTIN else "when configured",
        ]
        for rule in RULES.values()
    ]
    header = ["rule class", "passes when", "type", "failure code", "parameters", "in force"]
    return tables.page("Controls", _INTRODUCTION, tables.table(header, rows))


def _parameters(rule: Rule) -> str:
    fields = msgspec.structs.fields(rule.params)
    return tables.code(f.name if f.required else f"{f.name}?" for f in fields)
