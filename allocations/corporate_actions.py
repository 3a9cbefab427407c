"""What issuers do to holdings: coupons, dividends, redemptions, calls and splits.

A bond's own schedule announces its coupons and its redemption, and applies them when they are due.
Anything else is announced by one person and applied by another. Applying posts every account's
part once, under the action's own id; asking again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection

from allocations import payouts
from allocations.holdings import coupons, ledger
from allocations.holdings.posting import Posting
from allocations.models import CorporateAction, Position
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.errors import Detail, Forbidden, NotFound, OmsError, refuse
from oms_site.kit.numbers import round_fraction
from venues import instruments
from venues.calendar import new_york_date

MAKE, CHECK = "transaction.submit", "transaction.check"
SCHEDULE = "schedule"
Kind = CorporateAction.Kind
ENDING = frozenset({Kind.REDEMPTION, Kind.CALL})
_system = actors.system("corporate actions")
_AHEAD = timedelta(days=5)
_BACK = timedelta(days=10)
_odd = draining.Aside("corporate_actions")
_ENDED = {Kind.CALL.value: "called", Kind.REDEMPTION.value: "redeemed"}


def _load_ended() -> dict[tuple[str, int], str]:
    rows = CorporateAction.objects.filter(status="applied", kind__in=list(_ENDED))
    found = rows.order_by("decided_at", "id").values_list(
        "organization_id", "instrument_id", "kind"
    )
    return {(owner, instrument): _ENDED[kind] for owner, instrument, kind in found}


_ended = generation.Cached(_load_ended)


def ended(organization_id: str, instrument_id: int) -> str:
    """How a security ended for an organization: `called`, `redeemed`, or empty; from memory."""
    return _ended.get().get((organization_id, instrument_id), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An action to announce: `rate` in percent of par or money per share, a split's two numbers."""

    kind: str
    instrument_id: str
    record_date: date
    pay_date: date
    rate: Decimal = Decimal(0)
    ratio_new: int = 0
    ratio_old: int = 0
    source: str = ""
    reason: str = ""


def announce(ask: Ask, *, by: Principal, at: datetime, correlation_id: str = "") -> CorporateAction:
    """Announce an action. Raises `OmsError`: 422 with every fault, 409 `action_exists`."""
    by.require(MAKE)
    generation.check()
    facts = instruments.find(ask.instrument_id)
    _check(ask, facts)
    assert facts is not None
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = _row(
            by.organization_id,
            facts.id,
            kind=ask.kind,
            record_date=ask.record_date,
            pay_date=ask.pay_date,
            rate=ask.rate,
            ratio_new=ask.ratio_new,
            ratio_old=ask.ratio_old,
            source=ask.source[:40] or by.username[:40],
            reason=ask.reason.strip()[:300],
            maker_id=by.user_id,
            announced_at=at,
        )
        _add(work, [row])
    return row


def decide(
    action_id: str, *, apply_it: bool, by: Principal, at: datetime, correlation_id: str = ""
) -> CorporateAction:
    """Another person applies an announced action, or withdraws it.

    Raises `NotFound`, `Forbidden` (`maker_is_checker`), 409 `already_decided` or `not_due`.
    """
    by.require(CHECK)
    generation.check()
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        row = work.lock(CorporateAction, [action_id]).get(action_id)
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("corporate action")
        if row.status != CorporateAction.Status.ANNOUNCED:
            raise OmsError("already_decided", f"It is {row.status}.", status=409)
        if row.maker_id == by.user_id:
            raise Forbidden("maker_is_checker", "Somebody else has to decide.")
        if not apply_it:
            row.withdraw(checker_id=by.user_id, at=at)
            _tell(work, row, "corporate_action_withdraw")
            return row
        if new_york_date(at) < row.record_date:
            message = f"Who is entitled is known at the end of {row.record_date}."
            raise OmsError("not_due", message, status=409)
        _apply(work, row, checker_id=by.user_id, at=at)
    return row


def run_schedule() -> int:
    """Announce what held bonds pay next and apply what is due; returns how many were applied."""
    generation.check()
    at = clock.now()
    today = new_york_date(at)
    scheduled: list[CorporateAction] = []
    wanted = [*_held(), *_called(today)]
    draining.each(wanted, lambda one: _schedule(one, scheduled, today, at), aside=_not_announced)
    with unit.work(by=_system, at=at) as work:
        _add(work, scheduled)
    due = CorporateAction.objects.filter(status="announced", maker=None, pay_date__lte=today)
    due = due.exclude(pk__in=_odd.keys())
    payable = list(due.order_by("pay_date", "id").values_list("id", flat=True)[:500])

    def apply(action_id: str) -> int:
        with unit.work(by=_system, at=at) as work:
            row = work.lock(CorporateAction, [action_id])[action_id]
            if row.status == CorporateAction.Status.ANNOUNCED:
                _apply(work, row, checker_id=None, at=at)
        return 1

    return draining.each(payable, apply, aside=_not_applied)


