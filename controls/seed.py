"""The sandbox's controls and restricted lists.

Called by the seeding command; running it again changes nothing that people have changed.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from controls import checks
from controls.models import Breaker, Control, ControlList, ListingDecision
from controls.states import ControlStatus, Pending, Remediation
from oms_site.firm.models import User

FLAG, REJECT = Remediation.FLAG.value, Remediation.REJECT.value
ORIGIN = "sandbox"
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

# Wide enough that a quiet sandbox trips none of them.
BREAKERS: tuple[dict[str, Any], ...] = (
    {"name": "Price move", "kind": "price_move", "percent": Decimal(10), "window_s": 300},
    {"name": "One-sided book", "kind": "imbalance", "percent": Decimal(90), "active": False},
    {"name": "Backlog", "kind": "capacity", "most": 50_000},
)


def seed(organization_id: str, *, reject_all: bool, at: datetime) -> None:
    """Add the controls and lists that are not there yet; with `reject_all` none of them flags.

    Two people of the organization's compliance are named as who wrote and who approved them.
    """
    maker, checker = _two(organization_id)
    _controls(organization_id, reject_all, maker, checker, at)
    _lists(organization_id, maker, checker, at)
    _breakers(organization_id)


def put_in_force(rows: QuerySet[Control], *, maker: int, checker: int, at: datetime) -> None:
    """Drafts submitted by one person and approved by another, without a simulation."""
    asked = {"requested_by_id": maker, "decided_by_id": None, "changed_at": at}
    decided = {"pending": "", "decided_by_id": checker, "changed_at": at}
    rows.update(status=ControlStatus.PENDING_APPROVAL, pending=Pending.ACTIVATE, **asked)
    rows.update(status=ControlStatus.ACTIVE, approved_by_id=checker, approved_at=at, **decided)


def _two(organization_id: str) -> list[int]:
    people = User.objects.filter(organization_id=organization_id, roles__contains=["compliance"])
    found = list(people.order_by("id").values_list("id", flat=True)[:2])
    if len(found) < 2:
        raise LookupError(f"{organization_id} lacks two people of compliance")
    return found


def _controls(
    organization_id: str, reject_all: bool, maker: int, checker: int, at: datetime
) -> None:
    rows = Control.objects.filter(organization_id=organization_id)
    known = set(rows.values_list("code", flat=True))
    made = [one for one in CONTROLS if one[0] not in known]
    Control.objects.bulk_create(
        Control(
            organization_id=organization_id,
            code=code,
            name=name,
            type=checks.RULES[rule_class].control_type,
            rule_class=rule_class,
            params=params,
            remediation=REJECT if reject_all else remediation,
            origin=ORIGIN,
            reason="came with the sandbox",
            created_by_id=maker,
            created_at=at,
        )
        for code, name, rule_class, params, remediation in made
    )
    fresh = rows.filter(code__in=[one[0] for one in made], version=1)
    put_in_force(fresh, maker=maker, checker=checker, at=at)
    resting = fresh.filter(code__in=SUSPENDED)
    resting.update(pending=Pending.SUSPEND, requested_by_id=maker, decided_by_id=None)
    resting.update(status=ControlStatus.SUSPENDED, pending="", decided_by_id=checker)


def _lists(organization_id: str, maker: int, checker: int, at: datetime) -> None:
    for name, cusip, reason in RESTRICTED:
        row, fresh = ControlList.objects.get_or_create(
            organization_id=organization_id,
            name=name,
            version=1,
            defaults={
                "kind": ControlList.Kind.RESTRICTED,
                "cusips": [cusip],
                "reason": reason,
                "created_by_id": maker,
                "created_at": at,
            },
        )
        if fresh:
            ListingDecision.objects.create(
                organization_id=organization_id,
                control_list=row,
                approve=True,
                decided_by_id=checker,
                decided_at=at,
            )


def _breakers(organization_id: str) -> None:
    known = set(Breaker.objects.filter(organization_id=organization_id).values_list("name"))
    Breaker.objects.bulk_create(
        Breaker(organization_id=organization_id, **one)
        for one in BREAKERS
        if (one["name"],) not in known
    )
