"""How an approved order moves on: its own instructions, staged on request, the rules, or staged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from oms_site.firm.generation import Cached
from orders import destinations, extending
from orders.models import Order, Ruleset
from orders.requests import SCHEDULED, Instruction, Scheduled, ScheduleTerms
from venues.instruments import InstrumentFacts

PROTOCOLS = {
    "limit_order_book": ("smart_order_routing", "manual", "broker_wheel", *SCHEDULED),
    "rfq": ("manual", "auto_ex"),
    "external": ("external",),
    "custodian": ("manual",),
}


@dataclass(frozen=True)
class Choice:
    """Where an order goes next: `origin` is instruction, staged, ruleset or unmatched."""

    origin: str
    instructions: tuple[Instruction, ...] = ()
    rule: str = ""

    def wire(self) -> dict[str, Any]:
        """The choice in a preview."""
        return {
            "origin": self.origin,
            "rule": self.rule or None,
            "instructions": [
                {
                    "protocol": i.protocol,
                    "strategy": i.strategy,
                    "quantity": i.qty,
                    **({"custodian_id": i.custodian_id} if i.custodian_id else {}),
                }
                for i in self.instructions
            ],
        }


def _load() -> dict[str, tuple[int, list[dict[str, Any]]]]:
    rows = Ruleset.objects.filter(active=True)
    return {row.organization_id: (row.version, row.rules) for row in rows}


_rulesets = Cached(_load)


def choose(order: Order, facts: InstrumentFacts) -> Choice:
    """The order's next step. The order of precedence is the guide's: first what it says itself."""
    if order.execution_instructions:
        asked = (instruction_of(i) for i in order.execution_instructions)
        named = tuple(destinations.resolved(one, order.custodian_id) for one in asked)
        return Choice("instruction", named)
    if order.bypass_auto_execution:
        return Choice("staged")
    version, rules = _rulesets.get().get(order.organization_id, (0, []))
    for rule in rules:
        if matches(rule.get("when", {}), order, facts):
            then = rule["then"]
            kind = Scheduled if then["strategy"] in SCHEDULED else Instruction
            instruction = kind(
                protocol=then["protocol"],
                strategy=then["strategy"],
                venue_id=then.get("venue_id", ""),
                qty=order.leaves_qty,
                all_or_none=order.all_or_none,
                custodian_id=then.get("custodian_id", msgspec.UNSET),
            )
            handed = destinations.resolved(instruction, order.custodian_id)
            return Choice("ruleset", (handed,), f"v{version}/{rule['id']}")
    return Choice("unmatched")


def due_at(order: Order, facts: InstrumentFacts) -> datetime | None:
    """When the order must be routed; None stages it."""
    if order.awaits_trigger or order.is_held:
        return None
    return order.eligible_at if choose(order, facts).instructions else None


def matches(when: Mapping[str, Any], order: Order, facts: InstrumentFacts) -> bool:
    """Whether a rule's conditions hold; a condition that is absent always does."""
    classes = when.get("asset_class")
    if classes and facts.asset_class not in classes:
        return False
    if when.get("side") and when["side"] not in (order.side, order.named_side):
        return False
    if when.get("min_qty") is not None and order.order_qty < Decimal(str(when["min_qty"])):
        return False
    return when.get("max_qty") is None or order.order_qty <= Decimal(str(when["max_qty"]))


def instruction_json(instruction: Instruction, kind: str) -> dict[str, Any]:
    """An instruction as it is stored on the order and echoed to the client."""
    qty = instruction.qty
    price = instruction.limit_price
    more: dict[str, Any] = {}
    if isinstance(instruction, Scheduled):
        more = {"parameters": msgspec.to_builtins(instruction.parameters)}
    if instruction.fees:
        more["fees"] = list(instruction.fees)
    if instruction.annotation:
        more["annotation"] = instruction.annotation
    if instruction.custodian_id:
        more["custodian_id"] = instruction.custodian_id
    return {
        "protocol": instruction.protocol,
        "strategy": instruction.strategy,
        "quantity": {"type": kind, "value": str(qty)},
        "limit_price": None if price is None else str(price),
        "venue_id": instruction.venue_id or None,
        "all_or_none": instruction.all_or_none,
        "suppress_pmp_check": instruction.suppress_pmp_check,
        "client_execution_order_id": instruction.client_execution_order_id,
        **extending.told(instruction.extension),
        **more,
    }


def instruction_of(stored: Mapping[str, Any]) -> Instruction:
    """The instruction that `instruction_json` stored."""
    price = stored.get("limit_price")
    made = Instruction(
        protocol=stored["protocol"],
        strategy=stored["strategy"],
        qty=Decimal(str(stored["quantity"]["value"])),
        limit_price=None if price is None else Decimal(str(price)),
        venue_id=stored.get("venue_id") or "",
        all_or_none=bool(stored.get("all_or_none")),
        suppress_pmp_check=bool(stored.get("suppress_pmp_check")),
        client_execution_order_id=stored.get("client_execution_order_id"),
        fees=tuple(stored.get("fees") or ()),
        annotation=stored.get("annotation") or "",
        extension=extending.read(stored),
        custodian_id=stored.get("custodian_id", msgspec.UNSET),
    )
    if made.strategy not in SCHEDULED:
        return made
    terms = msgspec.convert(stored.get("parameters", {}), ScheduleTerms)
    return Scheduled(**msgspec.structs.asdict(made), parameters=terms)
