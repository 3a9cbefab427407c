"""The controls in force, per organization, as frozen values with their numbers read in advance.

Loaded once per process and again only when reference data has changed; a batch calls
`firm.generation.check` once and asks here as often as it likes. Five built-in controls hold for
every organization: no row can change them or switch them off. Which controls a ticket must pass is
found by what the ticket says in the dimensions that any control's slice names, and remembered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from django.db.models import Q

from controls import checks, parameters, slices
from controls.findings import Answer, Missing
from controls.models import Control
from controls.needs import Need
from controls.states import ControlStatus, Remediation
from controls.ticket import Ticket
from oms_site.firm import generation
from oms_site.kit import clock

BUILTIN = (
    "entitlement.trader",
    "session.hours",
    "halt.standing",
    "account.status",
    "instrument.status",
)
BUILTIN_NAMES = {
    "entitlement.trader": "Trader entitlement",
    "session.hours": "Session hours",
    "halt.standing": "Kill switch",
    "account.status": "Account status",
    "instrument.status": "Instrument status",
}
REDUCE_ONLY = "order.reduce_only"
WATCHED, RESTRICTED = "universe.watched", "universe.restricted"
DUPLICATES = "duplicates.economic"
CONTROL_UNAVAILABLE = "control_unavailable"
KEEP_MOST = 10_000


class ActiveControl(msgspec.Struct, frozen=True, kw_only=True):
    """One control in force; `check` has its parameters bound, `code` names it on the wire."""

    code: str
    version: int
    name: str
    control_type: str
    remediation: str
    failure_code: str
    check: Callable[[Ticket], Answer]
    rule_class: str = ""
    params: parameters.Params | None = None
    asset_classes: frozenset[str] = frozenset()
    scope: slices.Scope = {}
    begins: datetime | None = None
    ends: datetime | None = None
    regulatory: bool = False
    message: str = ""
    window_s: int | None = None
    needs: tuple[Need, ...] = ()
    stages: frozenset[str] = checks.EVERYWHERE

    def in_force(self, at: datetime) -> bool:
        """Whether its effective dates include the moment; the end itself is outside."""
        return (self.begins is None or self.begins <= at) and (self.ends is None or at < self.ends)


class Gate(msgspec.Struct, frozen=True):
    """All that one organization's orders must pass, built-in controls first."""

    controls: tuple[ActiveControl, ...]
    dimensions: tuple[str, ...]
    duplicate_window: int | None
    # What was found for the values of the dimensions, and whether dates have to be asked as well.
    known: dict[tuple[slices.Values, ...], tuple[tuple[ActiveControl, ...], bool]]
    # Whether any control uses figures that orders share.
    shares: bool = False

    def controls_for(self, ticket: Ticket) -> tuple[ActiveControl, ...]:
        """The controls that apply to an order, by its facts and its moment."""
        key = slices.facts_of(ticket, self.dimensions)
        found = self.known.get(key)
        if found is None:
            found = self._find(key)
        controls, dated = found
        if dated:
            controls = tuple([c for c in controls if c.in_force(ticket.at)])
        if ticket.reduce_only:
            controls = (*controls, _reduce_only)
        return (*controls, _watched) if ticket.watched else controls

    def _find(self, key: tuple[slices.Values, ...]) -> tuple[tuple[ActiveControl, ...], bool]:
        facts = dict(zip(self.dimensions, key, strict=True))
        controls = tuple(c for c in self.controls if slices.matches(c.scope, facts))
        found = controls, any(c.begins or c.ends for c in controls)
        if len(self.known) >= KEEP_MOST:
            self.known.clear()
        self.known[key] = found
        return found


def of(organization_id: str) -> Gate:
    """The gate of an organization; one without any rows has the built-in controls."""
    return _gates.get().get(organization_id, _bare)


def bind(
    *,
    code: str,
    version: int,
    name: str,
    rule_class: str,
    params: Mapping[str, Any],
    remediation: str,
    control_type: str = "",
    asset_classes: Iterable[str] = (),
    scope: Mapping[str, Iterable[str]] | None = None,
    begins: datetime | None = None,
    ends: datetime | None = None,
    regulatory: bool = False,
    message: str = "",
) -> ActiveControl:
    """A control in force from its stored values; one that cannot be read fails every order."""
    rule = checks.RULES.get(rule_class)
    read: parameters.Params | None = None
    compiled: slices.Scope = {}
    window: int | None = None
    check: Callable[[Ticket], Answer]
    if rule is None:
        check = partial(_unreadable, f"the rule {rule_class} is not known")
    else:
        try:
            read = parameters.read(rule.params, params)
            check = partial(rule.check, params=read)
            window = getattr(read, "window_s", None) if rule_class == DUPLICATES else None
        except parameters.BadParams as error:
            check = partial(_unreadable, f"its parameters are not valid ({error})")
    classes = frozenset(asset_classes)
    try:
        compiled = slices.compile(scope or {}, classes)
    except ValueError as error:
        check = partial(_unreadable, f"its slice is not valid ({error})")
    if "account" in compiled:
        check = partial(_of_accounts, compiled["account"], check)
    return ActiveControl(
        code=code,
        version=version,
        name=name,
        control_type=control_type or (rule.control_type if rule else "order"),
        remediation=_remediation(remediation, regulatory=regulatory),
        failure_code=rule.code if rule else CONTROL_UNAVAILABLE,
        check=check,
        rule_class=rule_class,
        params=read,
        asset_classes=classes,
        scope=compiled,
        begins=begins,
        ends=ends,
        regulatory=regulatory,
        message=message,
        window_s=window,
        needs=rule.needs(read) if rule and read else (),
        stages=rule.stages if rule else checks.EVERYWHERE,
    )


