"""Packs: controls that a rule book asks for, each with its citation, installed as drafts.

Called by `manage.py install_pack`. A pack is data with a version of its own; installing it again
changes nothing that it already says, and a newer pack makes new versions.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from controls import checks, content, governance, lifecycle, simulation
from controls.models import Control
from controls.packs import market_access, retail
from controls.packs.items import Pack
from controls.states import ControlStatus
from oms_site.firm.principals import Principal
from oms_site.kit.errors import NotFound

PACKS: dict[str, Pack] = {pack.name: pack for pack in (market_access.PACK, retail.PACK)}


def find(name: str) -> Pack:
    """The pack of that name; raises not_found (404)."""
    if name not in PACKS:
        raise NotFound(f"pack (known: {', '.join(PACKS)})")
    return PACKS[name]


def install(
    pack: Pack, organization_id: str, *, at: datetime, by: Principal | None = None
) -> list[Control]:
    """Add what the organization lacks of the pack, as drafts; returns those that were added."""
    made = []
    with transaction.atomic():
        governance.locked(organization_id)
        for item in pack.items:
            if item.rule_class not in checks.RULES:
                continue
            stated = {**item.stated(), "citation": item.citation}
            values = content.read(stated, organization_id=organization_id)
            rows = Control.objects.filter(organization_id=organization_id, code=item.code)
            last = rows.filter(origin__startswith=f"pack:{pack.name}@").order_by("-version").first()
            # People may have changed the numbers: only what the pack itself says anew counts.
            if last is not None and (last.origin == pack.origin or _same(last, values)):
                continue
            made.append(
                governance.store(
                    organization_id,
                    item.code,
                    values,
                    reason=f"{pack.title}, version {pack.version}",
                    by_id=by.user_id if by else None,
                    origin=pack.origin,
                    at=at,
                )
            )
    return made


def activate(
    pack: Pack, organization_id: str, *, maker: Principal, checker: Principal, at: datetime
) -> list[Control]:
    """Put the pack's drafts in force: one person asks, a second one approves after simulating."""
    waiting = Control.objects.filter(
        organization_id=organization_id,
        origin=pack.origin,
        status__in=[ControlStatus.DRAFT, ControlStatus.PENDING_APPROVAL],
    )
    done = []
    # All of the pack or nothing of it.
    with transaction.atomic():
        for row in waiting.order_by("code"):
            if row.status == ControlStatus.DRAFT:
                lifecycle.submit(row.pk, by=maker, at=at)
            simulation.run(row, days=30, by=maker, at=at, most=None)
            done.append(lifecycle.approve(row.pk, reason=pack.title, by=checker, at=at))
    return done


def _same(row: Control, values: dict[str, object]) -> bool:
    return all(getattr(row, name) == value for name, value in values.items())