def _not_announced(held: tuple[str, int], error: Exception) -> None:
    organization_id, instrument_id = held
    draining.tell("announce", instrument_id, error, organization_id=organization_id)


def _not_applied(action_id: str, error: Exception) -> None:
    rows = CorporateAction.objects.filter(pk=action_id)
    whose = rows.values_list("organization_id", flat=True).first() or ""
    _odd.put(action_id, error, organization_id=whose)


# --- announcing ------------------------------------------------------------------------------
def _held() -> Iterable[tuple[str, int]]:
    """Who holds what: organization and instrument."""
    held = Position.objects.exclude(qty=0).order_by("organization_id", "instrument_id")
    return held.values_list("organization_id", "instrument_id").distinct()


def _called(today: date) -> Iterable[tuple[str, int]]:
    """What was held until a call that is paid later: a coupon on the way there is still owed."""
    ended = CorporateAction.objects.filter(status="applied", kind=Kind.CALL, pay_date__gte=today)
    return ended.values_list("organization_id", "instrument_id").distinct().order_by()


def _schedule(
    held: tuple[str, int], scheduled: list[CorporateAction], today: date, at: datetime
) -> int:
    """Add what a bond that is held pays from a few days ago to a few days ahead."""
    found = list(_scheduled(*held, today, at))
    scheduled += found
    return len(found)


def _scheduled(
    organization_id: str, instrument_id: int, today: date, at: datetime
) -> Iterator[CorporateAction]:
    bond = instruments.by_id(instrument_id).bond
    if bond is None:
        return
    common = {"source": SCHEDULE, "announced_at": at}
    for one in coupons.between(bond, today - _BACK, today + _AHEAD):
        dates = {"record_date": one.day - timedelta(days=1), "pay_date": one.day}
        yield _row(
            organization_id, instrument_id, kind=Kind.COUPON, rate=one.rate, **dates, **common
        )
    if today - _BACK <= bond.maturity_date <= today + _AHEAD:
        dates = {"record_date": bond.maturity_date, "pay_date": bond.maturity_date}
        whole = Decimal(100)
        yield _row(
            organization_id, instrument_id, kind=Kind.REDEMPTION, rate=whole, **dates, **common
        )


def _row(organization_id: str, instrument_id: int, **terms: Any) -> CorporateAction:
    return CorporateAction(
        id=ids.prefixed("ca"),
        organization_id=organization_id,
        instrument_id=instrument_id,
        **terms,
    )


def _add(work: Unit, rows: list[CorporateAction]) -> None:
    """Add what has not been announced yet; a person's second one is refused."""
    for organization_id in sorted({row.organization_id for row in rows}):
        ledger.serialize(f"{organization_id}/corporate actions")
    known = set(
        CorporateAction.objects.filter(instrument_id__in={row.instrument_id for row in rows})
        .exclude(status="withdrawn", maker__isnull=False)
        .values_list("organization_id", "instrument_id", "kind", "record_date")
    )
    for row in rows:
        key = (row.organization_id, row.instrument_id, str(row.kind), row.record_date)
        if key not in known:
            known.add(key)
            work.add(row)
            _tell(work, row, "corporate_action_announce", reason=row.reason)
        elif row.maker_id is not None:
            raise OmsError("action_exists", "It has been announced already.", status=409)


def _check(ask: Ask, facts: instruments.InstrumentFacts | None) -> None:
    faults: list[Detail] = []
    if facts is None:
        faults.append(Detail("instrument_id", "instrument_not_found", "No such instrument."))
    elif ask.kind == Kind.DIVIDEND and facts.bond is not None:
        faults.append(Detail("kind", "kind_not_of_instrument", "Bonds pay coupons."))
    elif ask.kind in (Kind.COUPON, *ENDING) and facts.bond is None:
        faults.append(Detail("kind", "kind_not_of_instrument", "That happens to bonds."))
    if ask.kind == Kind.SPLIT:
        if ask.ratio_new <= 0 or ask.ratio_old <= 0 or ask.ratio_new == ask.ratio_old:
            faults.append(Detail("ratio_new", "ratio_not_sensible", "Give new for old, unequal."))
    elif ask.rate <= 0:
        faults.append(Detail("rate", "not_positive", "Give a rate above zero."))
    if ask.pay_date < ask.record_date:
        faults.append(Detail("pay_date", "date_order", "It pays on or after the record date."))
    if not ask.reason.strip():
        faults.append(Detail("reason", "reason_required", "Say where it was announced."))
    refuse(faults)


