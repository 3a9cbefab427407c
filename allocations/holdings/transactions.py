"""Cash and securities moved by people: asked for under a client's id, applied at once or checked.

A deposit or a withdrawal of cash is applied as it comes. A transfer out of suspense and every
correction wait for a second person. Asking again with the same id answers what it made. Nothing
leaves a client account that is not there: what open orders reserve and what is owed is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from allocations import accounts
from allocations.holdings import fx, ledger, sufficiency, updates
from allocations.holdings.posting import Posting
from allocations.holdings.suspense import is_suspense, suspense
from allocations.models import Transaction
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import currencies, ids
from oms_site.kit.errors import Detail, Forbidden, NotFound, OmsError, refuse
from venues import instruments
from venues.calendar import new_york_date

ZERO = Decimal("0.00")
# A fee is charged by `adjusting`, never asked for.
KINDS = tuple(kind.value for kind in Transaction.Kind if kind != Transaction.Kind.FEE)
MAKE, CHECK = "transaction.submit", "transaction.check"
_SUSPENSE = "suspense"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be moved: `amount` of cash, or `qty` of an instrument that had cost `cost`.

    Deposits and withdrawals are given as positive amounts; a correction is signed. An account may
    be named by id or code; `suspense` is the organization's suspense account.
    """

    kind: str
    account_id: str
    to_account_id: str | None = None
    instrument_id: str | None = None
    currency: str | None = None
    amount: Decimal = ZERO
    qty: Decimal = Decimal(0)
    cost: Decimal = ZERO
    settlement_date: date | None = None
    to_currency: str | None = None
    reason: str = ""
    client_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The transaction, and whether its client's id had made it before."""

    row: Transaction
    replayed: bool = False


@dataclass(slots=True)
class _Names:
    """The ids that the texts of an ask stand for."""

    account_id: str = ""
    to_account_id: str | None = None
    instrument_id: int | None = None
    currency: str = "USD"
    faults: list[Detail] = field(default_factory=list)


def submit(ask: Ask, *, by: Principal, at: datetime, correlation_id: str = "") -> Result:
    """Make a transaction; apply it unless a second person must see it.

    Raises `OmsError`: 422 with every fault, 409 when the client's id made something else, 403.
    """
    by.require(MAKE)
    names = _resolve(ask, by.organization_id)
    _check(ask, names)
    changed = _exchanged(ask, names, by.organization_id, at)
    content = hashlib.sha256(msgspec.json.encode(ask)).hexdigest()
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        known = _known(work, ask, by.organization_id)
        if known is not None:
            return _replay(known, content)
        row = Transaction(
            id=ids.prefixed("tx"),
            organization_id=by.organization_id,
            client_transaction_id=ask.client_transaction_id or None,
            fingerprint=content,
            kind=ask.kind,
            account_id=names.account_id,
            to_account_id=names.to_account_id,
            instrument_id=names.instrument_id,
            currency=names.currency,
            qty=ask.qty,
            amount=ask.amount,
            cost=ask.cost,
            settlement_date=ask.settlement_date or new_york_date(at),
            reason=ask.reason[:300],
            maker_id=by.user_id,
            created_at=at,
            **changed,
        )
        enter(work, row, at=at)
    return Result(row)


