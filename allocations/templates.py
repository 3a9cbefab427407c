"""Named splits: a strategy and percentages of accounts, turned into the amounts of one block.

Asked for by whoever fills in a ticket or reads a request; the result can be changed before it is
sent, and what was sent is the basis. Templates are configuration: replaced as a whole, never part
of an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from allocations import accounts
from allocations.basis import Requested
from allocations.models import Template, TemplateShare
from allocations.strategies import STRATEGIES
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.kit import numbers
from oms_site.kit.errors import Detail, NotFound, OmsError, refuse

MANAGE = "allocation.enter"
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
        raise _not_whole()
    odd = qty % min_increment
    parts = numbers.largest_remainder(qty - odd, percents, quantum=min_increment)
    parts[0] += odd
    return parts


def listed(organization_id: str) -> list[dict[str, Any]]:
    """An organization's templates in use, by name, as the API tells them."""
    rows = Template.objects.filter(organization_id=organization_id, active=True)
    return [view(row) for row in rows.prefetch_related("shares__account").order_by("name")]


def view(row: Template) -> dict[str, Any]:
    """One template with its shares, in their order."""
    shares = sorted(row.shares.all(), key=lambda share: (share.position, share.pk))
    return {
        "name": row.name,
        "strategy": row.strategy,
        "shares": [
            {
                "account_id": share.account_id,
                "account_code": share.account.code,
                "percent": share.percent,
            }
            for share in shares
        ],
    }


def put(
    name: str, *, strategy: str, shares: Sequence[tuple[str, Decimal]], by: Principal
) -> Template:
    """Make a template, or replace the one of that name. Raises `OmsError` (422) with every fault.

    `shares` are accounts by id or code with their percentages, which add up to 100.
    """
    by.require(MANAGE)
    generation.check()
    organization_id = by.organization_id
    found = [accounts.find_account(organization_id, one) for one, _ in shares]
    faults = [
        Detail(f"shares[{n}].account_id", "account_not_found", "No such account here.")
        for n, facts in enumerate(found)
        if facts is None
    ]
    known = [facts.id for facts in found if facts is not None]
    if len(set(known)) < len(known):
        faults.append(Detail("shares", "duplicate_account", "Name an account once."))
    if strategy not in STRATEGIES:
        faults.append(
            Detail("strategy", "strategy_unknown", f"Give one of {', '.join(STRATEGIES)}.")
        )
    if any(not 0 < percent <= WHOLE for _, percent in shares):
        faults.append(Detail("shares", "percent_not_sensible", "Give above 0 and up to 100."))
    refuse(faults)
    if sum((percent for _, percent in shares), Decimal(0)) != WHOLE:
        raise _not_whole()
    with transaction.atomic():
        row, _ = Template.objects.select_for_update().update_or_create(
            organization_id=organization_id,
            name=name,
            defaults={"strategy": strategy, "active": True},
        )
        row.shares.all().delete()
        TemplateShare.objects.bulk_create(
            [
                TemplateShare(template=row, account_id=account_id, percent=percent, position=n)
                for n, (account_id, (_, percent)) in enumerate(zip(known, shares, strict=True))
            ]
        )
    return row


def retire(name: str, *, by: Principal) -> None:
    """Take a template out of use; what was split by it stays. Raises `NotFound`."""
    by.require(MANAGE)
    mine = Template.objects.filter(organization_id=by.organization_id, name=name, active=True)
    if not mine.update(active=False):
        raise NotFound("template")


def _not_whole() -> OmsError:
    return OmsError("template_not_whole", "The percentages of a template add up to 100.")
