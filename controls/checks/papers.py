"""What must stand on the order: tags by asset class, and statements that somebody has made."""

from __future__ import annotations

from controls.findings import Answer, Finding, Passed
from controls.parameters import Params
from controls.ticket import Ticket


class TagParams(Params, frozen=True):
    """The tags that orders in these asset classes (every one when none is named) must carry."""

    tags: tuple[str, ...]
    asset_classes: tuple[str, ...] = ()


class AttestationParams(Params, frozen=True):
    """The statements that the trader must have made, by name, in the tag `attestations`."""

    attestations: tuple[str, ...]


def tags(ticket: Ticket, params: TagParams) -> Answer:
    """Every required tag is there (FIX OrderCapacity 528, CustOrderCapacity 582, and others)."""
    if params.asset_classes and ticket.asset_class not in params.asset_classes:
        return Passed(", ".join(params.tags), ticket.asset_class)
    missing = [name for name in params.tags if not ticket.tags.get(name)]
    if not missing:
        return Passed(", ".join(params.tags), "given")
    names = ", ".join(missing)
    return Finding(f"The order needs {names}.", ", ".join(params.tags), f"without {names}")


def attestation(ticket: Ticket, params: AttestationParams) -> Answer:
    """Every required statement has been made."""
    made = {name.strip() for name in ticket.tags.get("attestations", "").split(",")}
    missing = [name for name in params.attestations if name not in made]
    if not missing:
        return Passed(", ".join(params.attestations), "attested")
    return Finding(
        f"{ticket.username} has not attested {', '.join(missing)}.",
        ", ".join(params.attestations),
        ", ".join(sorted(made - {""})),
    )
