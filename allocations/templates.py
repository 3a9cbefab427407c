"""Named splits: a strategy and percentages of accounts, turned into the amounts of one block.

Asked for by whoever fills in a ticket or reads a request; the result can be changed before it is
sent, and what was sent is the basis. Pure but for reading the template.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from allocations.basis import Requested
from allocations.models import Template
from oms_site.kit import numbers
from oms_site.kit.errors import NotFound, OmsError

WHOLE = Decimal(100)


@dataclass(frozen=True, slots=True)
class Split:
    """What a template makes of a quantity: the strategy, and who is to get how much."""

    strategy: str
    requested: tuple[Requested, ...]


def apply(name: str, *, organization_id: str, qty: Decimal, min_increment: Decimal) -> Split:
    """Split a quantity by an organization's template, in whole increments, losing nothing.

    What is less than an increment goes to the first account. Raises `NotFound`, `OmsError` (422).
    """
    rows = Template.objects.filter(organization_id=organization_id, name=name, active=True)
    template = rows.first()
    if template is None:
        raise NotFound("template")
    shares = list(template.shares.order_by("position", "id"))
    percents = [share.percent for share in shares]
    parts = split(percents, qty=qty, min_increment=min_increment)
    wanted = [
        Requested(share.account_id, part) for share, part in zip(shares, parts, strict=True) if part
    ]
    return Split(template.strategy, tuple(wanted))


def split(percents: list[Decimal], *, qty: Decimal, min_increment: Decimal) -> list[Decimal]:
    """A quantity by percentages that add up to 100: largest remainder, ties to the larger percent.

    Raises `OmsError` (`template_not_whole`) when they do not.
    """
    if sum(percents, Decimal(0)) != WHOLE:
        raise OmsError("template_not_whole", "The percentages of a template add up to 100.")
    odd = qty % min_increment
    parts = numbers.largest_remainder(qty - odd, percents, quantum=min_increment)
    parts[0] += odd
    return parts
