"""Whether clients' ids for allocations are free, before the database says that they are not.

The database alone claims and frees them (`ClientAllocationId`); asking first gives a refusal that
names its field. Two requests at one moment both find an id free, and one of them loses.
"""

from __future__ import annotations

from collections.abc import Sequence

from allocations.basis import Requested
from allocations.models import ClientAllocationId
from oms_site.kit.errors import Detail, OmsError

_Kind = ClientAllocationId.Kind
CONSTRAINTS = frozenset(f"{kind.value}_for_ever" for kind in _Kind)


def require_free(
    organization_id: str, client_allocation_id: str | None, accounts: Sequence[Requested]
) -> None:
    """Raise `OmsError` (409) with every id that names something else already."""
    fields = {(_Kind.ALLOCATION.value, client_allocation_id): _Kind.ALLOCATION.value}
    for n, one in enumerate(accounts):
        own = _Kind.ACCOUNT.value
        fields[own, one.client_account_allocation_id] = f"account_allocations[{n}].{own}"
    rows = ClientAllocationId.objects.filter(
        organization_id=organization_id, client_id__in=[name for _, name in fields if name]
    )
    found = set(rows.values_list("kind", "client_id"))
    taken = [_fault(key[0], field) for key, field in fields.items() if key in found]
    if taken:
        raise OmsError(taken[0].code, taken[0].message, status=409, details=taken)


def lost(constraint: str) -> OmsError:
    """The refusal for whoever lost the race for an id."""
    kind = constraint.removesuffix("_for_ever")
    fault = _fault(kind, kind)
    return OmsError(fault.code, fault.message, status=409, details=[fault])


def _fault(kind: str, field: str) -> Detail:
    says = f"This {kind} has been used before."
    if kind == _Kind.ACCOUNT:
        return Detail(field, "duplicate_client_account_allocation_id", says)
    return Detail(field, "duplicate_client_allocation_id", says)
