"""Lists and mandates in force, from memory: what names a security, an issuer or an account.

Publishing makes the next version and changes nothing that was; a verdict names the version that it
was given by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Max

from controls import ticket
from controls.checks.mandate import KNOWN
from controls.models import ControlList, Mandate
from controls.ticket import Listed
from oms_site.firm import generation
from oms_site.firm.models import Organization
from oms_site.kit.errors import OmsError


class Lists(msgspec.Struct, frozen=True):
    """The lists of one organization: versions by name, and where each is to be found."""

    versions: Mapping[str, int] = {}
    by_member: Mapping[tuple[str, str], tuple[Listed, ...]] = {}
    groups: Mapping[str, frozenset[str]] = {}
    mandates: Mapping[str, ticket.Mandate] = {}

    def hits(self, *, cusip: str, issuer: str, accounts: Iterable[str]) -> tuple[Listed, ...]:
        """Every list that names the security, its issuer or one of the accounts."""
        found = [*self.by_member.get(("cusip", cusip), ())]
        found += self.by_member.get(("issuer", issuer.casefold()), ())
        for account in accounts:
            found += self.by_member.get(("account", account), ())
        return tuple(found)


_NONE = Lists()


def of(organization_id: str) -> Lists:
    """The lists of an organization; none for one that has none."""
    return _lists.get().get(organization_id, _NONE)


def publish(
    organization_id: str,
    name: str,
    *,
    kind: str,
    cusips: Iterable[str] = (),
    issuers: Iterable[str] = (),
    accounts: Iterable[str] = (),
    reason: str = "",
    by_id: int | None = None,
    at: datetime,
) -> ControlList:
    """The next version of a list, in force for the next order. A list keeps its kind (422)."""
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization_id)
        known = ControlList.objects.filter(organization_id=organization_id, name=name)
        last = known.order_by("-version").first()
        if kind not in ControlList.Kind.values or (last is not None and last.kind != kind):
            raise OmsError("list_kind_refused", "A list keeps its kind.", field="kind", status=422)
        return ControlList.objects.create(
            organization_id=organization_id,
            name=name,
            version=last.version + 1 if last else 1,
            kind=kind,
            cusips=sorted({c.strip().upper() for c in cusips}),
            issuers=sorted(set(issuers)),
            accounts=sorted(set(accounts)),
            reason=reason,
            created_by_id=by_id,
            created_at=at,
        )


def agree(
    organization_id: str,
    account_id: str,
    rules: Mapping[str, Any],
    *,
    reason: str = "",
    by_id: int | None = None,
    at: datetime,
) -> Mandate:
    """The next version of an account's mandate. Raises `OmsError` (422) for unknown rules."""
    unknown = set(rules) - KNOWN
    if unknown:
        raise OmsError(
            "mandate_rule_unknown",
            f"A mandate does not know {', '.join(sorted(unknown))}.",
            field="rules",
            status=422,
        )
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization_id)
        last = Mandate.objects.filter(account_id=account_id).aggregate(n=Max("version"))["n"]
        return Mandate.objects.create(
            organization_id=organization_id,
            account_id=account_id,
            version=(last or 0) + 1,
            rules=dict(rules),
            reason=reason,
            created_by_id=by_id,
            created_at=at,
        )


def _load() -> dict[str, Lists]:
    rows = ControlList.objects.order_by("organization_id", "name", "-version")
    by_organization: dict[str, list[ControlList]] = defaultdict(list)
    for row in rows.distinct("organization_id", "name"):
        by_organization[row.organization_id].append(row)
    mandates: dict[str, dict[str, ticket.Mandate]] = defaultdict(dict)
    for one in Mandate.objects.order_by("account_id", "-version").distinct("account_id"):
        agreed = ticket.Mandate(one.account_id, one.version, one.rules)
        mandates[one.organization_id][one.account_id] = agreed
    return {
        name: _of_rows(by_organization[name], mandates[name])
        for name in {*by_organization, *mandates}
    }


def _of_rows(rows: Iterable[ControlList], mandates: Mapping[str, ticket.Mandate]) -> Lists:
    members: dict[tuple[str, str], list[Listed]] = defaultdict(list)
    versions, groups = {}, {}
    for row in rows:
        versions[row.name] = row.version
        groups[row.name] = frozenset(row.cusips)
        named = [("cusip", c, c) for c in row.cusips]
        named += [("issuer", i.casefold(), i) for i in row.issuers]
        named += [("account", a, a) for a in row.accounts]
        for kind, key, hit in named:
            members[kind, key].append(Listed(row.name, row.kind, row.version, hit, row.reason))
    found = {key: tuple(listed) for key, listed in members.items()}
    return Lists(versions, found, groups, dict(mandates))


_lists: generation.Cached[dict[str, Lists]] = generation.Cached(_load)
