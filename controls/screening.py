"""The gate itself: every ticket against every control in force, all failures told together.

Called by the desk with a batch of tickets, after one `firm.generation.check`. It asks the database
nothing per order and writes nothing: the caller adds `Verdict.row` to its unit of work. A control
that errors or lacks its data never passes an order (code `control_unavailable`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from controls import library, messages
from controls.findings import Finding, Missing, Noted, Number, Passed, Suppressed
from controls.library import CONTROL_UNAVAILABLE, ActiveControl
from controls.models import Screening
from controls.states import Outcome, Remediation
from controls.ticket import Ticket
from oms_site.journal import statements
from oms_site.kit import ids

log = logging.getLogger(__name__)
PASS = "pass"  # noqa: S105  a verdict, no password
SUPPRESSED, OVERRIDDEN, EXEMPT = "suppressed", "overridden", "exempt"
# Told to compliance alone, who reads it in the evidence.
NOTED = "noted"
LET_PASS = frozenset({SUPPRESSED, OVERRIDDEN, EXEMPT, NOTED})
# What holds for every order, whoever agreed to it.
ALWAYS = frozenset({*library.BUILTIN, library.REDUCE_ONLY, library.RESTRICTED})


class Result(msgspec.Struct, frozen=True):
    """What one control said: `effect` is pass, or the remediation that its failure calls for."""

    control: ActiveControl
    effect: str
    limit: Number = None
    actual: Number = None
    code: str = ""
    message: str = ""
    # What two people may let one order pass in spite of; empty where they may not.
    about: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What all controls together said about one ticket."""

    outcome: str
    results: tuple[Result, ...]
    at: datetime

    def failed_controls(self) -> list[dict[str, Any]]:
        """The failures as the wire's `failed_controls`, in the order of the controls."""
        return self._told({Remediation.FLAG.value, Remediation.REJECT.value})

    def warnings(self) -> list[dict[str, Any]]:
        """What the controls warn of, in the same shape; a warning holds nothing up."""
        return self._told({Remediation.WARN.value})

    def _told(self, effects: set[str]) -> list[dict[str, Any]]:
        return [
            {
                "control_id": result.control.code,
                "control_version": result.control.version,
                "control_type": result.control.control_type,
                "remediation": result.control.remediation,
                "code": result.code,
                "control_message": result.message,
                "limit": result.limit,
                "actual": result.actual,
            }
            for result in self.results
            if result.effect in effects
        ]

    def overridden(self) -> dict[str, str]:
        """What would have been refused but for two people: the override's id by control."""
        return {r.control.code: str(r.actual) for r in self.results if r.effect == OVERRIDDEN}

    @property
    def reject_code(self) -> str:
        """The code of the first control that rejects; empty unless rejected."""
        return next((result.code for result in self._rejections()), "")

    @property
    def reject_reason(self) -> str:
        """The sentences of all controls that reject; empty unless rejected."""
        return " ".join(result.message for result in self._rejections())

    def row(self, ticket: Ticket) -> Screening:
        """The evidence as a new row, not saved: `results` is read back by `read_results`."""
        return statements.fresh(
            Screening,
            id=ids.prefixed("scr"),
            organization_id=ticket.organization_id,
            subject=ticket.order_id,
            subject_version=ticket.order_version,
            outcome=self.outcome,
            ticket=ticket.facts(),
            results=[_stored(result) for result in self.results],
            stage=ticket.stage,
            screened_at=self.at,
        )

    def _rejections(self) -> list[Result]:
        return [r for r in self.results if r.effect == Remediation.REJECT.value]


def screen(tickets: Iterable[Ticket], *, at: datetime) -> list[Verdict]:
    """One verdict per ticket, in their order, by the controls of each ticket's organization."""
    return [
        judge(library.of(ticket.organization_id).controls_for(ticket), ticket, at=at)
        for ticket in tickets
    ]


