"""Controls put in force for a test, as the back office would have."""

from __future__ import annotations

from typing import Any

from controls import checks
from controls.models import Control
from oms_site.firm import generation
from oms_site.kit import clock


def in_force(
    rule_class: str, *, remediation: str = "reject", of: str = "alpha", **params: Any
) -> Control:
    """A control of alpha's in force, seen by the next batch."""
    code = f"test-{rule_class}-{Control.objects.count()}"
    control = Control(
        organization_id=of,
        code=code,
        name=rule_class,
        type=checks.RULES[rule_class].control_type,
        rule_class=rule_class,
        params=params,
        remediation=remediation,
        origin="system",
        status="active",
        created_at=clock.now(),
    )
    Control.objects.bulk_create([control])
    generation.check()
    return control
