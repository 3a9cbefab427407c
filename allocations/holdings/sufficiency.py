"""Whether what is to leave an account is there: asked under the ledger's locks, before posting.

Corrections say what is true and are agreed by two people: they are not asked. Suspense is not a
client's account. An account on margin may owe money, which its margin call then says.
"""

from __future__ import annotations

from decimal import Decimal

from allocations import accounts
from allocations.holdings import ledger, reading, reservations
from allocations.holdings.suspense import is_suspense
from allocations.models import Transaction
from oms_site.journal.unit import Unit
from oms_site.kit import numbers
from oms_site.kit.errors import OmsError

ZERO = Decimal("0.00")
_LEAVING = frozenset(
    {Transaction.Kind.WITHDRAWAL, Transaction.Kind.TRANSFER, Transaction.Kind.EXCHANGE}
)


def require(work: Unit, row: Transaction) -> None:
    """Refuse what an account has not got. Raises `OmsError` (422) that says how much there is.

    `insufficient_cash`, `insufficient_securities`. Locks both accounts, as the ledger will.
    """
    if row.kind not in _LEAVING or is_suspense(row.account_id):
        return
    ledger.lock(work, {row.account_id, row.to_account_id or row.account_id})
    facts = accounts.find_account(row.organization_id, row.account_id)
    if row.amount and not (facts is not None and facts.margin):
        known = reading.cash([row.account_id]).get((row.account_id, row.currency))
        _compare("cash", "amount", row.amount, known.available if known else ZERO)
    if row.qty and row.instrument_id is not None:
        held = reading.positions([row.account_id]).get((row.account_id, row.instrument_id), ZERO)
        taken = reservations.reserved([row.account_id]).securities
        free = held - taken.get((row.account_id, row.instrument_id), ZERO)
        _compare("securities", "qty", row.qty, free)


def _compare(what: str, field: str, wanted: Decimal, there: Decimal) -> None:
    if wanted > there:
        left = numbers.plain(max(there, ZERO))
        message = f"{left} is there to leave, {numbers.plain(wanted)} is asked for."
        raise OmsError(f"insufficient_{what}", message, field=field)
