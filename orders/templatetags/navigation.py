"""The main navigation as data: which pages there are, for whom, and which come first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse

from oms_site.firm import principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal

register = template.Library()


@dataclass(frozen=True, slots=True)
class Page:
    """One entry: `needs` is any of these entitlements, none means everybody who is logged in."""

    name: str
    label: str
    needs: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    first: bool = False


PAGES = (
    Page("desk", "Desk", first=True),
    Page("review", "Review", roles=("compliance", "admin", "auditor"), first=True),
    Page("ops", "Ops", needs=("ops.view",), first=True),
    Page("holdings", "Holdings", first=True),
    Page("kill", "Kill switch", first=True),
    Page("controls", "Controls"),
    Page("market", "Market"),
    Page("allocations", "Allocations"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the header."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Navigation:
    """What stands in the header, and what behind "More"."""

    first: tuple[Entry, ...]
    more: tuple[Entry, ...]

    @property
    def within(self) -> bool:
        """Whether the page that is shown is one of those behind "More"."""
        return any(entry.current for entry in self.more)


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> Navigation:
    """The pages that this user may open."""
    user, request = context.get("user"), context.get("request")
    here = getattr(getattr(request, "resolver_match", None), "url_name", None)
    known = isinstance(user, User) and user.is_active
    first: list[Entry] = []
    more: list[Entry] = []
    if known:
        assert isinstance(user, User)
        principal = principals.of_user(user, via="browser")
        for page in PAGES:
            if _open_to(page, user, principal):
                entry = Entry(page.label, reverse(page.name), page.name == here)
                (first if page.first else more).append(entry)
        if user.is_staff:
            more.append(Entry("Admin", reverse("admin:index"), current=False))
    more.append(Entry("API docs", "/docs/api/", current=False))
    return Navigation(tuple(first), tuple(more))


def _open_to(page: Page, user: User, principal: Principal) -> bool:
    if not page.needs and not page.roles:
        return True
    return any(map(principal.may, page.needs)) or any(role in user.roles for role in page.roles)
