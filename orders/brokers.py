"""Which brokers an order's accounts may use: venues by their id, dealers by theirs.

An account's mandate names its `approved_brokers`, or its `restricted_brokers`, by two people like
all of a mandate. From memory; only a block of an organization with such mandates asks a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allocations import accounts
from allocations.models import AccountAllocation
from controls import lists
from controls.ticket import Mandate
from oms_site.kit.errors import OmsError
from orders.models import Order

APPROVED, RESTRICTED = "approved_brokers", "restricted_brokers"


def why_not(order: Order, broker: str) -> str:
    """Why this broker may not get the order; empty when it may."""
    return why_none_of(order, (broker,)).get(broker, "")


def why_none_of(order: Order, brokers: tuple[str, ...]) -> dict[str, str]:
    """What stands against each of these brokers, of those that may not get the order."""
    known = _ruling(order.organization_id)
    if not known:
        return {}
    ruling = [known[account] for account in _bound(order) if account in known]
    found = {}
    for broker in brokers:
        for mandate in ruling:
            if not _allows(mandate.rules, broker):
                code = _code(order.organization_id, mandate.account)
                found[broker] = (
                    f"is no approved broker of account {code} (mandate version {mandate.version})"
                )
                break
    return found


def refuse(order: Order, broker: str) -> None:
    """Raises `OmsError` (409) when the accounts of an order may not use this broker."""
    if why := why_not(order, broker):
        raise OmsError("broker_not_approved", f"{broker} {why}.", field="venue_id", status=409)


def _ruling(organization_id: str) -> dict[str, Mandate]:
    mandates = lists.of(organization_id).mandates
    return {
        account: one
        for account, one in mandates.items()
        if APPROVED in one.rules or RESTRICTED in one.rules
    }


def _allows(rules: Mapping[str, Any], broker: str) -> bool:
    """A rule that is no list of names allows nobody: it cannot be understood."""
    approved, restricted = rules.get(APPROVED), rules.get(RESTRICTED, [])
    if not isinstance(restricted, list) or broker in restricted:
        return False
    return approved is None or (isinstance(approved, list) and broker in approved)


def _bound(order: Order) -> list[str]:
    """The accounts of an order, with those that they are sleeves of, which speak for all parts."""
    own = accounts_of(order)
    wholes = (accounts.whole_of(order.organization_id, name) for name in own)
    return list(dict.fromkeys([*own, *wholes]))


def accounts_of(order: Order) -> list[str]:
    """The ids of the accounts that an order is for; a query where it is a block."""
    if order.account_id is not None:
        return [order.account_id]
    rows = AccountAllocation.objects.filter(allocation_id=order.allocation_id)
    return list(rows.order_by("position").values_list("account_id", flat=True))


def _code(organization_id: str, account: str) -> str:
    found = accounts.find_account(organization_id, account)
    return account if found is None else found.code
