"""What the members of a list name: what people write, and what the gate compares.

Called when a version is written, here and in the back office, and by the page where a second
person approves it. A name that nobody knows restricts nothing, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stdnum import cusip as check_digit

from allocations import accounts as parties
from controls.models import ControlList
from oms_site.kit.errors import Detail, OmsError
from venues import instruments

_MOST_NAMED = 20


def read(
    organization_id: str,
    *,
    cusips: Iterable[str] = (),
    issuers: Iterable[str] = (),
    accounts: Iterable[str] = (),
) -> dict[str, list[str]]:
    """The members as lists hold them: CUSIPs, issuers by name, ids of accounts.

    A security may be given by its ISIN, an account by the code that screens show. The caller has
    looked whether the memory is of today (`generation.check`).
    Raises list_member_unknown (422), which names each that nobody knows.
    """
    securities = {name: _cusip(name) for name in map(str.strip, cusips)}
    owners = {name: _account(organization_id, name) for name in map(str.strip, accounts)}
    faults = [_unknown_cusip(name) for name, found in securities.items() if not found]
    faults += [_unknown_account(name) for name, found in owners.items() if not found]
    if faults:
        raise OmsError("list_member_unknown", _sentence(faults), details=faults)
    return {
        "cusips": sorted(set(securities.values())),
        "issuers": sorted({name.strip() for name in issuers}),
        "accounts": sorted(set(owners.values())),
    }


def strangers(row: ControlList) -> list[str]:
    """The members of a version that name nothing known, for who decides about it.

    An issuer may be written before its first security is: that is said, not refused.
    """
    known = {one.issuer.casefold() for one in instruments.every()}
    found = [name for name in row.cusips if _cusip(name) != name]
    found += [name for name in row.issuers if name.casefold() not in known]
    return found + [name for name in row.accounts if _account(row.organization_id, name) != name]


def by_field(error: OmsError) -> Mapping[str, list[str]]:
    """What is wrong of each field, for a form."""
    found: dict[str, list[str]] = {}
    for detail in error.details:
        found.setdefault(detail.field, []).append(detail.message)
    return found


def _cusip(name: str) -> str:
    """The CUSIP of a known security named by CUSIP or ISIN; empty for any other name."""
    found = instruments.find(name)
    if found is None or name.upper() not in (found.cusip, found.isin):
        return ""
    return found.cusip


def _account(organization_id: str, name: str) -> str:
    found = parties.find_account(organization_id, name)
    return found.id if found else ""


def _unknown_cusip(name: str) -> Detail:
    if len(name) == 9 and name.isalnum() and not check_digit.is_valid(name):
        return Detail("cusips", "list_member_unknown", f"{name}: its check digit is wrong.")
    text = f"{name}: no security is known by this CUSIP or ISIN."
    return Detail("cusips", "list_member_unknown", text)


def _unknown_account(name: str) -> Detail:
    return Detail(
        "accounts", "list_member_unknown", f"{name}: no account here has this id or code."
    )


def _sentence(faults: list[Detail]) -> str:
    more = len(faults) - _MOST_NAMED
    told = [fault.message for fault in faults[:_MOST_NAMED]]
    return " ".join([*told, *([f"And {more} more."] if more > 0 else [])])