def decide(
    transaction_id: str,
    *,
    approve: bool,
    annotation: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Transaction:
    """A second person applies or refuses a waiting transaction.

    Raises `Forbidden` (`maker_is_checker`) for its maker, 409 once it is decided, 404 when unknown.
    """
    by.require(CHECK)
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = work.lock(Transaction, [transaction_id]).get(transaction_id)
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("transaction")
        if row.decision:
            raise OmsError("already_decided", f"It was {row.decision} already.", status=409)
        if row.maker_id == by.user_id:
            raise Forbidden("maker_is_checker", "Somebody else has to check it.")
        row.checker_id, row.annotation = by.user_id, annotation[:300]
        if approve:
            _apply(work, row, at=at)
        else:
            row.decision, row.decided_at = "rejected", at
            _tell(work, row, "transaction_reject", at, annotation=row.annotation)
    return row


def enter(
    work: Unit, row: Transaction, *, at: datetime, checker_id: int | None = None, note: str = ""
) -> None:
    """Write a new transaction, and apply it unless a second person has to look at it first.

    `checker_id` is who has looked already, elsewhere.
    """
    work.add(row)
    _tell(work, row, "transaction_request", at, **_terms(row))
    if checker_id is not None:
        row.checker_id, row.annotation = checker_id, note[:300]
    if checker_id is not None or not needs_checker(row):
        _apply(work, row, at=at)


def needs_checker(row: Transaction) -> bool:
    """Whether a second person must look: at corrections, and at what leaves or enters suspense."""
    return row.kind == Transaction.Kind.CORRECTION or any(
        is_suspense(name) for name in (row.account_id, row.to_account_id or "")
    )


def _apply(work: Unit, row: Transaction, *, at: datetime) -> None:
    sufficiency.require(work, row)
    row.decision, row.decided_at = "applied", at
    _tell(work, row, "transaction_apply", at, annotation=row.annotation)
    ledger.post(work, _postings(row, at), at=at)


def _postings(row: Transaction, at: datetime) -> Iterator[Posting]:
    named: dict[str, Any] = {
        "organization_id": row.organization_id,
        "currency": row.currency,
        "source_id": row.id,
        "trade_date": new_york_date(at),
        "settlement_date": row.settlement_date,
    }
    if row.kind == Transaction.Kind.EXCHANGE:
        yield from _exchange(row, named)
        return
    if row.kind == Transaction.Kind.TRANSFER:
        for account_id, sign in ((row.account_id, -1), (row.to_account_id or "", 1)):
            yield Posting(
                account_id=account_id,
                instrument_id=row.instrument_id,
                kind="transfer",
                qty=sign * row.qty,
                consideration=sign * row.cost,
                cash=sign * row.amount,
                **named,
            )
        return
    sign = -1 if row.kind == Transaction.Kind.WITHDRAWAL else 1
    kind = "adjustment" if row.kind == Transaction.Kind.CORRECTION else str(row.kind)
    yield Posting(
        account_id=row.account_id,
        instrument_id=row.instrument_id,
        kind=kind,
        fees=row.cost if row.kind == Transaction.Kind.FEE else ZERO,
        qty=sign * row.qty,
        consideration=sign * row.cost,
        cash=sign * row.amount,
        **named,
    )


def _exchange(row: Transaction, named: dict[str, Any]) -> Iterator[Posting]:
    """Both sides at the rate that the transaction keeps."""
    rate: dict[str, Any] = {"fx_rate": row.fx_rate, "fx_source": row.fx_source, "fx_at": row.fx_at}
    yield Posting(account_id=row.account_id, kind="fx_sell", cash=-row.amount, **rate, **named)
    bought = {**named, "currency": row.to_currency}
    yield Posting(account_id=row.account_id, kind="fx_buy", cash=row.to_amount, **rate, **bought)


# --- reading the ask -------------------------------------------------------------------------
def _resolve(ask: Ask, organization_id: str) -> _Names:
    names = _Names()
    names.account_id = _account(ask.account_id, "account_id", organization_id, names.faults)
    if ask.to_account_id:
        given = ask.to_account_id
        names.to_account_id = _account(given, "to_account_id", organization_id, names.faults)
    facts = instruments.find(ask.instrument_id) if ask.instrument_id else None
    if ask.instrument_id and facts is None:
        names.faults.append(Detail("instrument_id", "instrument_not_found", "No such instrument."))
    names.instrument_id = facts.id if facts else None
    own = accounts.find_account(organization_id, ask.account_id)
    names.currency = ask.currency or (facts.currency if facts else own.currency if own else "USD")
    return names


def _account(name: str, field_name: str, organization_id: str, faults: list[Detail]) -> str:
    if name in (_SUSPENSE, suspense(organization_id)):
        return suspense(organization_id)
    found = accounts.find_account(organization_id, name)
    if found is None:
        faults.append(Detail(field_name, "account_not_found", "No such account here."))
        return ""
    return found.id


def _check(ask: Ask, names: _Names) -> None:
    faults = names.faults
    is_transfer = ask.kind == Transaction.Kind.TRANSFER
    if is_transfer and not names.to_account_id:
        faults.append(Detail("to_account_id", "required", "Say where it goes."))
    if not is_transfer and ask.to_account_id:
        faults.append(Detail("to_account_id", "not_expected", "Only a transfer goes somewhere."))
    if is_transfer and names.account_id and names.account_id == names.to_account_id:
        faults.append(Detail("to_account_id", "same_account", "Name another account."))
    if not (ask.amount or ask.qty):
        faults.append(Detail("amount", "required", "Give an amount of cash or a quantity."))
    if bool(ask.qty) != bool(ask.instrument_id) and not ask.cost:
        faults.append(
            Detail("instrument_id", "required", "Securities need both: which and how many.")
        )
    if ask.cost and not ask.instrument_id:
        faults.append(Detail("cost", "not_expected", "Only securities have a cost."))
    if ask.kind != Transaction.Kind.CORRECTION and (ask.amount < 0 or ask.qty < 0 or ask.cost < 0):
        faults.append(Detail("amount", "amount_not_positive", "Give more than zero."))
    exchanges = ask.kind == Transaction.Kind.EXCHANGE
    if exchanges and not ask.to_currency:
        faults.append(Detail("to_currency", "required", "Say which currency is bought."))
    if exchanges and (ask.qty or ask.cost or ask.instrument_id):
        faults.append(Detail("qty", "not_expected", "Only money is exchanged."))
    if exchanges and (ask.to_currency or "").upper() == names.currency:
        faults.append(Detail("to_currency", "same_currency", "Name another currency."))
    if not exchanges and ask.to_currency:
        faults.append(Detail("to_currency", "not_expected", "Only an exchange buys a currency."))
    for name, given in (("currency", ask.currency), ("to_currency", ask.to_currency)):
        if given and not currencies.is_known(given.upper() if name == "to_currency" else given):
            text = f"{given} is no currency of ISO 4217."
            faults.append(Detail(name, "currency_unknown", text))
    if ask.kind == Transaction.Kind.CORRECTION and not ask.reason.strip():
        faults.append(Detail("reason", "required", "A correction says why."))
    if ask.qty and ask.cost and (ask.qty < 0) != (ask.cost < 0):
        faults.append(Detail("cost", "sign_differs", "Cost has the sign of its quantity."))
    refuse(faults)


def _exchanged(ask: Ask, names: _Names, organization_id: str, at: datetime) -> dict[str, Any]:
    """What an exchange brings at the rate of now, to the cent; nothing for other kinds."""
    if ask.kind != Transaction.Kind.EXCHANGE:
        return {}
    into = (ask.to_currency or "").upper()
    account = accounts.find_account(organization_id, names.account_id)
    if account is not None and not account.may_hold(into):
        text = f"{account.code} holds {', '.join((account.currency, *account.currencies))} only."
        raise OmsError("currency_not_allowed", text, field="to_currency")
    found = fx.require(names.currency, into, organization_id=organization_id, at=at)
    (bought,) = fx.convert([ask.amount], found.rate)
    if bought <= 0:
        raise OmsError("amount_too_small", "It comes to less than a cent.", field="amount")
    return {
        "to_currency": into,
        "to_amount": bought,
        "fx_rate": found.rate,
        "fx_source": found.source,
        "fx_at": found.at,
    }


def _known(work: Unit, ask: Ask, organization_id: str) -> Transaction | None:
    if not ask.client_transaction_id:
        return None
    # Two requests at once with one id wait for each other here, and the second sees the first.
    ledger.serialize(f"{organization_id}/{ask.client_transaction_id}")
    return Transaction.objects.filter(
        organization_id=organization_id, client_transaction_id=ask.client_transaction_id
    ).first()


def _replay(known: Transaction, content: str) -> Result:
    if known.fingerprint != content:
        raise OmsError(
            "idempotency_conflict",
            "This id has been used for another transaction.",
            field="client_transaction_id",
            status=409,
        )
    return Result(known, replayed=True)


# --- telling ---------------------------------------------------------------------------------
def _terms(row: Transaction) -> dict[str, Any]:
    return {
        "instrument_id": row.instrument_id,
        "currency": row.currency,
        "amount": row.amount,
        "qty": row.qty,
        "cost": row.cost,
        "reason": row.reason,
    }


def _tell(work: Unit, row: Transaction, event_type: str, at: datetime, **more: Any) -> None:
    body = {
        "transaction_id": row.id,
        "client_transaction_id": row.client_transaction_id,
        "kind": str(row.kind),
        "account_id": row.account_id,
        "to_account_id": row.to_account_id,
        **more,
    }
    work.record(row, event_type, body=body, at=at)


def status(row: Transaction) -> str:
    """`pending`, `applied` or `rejected`."""
    return row.decision or "pending"


def view(row: Transaction, *, update_id: str | None = None) -> dict[str, Any]:
    """A transaction as the API tells it; `update_id` is the update that applied it."""
    return {
        "id": row.id,
        "transaction_id": row.id,
        "client_transaction_id": row.client_transaction_id,
        "kind": str(row.kind),
        "status": status(row),
        "account_id": row.account_id,
        "to_account_id": row.to_account_id,
        **_terms(row),
        "to_currency": row.to_currency or None,
        "to_amount": row.to_amount if row.to_currency else None,
        "fx_rate": row.fx_rate,
        "fx_source": row.fx_source or None,
        "fx_at": row.fx_at,
        "settlement_date": row.settlement_date,
        "created_at": row.created_at,
        "decided_at": row.decided_at,
        "annotation": row.annotation or None,
        "update_id": update_id,
    }


def shown(rows: Sequence[Transaction]) -> list[dict[str, Any]]:
    """Transactions as the API tells them, with the updates that applied them: one query."""
    found = updates.of_sources([row.id for row in rows])
    return [view(row, update_id=found.get(row.id)) for row in rows]
