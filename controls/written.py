"""What counts besides controls, as `/controls/` shows it: lists, mandates, the policy, breakers.

Read only; the forms of the page write over `/v1/control/list/`, `/v1/control/mandate/` and
`/v1/policy/version/`, and another person approves.
"""

from __future__ import annotations

from typing import Any

import msgspec

from controls import governance, listing, watching
from controls.models import Breaker, ControlList
from oms_site.firm import policies, policy_changes
from oms_site.firm.principals import Principal
from oms_site.kit import clock


def shown(by: Principal) -> dict[str, Any]:
    """All of it for one person; what the person may not see is absent."""
    manages = by.may(governance.MANAGE) or by.may(governance.CONFIGURE)
    sees = watching.may_see(by)
    return {
        "lists": _lists(by) if sees else [],
        "mandates": _mandates(by) if sees else [],
        "policy": _policy(by),
        "breakers": breakers(by.organization_id),
        "kinds": ControlList.Kind.choices,
        "sees": sees,
        "writes": manages,
        "rules": by.may(policy_changes.MANAGE),
    }


def breakers(organization_id: str) -> list[Breaker]:
    """The circuit breakers that stand over an organization: its own and the house's."""
    rows = Breaker.objects.filter(organization_id__in=[organization_id, "house"])
    return list(rows.order_by("-active", "kind", "name"))


def _lists(by: Principal) -> list[dict[str, Any]]:
    held: dict[str, ControlList] = {}
    for row in listing.lists_of(by.organization_id):
        if listing.status(row) == "approved":
            held.setdefault(row.name, row)
    return [
        {
            "row": row,
            "members": [*row.cusips, *row.issuers, *row.accounts],
            "content": _text(
                {
                    name: getattr(row, name)
                    for name in ("name", "kind", "cusips", "issuers", "accounts")
                }
            ),
        }
        for row in sorted(held.values(), key=lambda row: row.name)
    ]


def _mandates(by: Principal) -> list[dict[str, Any]]:
    held: dict[str, Any] = {}
    for row in listing.mandates_of(by.organization_id):
        if listing.status(row) == "approved":
            held.setdefault(row.account_id, row)
    return [
        {
            "row": row,
            "rules": [(name.replace("_", " "), _plain(value)) for name, value in row.rules.items()],
            "content": _text({"account_id": row.account.code, "rules": row.rules}),
        }
        for row in sorted(held.values(), key=lambda row: row.account.code)
    ]


def _policy(by: Principal) -> dict[str, Any] | None:
    try:
        held = policies.of(by.organization_id, at=clock.now())
    except LookupError:
        return None
    row = policy_changes.versions(by.organization_id).get(pk=held.id)
    return {
        "row": row,
        "rules": [
            (name.replace("_", " "), _plain(value), name in row.rules)
            for name, value in sorted(held.rules.items())
        ],
        "presets": sorted(policies.PRESETS),
        "content": _text({"preset": row.preset, "rules": row.rules}),
    }


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
