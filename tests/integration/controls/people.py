"""Two people of Alpha's compliance, and the steps they take together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controls import governance, lifecycle, simulation
from controls.models import Control
from controls.states import Pending
from oms_site.firm import policy_changes, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from tests.integration.controls import rows
from tests.unit.controls.tickets import AT

COLLAR: dict[str, Any] = {
    "name": "Collar",
    "rule_class": "price.collar",
    "params": {"max_percent": "3", "max_age_s": 86_400},
    "remediation": "flag",
}


def principal(name: str, *, of: str = "alpha", role: str = "compliance") -> Principal:
    """A person of an organization that has a policy; made when there is none of the name."""
    policy_changes.first(rows.organization(of).pk, at=rows.AT)
    user = User.objects.filter(username=name).first() or rows.user(name, of=of, roles=(role,))
    return principals.of_user(user, via="test")


def maker(of: str = "alpha") -> Principal:
    """Who asks."""
    return principal(f"{of}_maker", of=of)


def checker(of: str = "alpha") -> Principal:
    """Who decides."""
    return principal(f"{of}_checker", of=of)


def drafted(
    code: str = "collar", *, of: str = "alpha", at: datetime = AT, **stated: Any
) -> Control:
    """A draft by the maker."""
    return governance.draft(code, {**COLLAR, **stated}, reason="wanted", by=maker(of), at=at)


def released(row: Control, *, at: datetime = AT) -> Control:
    """The draft submitted, simulated and approved."""
    of = row.organization_id
    lifecycle.submit(row.pk, by=maker(of), at=at)
    simulation.run(row, days=30, by=maker(of), at=at)
    return lifecycle.approve(row.pk, by=checker(of), at=at)


def suspend(code: str) -> Control:
    """Alpha's control taken out of force by both."""
    return _change(code, Pending.SUSPEND)


def resume(code: str) -> Control:
    """Alpha's control put back into force by both."""
    return _change(code, Pending.RESUME)


def _change(code: str, what: Pending) -> Control:
    row = governance.own(code, by=maker())
    lifecycle.request(row.pk, what, reason="for a test", by=maker(), at=AT)
    return lifecycle.approve(row.pk, by=checker(), at=AT)
