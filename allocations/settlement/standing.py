"""Standing settlement instructions, from memory: where an account's trades change hands."""

from __future__ import annotations

from dataclasses import dataclass

from allocations import accounts
from allocations.models import StandingInstruction
from oms_site.firm.generation import Cached


@dataclass(frozen=True, slots=True)
class Place:
    """A depository, our participant there, and the account in its books."""

    depository: str
    participant: str
    delivery_account: str

    def __str__(self) -> str:
        return "/".join((self.depository, self.participant, self.delivery_account)).rstrip("/")


def of(text: str) -> Place:
    """A place from its text."""
    depository, participant, account = [*text.split("/", 2), "", ""][:3]
    return Place(depository, participant, account)


def find(organization_id: str, custodian_id: str, account_id: str) -> Place | None:
    """The account's own instruction there, else its whole's, else the organization's.

    None if that is missing.
    """
    known = _standing.get()
    for account in (account_id, accounts.whole_of(organization_id, account_id), ""):
        key = (organization_id, custodian_id, account)
        if key in known:
            return known[key]
    return None


def _load() -> dict[tuple[str, str, str], Place | None]:
    return {
        (row.organization_id, row.custodian_id, row.account_id or ""): Place(
            row.depository, row.participant, row.delivery_account
        )
        if row.active
        else None
        for row in StandingInstruction.objects.all()
    }


_standing = Cached(_load)