def gate(rows: Iterable[ActiveControl] = ()) -> Gate:
    """A gate of the built-in controls and these."""
    controls = (*_builtin, *rows)
    named = {name for control in controls for name in control.scope}
    windows = [control.window_s for control in controls if control.window_s is not None]
    return Gate(
        controls=controls,
        dimensions=tuple(name for name in slices.READERS if name in named),
        # With several windows the widest is counted: rather one order too many than one too few.
        duplicate_window=max(windows, default=None),
        known={},
        shares=any(control.needs for control in controls),
    )


def _remediation(wanted: str, *, regulatory: bool) -> str:
    # Whatever is not clearly milder rejects.
    if regulatory or wanted not in {Remediation.WARN, Remediation.FLAG}:
        return Remediation.REJECT.value
    return wanted


def _unreadable(reason: str, ticket: Ticket) -> Answer:
    raise Missing(reason)


def _of_accounts(
    names: frozenset[str], check: Callable[[Ticket], Answer], ticket: Ticket
) -> Answer:
    """Ask a control that names accounts: of accounts with sleeves it looks at the part it names."""
    if ticket.is_divided:
        ticket = msgspec.structs.replace(ticket, named=names)
    return check(ticket)


def of_row(row: Control, *, code: str = "", before: datetime | None = None) -> ActiveControl:
    """A stored version, bound; `code` when it goes by another name, `before` its successor."""
    ends = [at for at in (row.effective_until, row.ends_at, before) if at is not None]
    return bind(
        code=code or row.code,
        version=row.version,
        name=row.name,
        rule_class=row.rule_class,
        params=row.params,
        remediation=row.remediation,
        control_type=row.type,
        asset_classes=row.asset_classes,
        scope=row.slice,
        begins=row.effective_from,
        ends=min(ends, default=None),
        regulatory=row.regulatory,
        message=row.message,
    )


def code_for(row: Control, organization_id: str) -> str:
    """How orders of an organization name a control: a parent's carries the parent's name."""
    if row.organization_id == organization_id:
        return row.code
    return f"{row.organization_id}:{row.code}"


def _load() -> dict[str, Gate]:
    rows: dict[str, list[ActiveControl]] = defaultdict(list)
    # A version that was replaced ahead of time holds until its successor takes over.
    held = Q(status=ControlStatus.ACTIVE) | Q(ends_at__gt=clock.now())
    later: dict[tuple[str, str], datetime] = {}
    for row in Control.objects.filter(held).order_by("code", "-version"):
        series = (row.organization_id, row.code)
        ends = later.get(series)
        starts = row.effective_from or row.approved_at or row.created_at
        later[series] = starts if ends is None else min(starts, ends)
        for target in row.assigned_to or [row.organization_id]:
            rows[target].append(of_row(row, code=code_for(row, target), before=ends))
    return {organization_id: gate(found) for organization_id, found in rows.items()}


_builtin = tuple(
    bind(
        code=f"builtin.{rule_class}",
        version=1,
        name=BUILTIN_NAMES[rule_class],
        rule_class=rule_class,
        params={},
        remediation=Remediation.REJECT.value,
    )
    for rule_class in BUILTIN
)
# Asked for by the order itself: no other order pays for it.
_reduce_only = bind(
    code=f"builtin.{REDUCE_ONLY}",
    version=1,
    name="Reduce only",
    rule_class=REDUCE_ONLY,
    params={},
    remediation=Remediation.REJECT.value,
)
# Nothing is ever refused by it, and only what a watch list names is looked at.
_watched = bind(
    code=f"builtin.{WATCHED}",
    version=1,
    name="Watch list",
    rule_class=WATCHED,
    params={},
    remediation=Remediation.WARN.value,
)
_bare = gate()
_gates: generation.Cached[dict[str, Gate]] = generation.Cached(_load)
