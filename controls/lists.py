"""Lists and mandates in force, from memory: what names a security, an issuer or an account.

A verdict names the version that it was given by. How they change is `listing`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from controls import ticket
from controls.checks.universe import FORBIDDING, WATCHING
from controls.models import ControlList, Mandate
from controls.ticket import Listed
from oms_site.firm import generation


class Lists(msgspec.Struct, frozen=True):
    """The lists of one organization: versions by name, and where each is to be found."""

    versions: Mapping[str, int] = {}
    by_member: Mapping[tuple[str, str], tuple[Listed, ...]] = {}
    groups: Mapping[str, frozenset[str]] = {}
    # The names of those that only compliance may hear of.
    quiet: tuple[str, ...] = ()
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


def restricting(organization_id: str, cusip: str) -> tuple[str, ...]:
    """The names of the organization's lists that forbid this security."""
    found = of(organization_id).by_member.get(("cusip", cusip.strip().upper()), ())
    return tuple(one.name for one in found if one.kind in FORBIDDING)


def _load() -> dict[str, Lists]:
    agreed_lists = ControlList.objects.filter(decision__approve=True)
    rows = agreed_lists.order_by("organization_id", "name", "-version")
    by_organization: dict[str, list[ControlList]] = defaultdict(list)
    for row in rows.distinct("organization_id", "name"):
        by_organization[row.organization_id].append(row)
    mandates: dict[str, dict[str, ticket.Mandate]] = defaultdict(dict)
    allowed = Mandate.objects.filter(decision__approve=True).order_by("account_id", "-version")
    for one in allowed.distinct("account_id"):
        agreed = ticket.Mandate(one.account_id, one.version, one.rules)
        mandates[one.organization_id][one.account_id] = agreed
    return {
        name: _of_rows(by_organization[name], mandates[name])
        for name in {*by_organization, *mandates}
    }


def _of_rows(rows: Iterable[ControlList], mandates: Mapping[str, ticket.Mandate]) -> Lists:
    members: dict[tuple[str, str], list[Listed]] = defaultdict(list)
    versions, groups, kinds = {}, {}, {}
    for row in rows:
        versions[row.name] = row.version
        kinds[row.name] = row.kind
        # A member is a security, or every security of an issuer.
        groups[row.name] = frozenset([*row.cusips, *(one.casefold() for one in row.issuers)])
        named = [("cusip", c, c) for c in row.cusips]
        named += [("issuer", i.casefold(), i) for i in row.issuers]
        named += [("account", a, a) for a in row.accounts]
        for kind, key, hit in named:
            members[kind, key].append(Listed(row.name, row.kind, row.version, hit, row.reason))
    found = {key: tuple(listed) for key, listed in members.items()}
    quiet = tuple(name for name, kind in kinds.items() if kind in WATCHING)
    return Lists(versions, found, groups, quiet, dict(mandates))


_lists: generation.Cached[dict[str, Lists]] = generation.Cached(_load)
