"""What a pack is made of: plain values."""

from __future__ import annotations

from typing import Any

import msgspec


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One control of a pack, with the paragraph that asks for it."""

    code: str
    name: str
    rule_class: str
    params: dict[str, Any]
    citation: str
    remediation: str = "reject"
    regulatory: bool = False
    slice: dict[str, list[str]] = {}
    message: str = ""

    def stated(self) -> dict[str, Any]:
        """The content of the version that installs it."""
        return {
            "name": self.name,
            "rule_class": self.rule_class,
            "params": self.params,
            "remediation": self.remediation,
            "regulatory": self.regulatory,
            "slice": self.slice,
            "message": self.message,
        }


class Pack(msgspec.Struct, frozen=True):
    """Controls that belong together, and which edition of them this is."""

    name: str
    version: int
    title: str
    items: tuple[Item, ...]

    @property
    def origin(self) -> str:
        """What its controls carry as their origin."""
        return f"pack:{self.name}@{self.version}"