# --- applying --------------------------------------------------------------------------------
_SETTLED = """
SELECT account_id, sum(qty) FROM allocations_movement
WHERE organization_id = %s AND instrument_id = %s AND settlement_date <= %s
GROUP BY account_id HAVING sum(qty) <> 0 ORDER BY account_id
"""


def _apply(work: Unit, row: CorporateAction, *, checker_id: int | None, at: datetime) -> None:
    entitled = _entitled(work, row)
    money = payouts.in_cents(row, entitled, payouts.rate(row))
    interest = payouts.in_cents(row, entitled, payouts.interest(row))
    postings = [
        _posting(row, account_id, qty, money[account_id], interest[account_id])
        for account_id, qty in entitled.items()
    ]
    moving = [one for one in postings if one.cash or one.qty]
    row.apply(entitled=len(moving), accrued=payouts.accrued(row), checker_id=checker_id, at=at)
    _tell(work, row, "corporate_action_apply", entitled=row.entitled, accrued=row.accrued)
    ledger.post(work, moving, at=at)
    if row.kind in ENDING:
        generation.move()  # nobody takes an order in it any more


def _entitled(work: Unit, row: CorporateAction) -> Mapping[str, Decimal]:
    """Quantities that count: what had settled by the record date, or what is held now.

    Income belongs to who had the securities; what ends or splits changes what there is. Read under
    the accounts' locks, so that no fill comes between.
    """
    mine = Position.objects.filter(
        organization_id=row.organization_id, instrument_id=row.instrument_id
    )
    ledger.lock(work, set(mine.values_list("account_id", flat=True)))
    if row.kind in ENDING or row.kind == Kind.SPLIT:
        held = mine.exclude(qty=0).order_by("account_id")
        return dict(held.values_list("account_id", "qty"))
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, [row.organization_id, row.instrument_id, row.record_date])
        return dict(cursor.fetchall())


def _posting(
    row: CorporateAction, account_id: str, qty: Decimal, money: Decimal, interest: Decimal
) -> Posting:
    facts = instruments.by_id(row.instrument_id)
    named: dict[str, Any] = {
        "organization_id": row.organization_id,
        "account_id": account_id,
        "instrument_id": row.instrument_id,
        "currency": facts.currency,
        "kind": str(row.kind),
        "source_id": row.id,
        "trade_date": row.record_date,
        "settlement_date": row.pay_date,
    }
    if row.kind == Kind.SPLIT:
        grown = Fraction(qty) * row.ratio_new / row.ratio_old
        more = round_fraction(grown, places=6) - qty
        return Posting(qty=more, ratio_new=row.ratio_new, ratio_old=row.ratio_old, **named)
    if row.kind == Kind.COUPON:
        # Interest that was paid for on buying comes back here: it is no profit of the position.
        return Posting(cash=money, accrued_interest=-money, **named)
    if row.kind == Kind.DIVIDEND:
        return Posting(cash=money, consideration=-money, **named)
    return Posting(
        qty=-qty,
        price=row.rate,
        principal=-money,
        consideration=-money,
        accrued_interest=-interest,
        cash=money + interest,
        **named,
    )


def view(row: CorporateAction) -> dict[str, Any]:
    """An action as the API tells it."""
    facts = instruments.by_id(row.instrument_id)
    return {
        "id": row.id,
        "corporate_action_id": row.id,
        "kind": str(row.kind),
        "status": str(row.status),
        "cusip": facts.cusip,
        "description": facts.description,
        "record_date": row.record_date,
        "pay_date": row.pay_date,
        "rate": None if row.kind == Kind.SPLIT else row.rate,
        "accrued": payouts.accrued(row),
        "ratio_new": row.ratio_new or None,
        "ratio_old": row.ratio_old or None,
        "source": row.source,
        "reason": row.reason or None,
        "announced_at": row.announced_at,
        "decided_at": row.decided_at,
        "entitled_accounts": row.entitled,
    }


def _tell(work: Unit, row: CorporateAction, event_type: str, **more: Any) -> None:
    body = {
        "corporate_action_id": row.id,
        "kind": str(row.kind),
        "instrument_id": row.instrument_id,
        "record_date": row.record_date,
        "pay_date": row.pay_date,
        "rate": row.rate,
        "ratio_new": row.ratio_new,
        "ratio_old": row.ratio_old,
        **more,
    }
    work.record(row, event_type, body=body)
