"""What outside parties told that fits nothing here, newest first, before those whose it is.

A message belongs to whose account or instruction it names; one that names nothing that anybody here
has is laid before the house. Nothing takes one off: old ones may be many, and hide no new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from django.db.models import QuerySet

from allocations.custodians.settling import Statement, read
from allocations.models import Account, CustodianMessage, MatchingMessage, SettlementInstruction

HOUSE = "house"  # the organization of what belongs to nobody we know
MOST = 200
_PAGE = 500
_UNREADABLE = "unreadable"
Message = TypeVar("Message", CustodianMessage, MatchingMessage)


def of_custodians(organization_id: str, *, most: int = MOST) -> list[CustodianMessage]:
    """What custodians told about an organization that fits nothing here."""
    verdicts = ("unknown", _UNREADABLE, "too_much", "wrong_money")
    rows = CustodianMessage.objects.filter(verdict__in=verdicts)
    return _newest(rows, organization_id, most)


def of_services(organization_id: str, *, most: int = MOST) -> list[MatchingMessage]:
    """What matching services told about an organization that fits nothing here."""
    verdicts = ("unknown", _UNREADABLE, "not_theirs")
    rows = MatchingMessage.objects.filter(verdict__in=verdicts)
    return _newest(rows, organization_id, most)


def _newest(rows: QuerySet[Message], organization_id: str, most: int) -> list[Message]:
    """The newest so many of one organization, however many of others were told since."""
    if organization_id != HOUSE:
        # Nobody can read whose that is: floods of it are passed over where they lie.
        rows = rows.exclude(verdict=_UNREADABLE, note="")
    keys = list(rows.order_by("-received_at", "-pk").values_list("pk", flat=True))
    found = list[Message]()
    for n in range(0, len(keys), _PAGE):
        page = rows.in_bulk(keys[n : n + _PAGE])
        owners = _owners(page.values())
        mine = (key for key in keys[n : n + _PAGE] if organization_id in owners.get(key, ()))
        found += [page[key] for key in mine]
        if len(found) >= most:
            break
    return found[:most]


def _owners(rows: Iterable[CustodianMessage | MatchingMessage]) -> dict[int, set[str]]:
    """Whose messages are, by key."""
    named = {row.pk: (row.note, _account_in(row)) for row in rows}
    notes, codes = ({pair[n] for pair in named.values()} for n in (0, 1))
    instructions = SettlementInstruction.objects.filter(id__in=notes).order_by()
    accounts = Account.objects.filter(code__in=codes).order_by()
    of_note = _whose(instructions.values_list("id", "organization_id"))
    of_code = _whose(accounts.values_list("code", "organization_id"))
    return {key: of_note[note] | of_code[code] or {HOUSE} for key, (note, code) in named.items()}


def _whose(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found = defaultdict[str, set[str]](set)
    for name, organization_id in pairs:
        found[name].add(organization_id)
    return found


def _account_in(row: CustodianMessage | MatchingMessage) -> str:
    if row.verdict == _UNREADABLE and not row.note:
        return ""
    try:
        said = read(row.body)
    except msgspec.MsgspecError:
        return ""
    if not isinstance(said, Statement) or "\x00" in said.account:
        return ""  # no account is called so, and the database refuses to be asked
    return said.account
