"""The sandbox's controls and restricted lists.

Called by the seeding command; running it again changes nothing that people have changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controls import checks
from controls.models import Control, RestrictedInstrument
from controls.models.control import SYSTEM
from controls.states import ControlStatus, Remediation

FLAG, REJECT = Remediation.FLAG.value, Remediation.REJECT.value
# An evaluated price of the day before stays usable over a long holiday weekend.
MAX_AGE_S = 4 * 24 * 60 * 60

# code, name, rule class, parameters, remediation
CONTROLS: tuple[tuple[str, str, str, dict[str, Any], str], ...] = (
    (
        "price-tolerance",
        "Price tolerance",
        "price.collar",
        {"max_percent": "5", "max_age_s": MAX_AGE_S},
        FLAG,
    ),
    (
        "price-limit",
        "Price limit",
        "price.collar",
        {"max_percent": "20", "max_age_s": MAX_AGE_S},
        REJECT,
    ),
    (
        "notional-review",
        "Notional for review",
        "size.max_notional",
        {"max_notional": "25000000", "max_age_s": MAX_AGE_S},
        FLAG,
    ),
    (
        "notional-limit",
        "Notional limit",
        "size.max_notional",
        {"max_notional": "100000000", "max_age_s": MAX_AGE_S},
        REJECT,
    ),
    ("max-quantity", "Maximum quantity", "size.max_quantity", {"max_qty": "1000000000"}, REJECT),
    ("restricted-list", "Restricted list", "universe.restricted", {}, REJECT),
    ("duplicate-order", "Duplicate order", "duplicates.economic", {"window_s": 10}, FLAG),
)
SUSPENDED = frozenset({"duplicate-order"})
RESTRICTED = (
    ("restricted", "38143C3G4", "Compliance: do not trade."),
    ("sandbox-pretrade-reject", "912810TD0", "Sandbox: always rejected before trading."),
)


def seed(organization_id: str, *, reject_all: bool, at: datetime) -> None:
    """Add the controls and lists that are not there yet; with `reject_all` none of them flags."""
    controls = []
    for code, name, rule_class, params, remediation in CONTROLS:
        control = Control(
            organization_id=organization_id,
            code=code,
            name=name,
            type=checks.RULES[rule_class].control_type,
            rule_class=rule_class,
            params=params,
            remediation=REJECT if reject_all else remediation,
            # The house's own marker: nobody has to approve what came with it.
            origin=SYSTEM,
            status=(ControlStatus.SUSPENDED if code in SUSPENDED else ControlStatus.ACTIVE).value,
            created_at=at,
        )
        controls.append(control)
    # A first version that is there stays as it is, and so does a later one in force.
    Control.objects.bulk_create(controls, ignore_conflicts=True)
    RestrictedInstrument.objects.bulk_create(
        [
            RestrictedInstrument(
                organization_id=organization_id, list_name=name, cusip=cusip, reason=reason
            )
            for name, cusip, reason in RESTRICTED
        ],
        ignore_conflicts=True,
    )
