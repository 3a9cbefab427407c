"""The controls in force, per organization, as frozen values with their numbers read in advance.

Loaded once per process and again only when reference data has changed; a batch calls
`firm.generation.check` once and asks here as often as it likes. Four built-in controls hold for
every organization: no row can change them or switch them off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from controls import checks, parameters
from controls.findings import Answer, Missing
from controls.models import Control, RestrictedInstrument
from controls.states import ControlStatus, Remediation
from controls.ticket import Ticket
from oms_site.firm import generation

BUILTIN = ("entitlement.trader", "session.hours", "account.status", "instrument.status")
BUILTIN_NAMES = {
    "entitlement.trader": "Trader entitlement",
    "session.hours": "Session hours",
    "account.status": "Account status",
    "instrument.status": "Instrument status",
}
DUPLICATES = "duplicates.economic"
CONTROL_UNAVAILABLE = "control_unavailable"


class ActiveControl(msgspec.Struct, frozen=True, kw_only=True):
    """One control in force; `check` has its parameters bound, `code` names it on the wire."""

    code: str
    version: int
    name: str
    control_type: str
    remediation: str
    failure_code: str
    check: Callable[[Ticket], Answer]
    asset_classes: frozenset[str] = frozenset()
    window_s: int | None = None


class Gate(msgspec.Struct, frozen=True):
    """All that one organization's orders must pass, built-in controls first."""

    controls: tuple[ActiveControl, ...]
    by_asset_class: Mapping[str, tuple[ActiveControl, ...]]
    for_the_rest: tuple[ActiveControl, ...]
    restricted: Mapping[str, tuple[str, ...]]
    duplicate_window: int | None

    def controls_for(self, asset_class: str) -> tuple[ActiveControl, ...]:
        """The controls that apply to an order in that asset class."""
        return self.by_asset_class.get(asset_class, self.for_the_rest)


def of(organization_id: str) -> Gate:
    """The gate of an organization; one without any rows has the built-in controls."""
    return _gates.get().get(organization_id, _bare)


def restricted_on(organization_id: str, cusip: str) -> tuple[str, ...]:
    """The names of the organization's lists that hold this security."""
    return of(organization_id).restricted.get(cusip.strip().upper(), ())


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
) -> ActiveControl:
    """A control in force from its stored values; one that cannot be read fails every order."""
    rule = checks.RULES.get(rule_class)
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
    return ActiveControl(
        code=code,
        version=version,
        name=name,
        control_type=control_type or (rule.control_type if rule else "order"),
        # Whatever is not clearly a flag rejects.
        remediation=(
            Remediation.FLAG if remediation == Remediation.FLAG else Remediation.REJECT
        ).value,
        failure_code=rule.code if rule else CONTROL_UNAVAILABLE,
        check=check,
        asset_classes=frozenset(asset_classes),
        window_s=window,
    )


def gate(
    rows: Iterable[ActiveControl] = (), restricted: Mapping[str, tuple[str, ...]] | None = None
) -> Gate:
    """A gate of the built-in controls and these, with these lists by CUSIP."""
    controls = (*_builtin, *rows)
    scoped = {name for control in controls for name in control.asset_classes}
    windows = [control.window_s for control in controls if control.window_s is not None]
    return Gate(
        controls=controls,
        by_asset_class={
            name: tuple(c for c in controls if not c.asset_classes or name in c.asset_classes)
            for name in scoped
        },
        for_the_rest=tuple(c for c in controls if not c.asset_classes),
        restricted=dict(restricted or {}),
        # With several windows the widest is counted: rather one order too many than one too few.
        duplicate_window=max(windows, default=None),
    )


def _unreadable(reason: str, ticket: Ticket) -> Answer:
    raise Missing(reason)


def _of_row(row: Control) -> ActiveControl:
    return bind(
        code=row.code,
        version=row.version,
        name=row.name,
        rule_class=row.rule_class,
        params=row.params,
        remediation=row.remediation,
        control_type=row.type,
        asset_classes=row.asset_classes,
    )


def _load() -> dict[str, Gate]:
    rows: dict[str, list[ActiveControl]] = defaultdict(list)
    for row in Control.objects.filter(status=ControlStatus.ACTIVE).order_by("code"):
        rows[row.organization_id].append(_of_row(row))
    lists: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in RestrictedInstrument.objects.order_by("list_name"):
        lists[entry.organization_id][entry.cusip.strip().upper()].append(entry.list_name)
    return {
        organization_id: gate(
            rows[organization_id],
            {cusip: tuple(names) for cusip, names in lists[organization_id].items()},
        )
        for organization_id in {*rows, *lists}
    }


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
_bare = gate()
_gates: generation.Cached[dict[str, Gate]] = generation.Cached(_load)
