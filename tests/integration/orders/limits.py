"""Controls put in force for a test, as the back office would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controls import checks, listing, parameters, seed
from controls.models import Control
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.kit import clock
from tests import trading


def in_force(
    rule_class: str,
    *,
    remediation: str = "reject",
    of: str = "alpha",
    regulatory: bool = False,
    readable: bool = True,
    only: Mapping[str, list[str]] | None = None,
    **params: Any,
) -> Control:
    """A control of alpha's in force, for a slice if `only` names one, seen by the next batch."""
    # One that cannot be read rejects everything, whatever the test is about.
    if readable:
        parameters.read(checks.RULES[rule_class].params, params)
    code = f"test-{rule_class}-{Control.objects.count()}"
    control = Control(
        organization_id=of,
        code=code,
        name=rule_class,
        type=checks.RULES[rule_class].control_type,
        rule_class=rule_class,
        params=params,
        slice=dict(only or {}),
        remediation=remediation,
        regulatory=regulatory,
        created_at=clock.now(),
    )
    Control.objects.bulk_create([control])
    rows = Control.objects.filter(organization_id=of, code=code)
    maker, checker = User.objects.filter(organization_id=of).order_by("id")[:2]
    seed.put_in_force(rows, maker=maker.pk, checker=checker.pk, at=clock.now())
    generation.check()
    return rows.get()


def listed(name: str, *cusips: str, kind: str = "restricted") -> None:
    """The next version of a list of alpha's, written by one person and approved by another."""
    maker, checker = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    at = clock.now()
    row = listing.draft(name, kind=kind, cusips=cusips, by=maker, at=at)
    listing.approve(row, by=checker, at=at)
    generation.check()
