"""What a version would have done: run over the tickets that were stored with past verdicts.

Called before a version comes into force. Reads in batches and keeps only counts and a few samples,
so any number of days costs the same memory. Nothing is screened anew but the one control.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from allocations import accounts
from controls import content, governance, library, screening, slices
from controls.library import ActiveControl
from controls.models import Control, Simulation
from controls.states import Outcome, Remediation
from controls.ticket import AccountFacts, Listed, Mandate, Ticket
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError

log = logging.getLogger(__name__)
BATCH = 500
MOST_SAMPLES = 20
MOST_DAYS = 366
# One request answers in time; the command has no such limit.
MOST_TICKETS = 20_000
_OUTCOMES = {
    Remediation.REJECT.value: Outcome.REJECTED.value,
    Remediation.FLAG.value: Outcome.FLAGGED.value,
}
_BATCH_SQL = """
SELECT id, subject, subject_version, organization_id, ticket::text, results::text, outcome, stage
FROM controls_screening
WHERE id > %s AND organization_id = ANY(%s) AND screened_at >= %s AND screened_at < %s
ORDER BY id LIMIT %s
"""


def run(
    control: Control,
    *,
    days: int,
    by: Principal,
    at: datetime,
    most: int | None = MOST_TICKETS,
    progress: Callable[[int], None] = lambda done: None,
) -> Simulation:
    """Run a version over the last `days` days and keep the result with it, for ever.

    `progress` hears how many tickets are done. Raises not_entitled (403), invalid_days (422).
    """
    governance.require_manager(by)
    if not 1 <= days <= MOST_DAYS:
        raise OmsError("invalid_days", f"Give 1 to {MOST_DAYS} days.", field="days")
    since = at - timedelta(days=days)
    tally = Tally(control)
    complete = True
    houses = control.assigned_to or [control.organization_id]
    for batch in _batches(houses, since=since, until=at):
        for row in batch:
            if most is not None and tally.tickets >= most:
                complete = False
                break
            tally.add(row)
        progress(tally.tickets)
        if not complete:
            break
    return Simulation.objects.create(
        control=control,
        fingerprint=content.fingerprint(control),
        since=since,
        until=at,
        tickets=tally.tickets,
        complete=complete,
        report=tally.report(),
        made_by_id=by.user_id,
        made_at=at,
    )


def latest(control: Control) -> Simulation | None:
    """The newest simulation of a version."""
    return control.simulations.order_by("-made_at", "-id").first()


class Tally:
    """What changed so far: counts in all, by account and by trader, and the first samples."""

    def __init__(self, row: Control) -> None:
        self.row = row
        self.tickets = self.unreadable = self.applied = 0
        self.counts: Counter[str] = Counter()
        self.by_account: dict[str, Counter[str]] = {}
        self.by_trader: dict[str, Counter[str]] = {}
        self.samples: list[dict[str, Any]] = []
        self._bound: dict[str, ActiveControl] = {}

    def add(self, stored: Mapping[str, Any]) -> None:
        """One stored verdict: what would have become of it with this version instead."""
        self.tickets += 1
        house = stored["organization_id"]
        control = self._bound.get(house)
        if control is None:
            control = library.of_row(self.row, code=library.code_for(self.row, house))
            self._bound[house] = control
        try:
            ticket = ticket_of(stored)
        except (msgspec.ValidationError, KeyError, TypeError, ValueError):
            log.exception("a stored ticket cannot be read: %s", stored["id"])
            self.unreadable += 1
            return
        effect, message = _effect(control, ticket)
        self.applied += effect is not None
        others = {r[2] for r in stored["results"] if r[0] != control.code}
        outcome = _worst(others | ({effect} if effect else set()))
        if effect == Remediation.WARN:
            self.counts["warned"] += 1
        if outcome != stored["outcome"]:
            self._count(f"newly_{outcome}", ticket, stored, message)

    def _count(self, name: str, ticket: Ticket, stored: Mapping[str, Any], message: str) -> None:
        self.counts[name] += 1
        for account in ticket.accounts:
            self.by_account.setdefault(account.code, Counter())[name] += 1
        self.by_trader.setdefault(ticket.username, Counter())[name] += 1
        if len(self.samples) < MOST_SAMPLES:
            self.samples.append(
                {
                    "order_id": ticket.order_id,
                    "was": stored["outcome"],
                    "now": name.removeprefix("newly_"),
                    "trader": ticket.username,
                    "accounts": [account.code for account in ticket.accounts],
                    "message": message,
                }
            )

    def report(self) -> dict[str, Any]:
        """The result as it is stored and told."""
        names = ("newly_flagged", "newly_rejected", "newly_passed", "warned")
        return {
            **{name: self.counts[name] for name in names},
            "applied": self.applied,
            "unreadable": self.unreadable,
            "by_account": {name: dict(found) for name, found in sorted(self.by_account.items())},
            "by_trader": {name: dict(found) for name, found in sorted(self.by_trader.items())},
            "samples": self.samples,
        }


def ticket_of(stored: Mapping[str, Any]) -> Ticket:
    """The ticket as it was looked at; facts that are newer than it have their defaults."""
    facts = dict(stored["ticket"])
    house = stored["organization_id"]
    facts["accounts"] = [_account(house, *row[:6]) for row in facts["accounts"]]
    listed = tuple(Listed(*row[:4]) for row in facts.pop("listed", ()))
    mandates = tuple(Mandate(*row[:3]) for row in facts.pop("mandates", ()))
    known = set(Ticket.__struct_fields__)
    facts = {name: value for name, value in facts.items() if name in known}
    facts.setdefault("reference", None)
    ticket = msgspec.convert(
        {
            **facts,
            "order_id": stored["subject"],
            "order_version": stored["subject_version"],
            "organization_id": house,
            "stage": stored["stage"],
        },
        Ticket,
    )
    return msgspec.structs.replace(ticket, listed=listed, mandates=mandates)


def _account(
    house: str, id: str, code: str, status: str, owner: str, whole: str = "", whole_code: str = ""
) -> AccountFacts:
    known = accounts.find_account(house, id)
    return AccountFacts(
        id,
        code,
        status,
        owner,
        risk_group_id=known.risk_group_id if known is not None else "",
        whole=whole,
        whole_code=whole_code,
    )


def _effect(control: ActiveControl, ticket: Ticket) -> tuple[str | None, str]:
    facts = dict(zip(control.scope, slices.facts_of(ticket, control.scope), strict=True))
    if not slices.matches(control.scope, facts):
        return None, ""
    results = screening.judge((control,), ticket, at=ticket.at).results
    return (results[0].effect, results[0].message) if results else (None, "")


def _worst(effects: set[str]) -> str:
    for effect, outcome in _OUTCOMES.items():
        if effect in effects:
            return outcome
    return Outcome.PASSED.value


def _batches(
    houses: list[str], *, since: datetime, until: datetime
) -> Iterator[list[dict[str, Any]]]:
    last = ""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_BATCH_SQL, [last, houses, since, until, BATCH])
            found = cursor.fetchall()
        if not found:
            return
        last = found[-1][0]
        yield [_stored(row) for row in found]


def _stored(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("id", "subject", "subject_version", "organization_id")
    ticket, results, outcome, stage = row[4:]
    return {
        **dict(zip(names, row, strict=False)),
        # Django's own reader would make floats of the numbers.
        "ticket": json.loads(ticket, parse_float=Decimal),
        "results": json.loads(results, parse_float=Decimal),
        "outcome": outcome,
        "stage": stage,
    }
