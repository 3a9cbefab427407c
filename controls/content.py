"""What a version of a control states: read strictly, stored exactly, compared field by field.

Called by the governance room for everything that people or packs write. It knows no states.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations.models import Account, IntroducingBroker, RiskGroup
from controls import checks, messages, parameters, slices
from controls.models import Control, ControlList
from controls.states import Remediation
from oms_site.firm.models import ApiKey, Organization, User
from oms_site.kit import numbers
from oms_site.kit.errors import Detail, refuse
from venues.models import Instrument

FIELDS = (
    *("name", "type", "rule_class", "params", "remediation", "regulatory", "slice", "assigned_to"),
    *("effective_from", "effective_until", "citation", "message"),
)
_TEXTS = {"name": 120, "citation": 200, "message": 300}
_USUAL: dict[str, Any] = {
    "regulatory": False,
    "slice": {},
    "assigned_to": [],
    "params": {},
    "effective_from": None,
    "effective_until": None,
    "citation": "",
    "message": "",
}


def read(raw: Mapping[str, Any], *, organization_id: str) -> dict[str, Any]:
    """The columns of a version that states this.

    Raises `OmsError` (422) with every field at fault: unknown, missing or not to be understood.
    """
    faults = [
        Detail(name, "unknown_field", "No control has such a field.")
        for name in sorted(set(raw) - set(FIELDS))
    ]
    faults += [
        Detail(name, "required", "Give it a value.")
        for name in ("name", "rule_class", "remediation")
        if not raw.get(name)
    ]
    given = {**_USUAL, **{name: _exact(value) for name, value in raw.items() if name in FIELDS}}
    for part in (_texts, _rule, _effect, _dates, _slice, _assigned):
        faults += part(given, organization_id)
    refuse(faults)
    scope = dict(given["slice"])
    classes = scope.pop("asset_class", [])
    kind = checks.RULES[given["rule_class"]].control_type
    return {**given, "type": given.get("type") or kind, "slice": scope, "asset_classes": classes}


def of(row: Control) -> dict[str, Any]:
    """What a stored version states, in the shape that `read` takes."""
    scope = {**row.slice, **({"asset_class": row.asset_classes} if row.asset_classes else {})}
    stated = {name: getattr(row, name) for name in FIELDS}
    return {**stated, "slice": scope}


def fingerprint(row: Control) -> str:
    """A hash that versions share exactly if they state the same."""
    text = json.dumps(of(row), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def diff(old: Control, new: Control) -> list[dict[str, Any]]:
    """The fields in which two versions differ; parameters and slices one by one."""
    before, after = _flat(of(old)), _flat(of(new))
    return [
        {"field": name, "from": before.get(name), "to": after.get(name)}
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _flat(stated: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in stated.items():
        if name in {"params", "slice"}:
            found.update({f"{name}.{key}": one for key, one in sorted(value.items())})
        else:
            found[name] = value
    return found


def _exact(value: Any) -> Any:
    """Numbers as they are stored: whole ones as numbers, others as text with every digit."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else numbers.plain(value)
    if isinstance(value, dict):
        return {name: _exact(one) for name, one in value.items()}
    return [_exact(one) for one in value] if isinstance(value, list | tuple) else value


def _texts(given: dict[str, Any], _: str) -> list[Detail]:
    found = []
    for name, most in _TEXTS.items():
        text = given.get(name, "")
        if not isinstance(text, str) or len(text) > most:
            found.append(Detail(name, "invalid_text", f"Give a text of at most {most} letters."))
    message = given["message"]
    if isinstance(message, str) and (fault := messages.fault(message)):
        found.append(Detail("message", "invalid_message", fault))
    return found


def _rule(given: dict[str, Any], _: str) -> list[Detail]:
    if not given.get("rule_class"):
        return []
    rule = checks.RULES.get(str(given["rule_class"]))
    if rule is None:
        known = ", ".join(sorted(checks.RULES))
        return [Detail("rule_class", "unknown_rule_class", f"Known rules: {known}.")]
    wanted = given.get("type")
    if wanted and wanted not in Control.Type.values:
        known = ", ".join(Control.Type.values)
        return [Detail("type", "unknown_type", f"One of: {known}.")]
    if not isinstance(given["params"], dict):
        return [Detail("params", "invalid_params", "Give an object of parameters.")]
    try:
        parameters.read(rule.params, given["params"])
    except parameters.BadParams as error:
        text = f"The rule {rule.name} says: {error}."
        return [Detail(error.field(rule.params), "invalid_params", text)]
    return []


