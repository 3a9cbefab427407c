"""Which venue an instruction names: the one that it means, or a fault; never another one.

Asked at intake and again before an execution order is made. What names no venue is for smart order
routing, the wheel or dealers; `manual` on the books always names one. What is handed to a custodian
names the custodian, whose desk is the venue; no other instruction gets there.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from allocations import accounts
from oms_site.kit.errors import Detail
from orders.requests import Instruction
from venues import registry
from venues.capabilities import BOOK, CUSTODIAN
from venues.smart_routing import VenueFacts


def faults(instruction: Instruction, *, field: str = "") -> list[Detail]:
    """Nobody's venue (`venue_not_found`), none where one must be named (`required`), a desk."""
    if instruction.protocol == CUSTODIAN:
        return []  # said by `custodian_faults`
    where = f"{field}." if field else ""
    named = instruction.venue_id
    if instruction.custodian_id:
        text = "Only what is handed to a custodian names one: the protocol custodian."
        return [Detail(f"{where}custodian_id", "custodian_id_forbidden", text)]
    venue = registry.find(named) if named else None
    if named and venue is None:
        return [Detail(f"{where}venue_id", "venue_not_found", f"No venue {named!r}.")]
    if venue is not None and venue.desk:
        text = f"{venue.name} works what is handed to its custodian: the protocol custodian."
        return [Detail(f"{where}venue_id", "venue_not_capable", text)]
    if not named and (instruction.protocol, instruction.strategy) == (BOOK, "manual"):
        return [Detail(f"{where}venue_id", "required", "Name the venue.")]
    return []


def resolved(instruction: Instruction, custodian_id: str | None) -> Instruction:
    """The instruction with its custodian, by default the order's, and that one's desk as its venue.

    Without a desk it has no venue; what is not for a custodian is answered as it is.
    """
    if instruction.protocol != CUSTODIAN:
        return instruction
    name = instruction.custodian_id or custodian_id or ""
    house = accounts.find_custodian(name)
    desk = house.desk if house is not None and house.active else ""
    return msgspec.structs.replace(instruction, custodian_id=name, venue_id=desk)


def custodian_faults(
    instruction: Instruction, *, kind: str, kept_by: Collection[str], field: str = ""
) -> list[Detail]:
    """What is wrong with handing an order of this kind of amount to the custodian named.

    `instruction` is resolved; `kept_by` are the custodians of the order's accounts. A custodian
    works for accounts that it keeps: nobody else's trades would reach them.
    """
    if instruction.protocol != CUSTODIAN:
        return []
    where = f"{field}." if field else ""
    found = []
    if kind != "shares":
        text = "A custodian takes shares, or money for them: give no par."
        found.append(Detail(f"{where}amount", "amount_type_unsupported", text))
    name = instruction.custodian_id or ""
    if why := _why_not(name, instruction.venue_id, kept_by):
        found.append(Detail(f"{where}custodian_id", *why))
    return found


def _why_not(name: str, desk: str, kept_by: Collection[str]) -> tuple[str, str] | None:
    if not name:
        return "required", "Name the custodian."
    house = accounts.find_custodian(name)
    if house is None:
        return "custodian_not_found", "No such custodian."
    if not desk:
        return "custodian_does_not_execute", f"{house.name} books trades and makes none."
    if not kept_by:
        return "custodian_not_of_account", "Say first for which account it is."
    if others := sorted(set(kept_by) - {name}):
        text = f"{house.name} does not keep all its accounts: {', '.join(others)} does."
        return "custodian_not_of_account", text
    return None


def of(instruction: Instruction) -> VenueFacts | None:
    """The venue that a checked instruction names; None when it names none."""
    if not instruction.venue_id:
        return None
    venue = registry.find(instruction.venue_id)
    assert venue is not None, instruction.venue_id
    return venue
