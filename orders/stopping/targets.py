"""What people mean by a scope and a name, and the names they may choose from."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import Group
from django.db import models

from allocations import accounts
from controls import halts
from controls.halts import Target
from oms_site.firm.models import ApiKey, User
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError
from orders import rulesets
from orders.models import cross
from venues import instruments, registry

_Find = Callable[[str, str], Target | None]
STRATEGIES = (
    *(f"{protocol}/{name}" for protocol, names in rulesets.PROTOCOLS.items() for name in names),
    f"{cross.PROTOCOL}/{cross.STRATEGY}",
)


def target_of(scope: str, name: str, *, by: Principal) -> Target:
    """What a person means by a scope and a name. Raises `OmsError` (422) for what is not here.

    The whole firm has no name; an organization is the caller's own, named or not.
    """
    if scope == "all":
        _require(scope, name, "")
        return Target(scope, "", "the whole firm")
    if scope == "organization":
        _require(scope, name, "", by.organization_id)
        return Target(scope, by.organization_id, f"all of {by.organization_id}")
    find = _FINDERS.get(scope)
    if find is None:
        raise OmsError(
            "scope_unknown", f"A scope is one of {', '.join(halts.SCOPES)}.", field="scope"
        )
    target = find(by.organization_id, name)
    if target is None:
        raise _unknown(scope, name)
    return target


def names(organization_id: str) -> dict[str, list[str]]:
    """What a person may choose from, by scope; instruments are too many to list."""
    people = User.objects.filter(organization_id=organization_id)
    return {
        "account": [one.code for one in accounts.accounts_of(organization_id)],
        "trader": list(people.order_by("username").values_list("username", flat=True)),
        "desk": list(_desks(organization_id).order_by("name").values_list("name", flat=True)),
        "api_key": list(_keys(organization_id).order_by("prefix").values_list("prefix", flat=True)),
        "strategy": list(STRATEGIES),
        "venue": sorted(venue.id for venue in registry.every()),
    }


def _require(scope: str, name: str, *known: str) -> None:
    if name not in known:
        raise _unknown(scope, name)


def _unknown(scope: str, name: str) -> OmsError:
    return OmsError("target_not_found", f"No {scope} {name!r} here.", field="target")


def _desks(organization_id: str) -> models.QuerySet[Group]:
    return Group.objects.filter(user__organization_id=organization_id).distinct()


def _keys(organization_id: str) -> models.QuerySet[ApiKey]:
    return ApiKey.objects.filter(user__organization_id=organization_id, revoked_at=None)


def _account(organization_id: str, name: str) -> Target | None:
    found = accounts.find_account(organization_id, name)
    return None if found is None else Target("account", found.id, f"account {found.code}")


def _trader(organization_id: str, name: str) -> Target | None:
    people = User.objects.filter(organization_id=organization_id, username=name)
    return Target("trader", name, f"trader {name}") if people.exists() else None


def _desk(organization_id: str, name: str) -> Target | None:
    known = _desks(organization_id).filter(name=name).exists()
    return Target("desk", name, f"desk {name}"[:160]) if known else None


def _api_key(organization_id: str, name: str) -> Target | None:
    found = list(_keys(organization_id).filter(prefix=name)[:2])
    if len(found) > 1:
        raise OmsError("target_ambiguous", f"Several keys begin with {name!r}.", field="target")
    return Target("api_key", str(found[0].pk), f"API key {name}") if found else None


def _strategy(organization_id: str, name: str) -> Target | None:
    return Target("strategy", name, f"strategy {name}") if name in STRATEGIES else None


def _venue(organization_id: str, name: str) -> Target | None:
    found = registry.find(name)
    if found is None:
        return None
    return Target("venue", found.id, f"venue {found.id} {found.name}"[:160])


def _instrument(organization_id: str, name: str) -> Target | None:
    found = instruments.find(name)
    if found is None:
        return None
    return Target("instrument", found.cusip, f"{found.cusip} {found.description}"[:160])


_FINDERS: dict[str, _Find] = {
    "account": _account,
    "trader": _trader,
    "desk": _desk,
    "api_key": _api_key,
    "strategy": _strategy,
    "venue": _venue,
    "instrument": _instrument,
}