def _effect(given: dict[str, Any], _: str) -> list[Detail]:
    remediation, regulatory = given.get("remediation"), given["regulatory"]
    if not isinstance(regulatory, bool):
        return [Detail("regulatory", "invalid_value", "Give true or false.")]
    if remediation and remediation not in set(Remediation):
        return [Detail("remediation", "unknown_remediation", "One of: warn, flag, reject.")]
    if regulatory and remediation and remediation != Remediation.REJECT:
        text = "A regulatory control always rejects: it is never flagged, warned or suppressed."
        return [Detail("remediation", "regulatory_control", text)]
    return []


def _dates(given: dict[str, Any], _: str) -> list[Detail]:
    found = []
    for name in ("effective_from", "effective_until"):
        moment = _moment(given[name])
        if moment is False:
            found.append(Detail(name, "invalid_time", "Give a time with its offset from UTC."))
        else:
            given[name] = moment
    starts, ends = given["effective_from"], given["effective_until"]
    if not found and starts and ends and ends <= starts:
        found.append(Detail("effective_until", "ends_before_it_begins", "Give a later time."))
    return found


def _moment(value: Any) -> Any:
    if isinstance(value, str) and value:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return False
    if isinstance(value, datetime):
        return False if value.tzinfo is None else value
    return None if value in (None, "") else False


def _slice(given: dict[str, Any], organization_id: str) -> list[Detail]:
    scope = given["slice"]
    found = slices.faults(scope)
    if found:
        return found
    houses = [organization_id, *_targets(given)]
    known: dict[str, Any] = {
        "asset_class": lambda values: set(Instrument.AssetClass.values),
        "account": lambda values: (
            _named(Account, houses, "id", values) | _named(Account, houses, "code", values)
        ),
        "risk_group": lambda values: _named(RiskGroup, houses, "id", values),
        "ib": lambda values: _named(IntroducingBroker, houses, "id", values),
        "trader": lambda values: _named(User, houses, "username", values),
        "instrument_list": lambda values: _named(
            ControlList, houses, "name", values, decision__approve=True
        ),
        "api_key": lambda values: _keys(houses, values),
        "instrument": lambda values: set(
            Instrument.objects.filter(cusip__in=values).values_list("cusip", flat=True)
        ),
    }
    for name, values in scope.items():
        missing = set(values) - known[name](values) if name in known else set()
        if missing:
            text = f"Not known here: {', '.join(sorted(missing))}."
            found.append(Detail(f"slice.{name}", "unknown_value", text))
    return found


def _named(model: Any, houses: list[str], field: str, values: list[str], **more: Any) -> set[str]:
    rows = model.objects.filter(**{f"{field}__in": values, "organization_id__in": houses}, **more)
    return set(rows.values_list(field, flat=True))


def _keys(houses: list[str], values: list[str]) -> set[str]:
    """Keys go by their number, as tickets name them."""
    rows = ApiKey.objects.filter(user__organization_id__in=houses)
    return set(values) & {str(key) for key in rows.values_list("pk", flat=True)}


def _targets(given: dict[str, Any]) -> list[str]:
    targets = given["assigned_to"]
    return [str(one) for one in targets] if isinstance(targets, list) else []


def _assigned(given: dict[str, Any], organization_id: str) -> list[Detail]:
    targets = given["assigned_to"]
    if not isinstance(targets, list) or not all(isinstance(one, str) for one in targets):
        return [Detail("assigned_to", "invalid_value", "Give a list of organizations.")]
    if len(set(targets)) != len(targets):
        return [Detail("assigned_to", "invalid_value", "Name each organization once.")]
    strangers = set(targets) - family(organization_id)
    if strangers:
        text = f"Not below {organization_id}: {', '.join(sorted(strangers))}."
        return [Detail("assigned_to", "not_a_child", text)]
    return []


def family(organization_id: str) -> set[str]:
    """The organization and everything below it."""
    found, newest = {organization_id}, {organization_id}
    while newest:
        rows = Organization.objects.filter(parent_id__in=newest).values_list("id", flat=True)
        newest = set(rows) - found
        found |= newest
    return found
