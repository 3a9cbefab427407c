"""Who did it: the name that events carry, and the request it came with."""

from __future__ import annotations

from dataclasses import dataclass

from oms_site.firm.principals import Principal
from oms_site.kit import correlation


@dataclass(frozen=True)
class Actor:
    """The doer of a command: a user by name and id, or a part of the system (`user_id` None)."""

    name: str
    user_id: int | None = None
    correlation_id: str = ""


def person(principal: Principal, correlation_id: str = "") -> Actor:
    """The actor of an authenticated caller, by the request that is being answered."""
    return Actor(principal.username, principal.user_id, correlation_id or correlation.current())


def system(part: str) -> Actor:
    """The actor of something that happens on its own, such as `system:expiry`."""
    return Actor(f"system:{part}")