def judge(controls: Sequence[ActiveControl], ticket: Ticket, *, at: datetime) -> Verdict:
    """The verdict of these controls: any reject failure rejects, else any flag failure flags.

    A warning is kept with the results and changes nothing.
    """
    stage = ticket.stage
    results = tuple([_ask(control, ticket) for control in controls if stage in control.stages])
    effects = {result.effect for result in results}
    if Remediation.REJECT.value in effects:
        outcome = Outcome.REJECTED.value
    elif Remediation.FLAG.value in effects:
        outcome = Outcome.FLAGGED.value
    else:
        outcome = Outcome.PASSED.value
    return Verdict(outcome, results, at)


def window_for_duplicates(organization_id: str) -> int | None:
    """How many seconds back the caller must count equal orders; None when no control asks."""
    return library.of(organization_id).duplicate_window


def read_results(stored: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """The `results` of a stored screening as named values, for screens and exports."""
    names = ("control_id", "control_version", "effect", "limit", "actual", "code", "message")
    return [dict(zip(names, (*row, "", "")[: len(names)], strict=True)) for row in stored]


def overridable(stored: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """The refusals of a stored screening, each with what it is `about`, if two people may lift
    every one; else none. One that does not say what it is about is nobody's to lift.
    """
    refused = [row for row in stored if row[2] == Remediation.REJECT.value]
    if not all(len(row) > 7 and isinstance(row[7], list) and row[7] for row in refused):
        return []
    told = zip(read_results(refused), refused, strict=True)
    return [{**one, "about": row[7]} for one, row in told]


def _ask(control: ActiveControl, ticket: Ticket) -> Result:
    if control.regulatory and ticket.pmp_suppressed_by:
        # Nobody has the right to suppress what a regulator asks for.
        ticket = msgspec.structs.replace(ticket, pmp_suppressed_by="")
    try:
        answer = control.check(ticket)
    except Missing as missing:
        return _unavailable(control, missing.reason)
    except Exception:
        log.exception("control %s failed on %s", control.code, ticket.order_id)
        return _unavailable(control, "it failed with an error")
    if isinstance(answer, Passed):
        return Result(control, PASS, answer.limit, answer.actual)
    if isinstance(answer, Suppressed) and not control.regulatory:
        return Result(control, SUPPRESSED, None, answer.by)
    if isinstance(answer, Noted):
        code = control.failure_code
        return Result(control, NOTED, None, answer.actual, code, answer.message)
    if isinstance(answer, Finding):
        return _failed(control, answer, ticket)
    log.error("control %s gave no answer on %s", control.code, ticket.order_id)
    return _unavailable(control, "it gave no answer")


def _failed(control: ActiveControl, finding: Finding, ticket: Ticket) -> Result:
    """A breach, or what two people have let pass; a regulatory control is nobody's to lift."""
    if ticket.exempt_by and not control.regulatory and control.rule_class not in ALWAYS:
        message = messages.filled(control.message, finding, ticket) or finding.message
        code = control.failure_code
        return Result(control, EXEMPT, finding.limit, ticket.exempt_by, code, message)
    about = () if control.regulatory else finding.about
    by = ticket.overrides.get(control.code)
    lifted = by is not None and by.covers(about, str(finding.actual))
    return Result(
        control,
        OVERRIDDEN if lifted else control.remediation,
        finding.limit,
        by.id if by is not None and lifted else finding.actual,
        control.failure_code,
        messages.filled(control.message, finding, ticket) or finding.message,
        about=about if control.remediation == Remediation.REJECT else (),
    )


def _unavailable(control: ActiveControl, reason: str) -> Result:
    return Result(
        control,
        control.remediation,
        None,
        None,
        CONTROL_UNAVAILABLE,
        f"{control.name} could not be checked: {reason}.",
    )


def _stored(result: Result) -> list[Any]:
    passed = [
        result.control.code,
        result.control.version,
        result.effect,
        result.limit,
        result.actual,
    ]
    if result.effect == PASS:
        return passed
    failed = [*passed, result.code, result.message]
    return [*failed, list(result.about)] if result.about and result.effect != OVERRIDDEN else failed
