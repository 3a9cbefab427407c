"""`/controls/`: the controls of an organization, one control with its versions, what waits.

The pages read; every action goes over `/v1/control/` and its neighbors with the browser's session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from controls import (
    checks,
    content,
    evidence,
    governance,
    library,
    listing,
    members,
    simulation,
    written,
)
from controls.models import Control
from controls.states import ControlStatus, Remediation
from oms_site.firm import generation, policy_changes, principals, role_changes
from oms_site.firm.models import Policy, RoleChange, User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import NotFound
from venues.calendar import NEW_YORK, new_york_date

SEE = (*governance.VIEW, governance.MANAGE, governance.CONFIGURE)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_PEOPLE = ("created_by", "approved_by", "requested_by", "decided_by")
_LIVING = (ControlStatus.ACTIVE, ControlStatus.SUSPENDED)


@never_cache
@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """All controls and what waits for a second person, or only that (`?part=board`)."""
    by = _looker(request)
    part = request.GET.get("part") == "board"
    shown = {"rows": _rows(by), "builtin": _builtin(by), "waiting": waiting(by)}
    shown |= written.shown(by)
    return render(request, f"controls/{'list_board' if part else 'list'}.html", shown)


@never_cache
@require_safe
@login_required
def one(request: HttpRequest, control_id: str) -> HttpResponse:
    """One version (`?version=`) of a control, or only the changing part of it (`?part=body`)."""
    by = _looker(request)
    asked = request.GET.get("version", "")
    try:
        row = governance.find(control_id, by=by, version=int(asked) if asked.isdigit() else None)
    except NotFound as none:
        raise Http404(none.message) from none
    part = request.GET.get("part") == "body"
    shown = {**_one(row, by), "control_id": control_id, "asked": asked}
    return render(request, f"controls/{'one_body' if part else 'one'}.html", shown)


def waiting(by: Principal) -> list[dict[str, Any]]:
    """Everything that one person has asked for and `by` or a colleague has to decide."""
    found = [_pending_control(row) for row in _own(by).exclude(pending="")] if _manages(by) else []
    if _manages(by):
        rows = listing.lists_of(by.organization_id).filter(decision=None)
        found += [_pending_list(row) for row in rows]
        mandates = listing.mandates_of(by.organization_id).filter(decision=None)
        found += [_pending_mandate(row) for row in mandates]
    if by.may(policy_changes.MANAGE):
        proposed = policy_changes.versions(by.organization_id)
        rules = proposed.filter(status=Policy.Status.PROPOSED)
        found += [_pending_policy(row) for row in rules]
    if by.may(role_changes.APPROVE):
        asked = role_changes.visible(by.organization_id).filter(status=RoleChange.Status.PROPOSED)
        found += [_pending_roles(row) for row in asked]
    for item in found:
        item["own"] = by.user_id in item.pop("makers")
    return sorted(found, key=lambda item: item["at"])


def _looker(request: HttpRequest) -> Principal:
    user = request.user
    assert isinstance(user, User)
    by = principals.of_user(user, via="browser")
    if not any(map(by.may, SEE)):
        raise PermissionDenied("Controls need the entitlement order.view.")
    generation.check()
    return by


def _manages(by: Principal) -> bool:
    return by.may(governance.MANAGE) or by.may(governance.CONFIGURE)


def _own(by: Principal) -> Any:
    rows = Control.objects.filter(organization_id=by.organization_id)
    return rows.select_related(*_PEOPLE).order_by("code", "-version")


# --- all of them ---------------------------------------------------------------------------------
def _rows(by: Principal) -> list[dict[str, Any]]:
    """One line per control: the version in force, else the newest; drafts beside it."""
    rows = governance.visible(by.organization_id).select_related(*_PEOPLE)
    series: dict[tuple[str, str], list[Control]] = {}
    for row in rows.order_by("organization_id", "code", "-version"):
        series.setdefault((row.organization_id, row.code), []).append(row)
    hits = _today(by)
    return [_line(versions, by, hits) for versions in series.values()]


def _line(
    versions: list[Control], by: Principal, hits: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    shown = next((row for row in versions if row.status in _LIVING), versions[0])
    code = library.code_for(shown, by.organization_id)
    drafts = [row for row in versions if row.status in {"draft", "pending_approval"}]
    return {
        "row": shown,
        "code": code,
        "for": _scope(shown),
        "drafts": [row for row in drafts if row.pk != shown.pk],
        "today": hits.get(code, {}),
    }


def _builtin(by: Principal) -> list[dict[str, Any]]:
    hits = _today(by)
    return [
        {
            "code": f"builtin.{name}",
            "name": library.BUILTIN_NAMES[name],
            "sentence": checks.RULES[name].sentence,
            "today": hits.get(f"builtin.{name}", {}),
        }
        for name in library.BUILTIN
    ]


def _today(by: Principal) -> dict[str, dict[str, int]]:
    """Orders flagged, rejected and warned since midnight in New York, by control."""
    since = datetime.combine(new_york_date(clock.now()), time.min, tzinfo=NEW_YORK)
    found: dict[str, dict[str, int]] = {}
    for hit in evidence.hits(by.organization_id, since=since, until=since + timedelta(days=1)):
        effects = found.setdefault(hit["control_id"], {})
        effects[hit["effect"]] = effects.get(hit["effect"], 0) + hit["orders"]
    return found


def _scope(row: Control) -> str:
    stated = content.of(row)["slice"]
    parts = [f"{name.replace('_', ' ')} {', '.join(values)}" for name, values in stated.items()]
    if row.assigned_to:
        parts.append(f"in {', '.join(row.assigned_to)}")
    return "; ".join(parts) or "every order"


# --- one of them ---------------------------------------------------------------------------------
def _one(row: Control, by: Principal) -> dict[str, Any]:
    versions = list(
        governance.visible(by.organization_id)
        .filter(organization_id=row.organization_id, code=row.code)
        .select_related(*_PEOPLE)
        .order_by("-version")
    )
    older = [*versions[1:], None]
    made = simulation.latest(row)
    code = library.code_for(row, by.organization_id)
    return {
        "row": row,
        "code": code,
        "rule": checks.RULES.get(row.rule_class),
        "parameters": _parameters(row),
        "for": _scope(row),
        "slice_json": msgspec.json.encode(content.of(row)["slice"]).decode(),
        "versions": [
            (one, _marked(content.diff(old, one)) if old is not None else None)
            for one, old in zip(versions, older, strict=True)
        ],
        "history": list(governance.history(row))[::-1],
        "simulated": made,
        "fresh": made is not None and made.fingerprint == content.fingerprint(row),
        "accounts": _counts(made, "by_account"),
        "traders": _counts(made, "by_trader"),
        "today": _today(by).get(code, {}),
        "remediations": [one.value for one in Remediation],
        "offers": _offers(row, by),
        "own": by.user_id in _makers(row),
    }


def _counts(made: Any, name: str) -> list[tuple[str, dict[str, int]]]:
    return sorted(made.report[name].items()) if made is not None else []


def _parameters(row: Control) -> list[dict[str, Any]]:
    """Every parameter that the rule knows: its value here, and what it is without one."""
    rule = checks.RULES.get(row.rule_class)
    if rule is None:
        return [{"name": name, "value": value} for name, value in row.params.items()]
    found = []
    for field in msgspec.structs.fields(rule.params):
        value = row.params.get(field.name)
        usual = "" if field.required else _plain(field.default)
        found.append(
            {
                "name": field.name,
                "value": _plain(value),
                "number": _is_number(value),
                "json": _json(value),
                "given": field.name in row.params,
                "text": isinstance(value, str),
                "usual": usual,
                "required": field.required,
            }
        )
    return found


def _marked(moved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Differences with a mark on those of numbers, which are read in groups of digits."""
    return [{**one, "number": _is_number(one["from"], one["to"])} for one in moved]


def _is_number(*values: Any) -> bool:
    """Whether these are numbers; identifiers of digits alone stay in lists, never by themselves."""
    said = [one for one in values if one is not None]
    return bool(said) and all(
        not isinstance(one, list | tuple) and _NUMBER.fullmatch(_plain(one)) for one in said
    )


def _json(value: Any) -> str:
    """As the form holds it: texts as they are, the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _plain(value: Any) -> str:
    if value is None or value is msgspec.UNSET or value is msgspec.NODEFAULT:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return msgspec.json.encode(value, enc_hook=str).decode().strip('"')


def _offers(row: Control, by: Principal) -> set[str]:
    """The steps that make sense for this version now and for this person."""
    if not _manages(by) or row.organization_id != by.organization_id:
        return set()
    offers = {"version"}
    if row.status == ControlStatus.DRAFT:
        offers |= {"submit", "simulate", "discard"}
    if row.status == ControlStatus.PENDING_APPROVAL:
        offers |= {"simulate"}
    if row.pending:
        offers |= {"reject"} if by.user_id in _makers(row) else {"approve", "reject"}
    elif row.status in _LIVING:
        offers |= {"retire", "resume" if row.status == ControlStatus.SUSPENDED else "suspend"}
        if row.regulatory:
            offers.discard("suspend")
    return offers


def _makers(row: Control) -> set[int | None]:
    if row.pending == "activate":
        return {row.requested_by_id, row.created_by_id}
    return {row.requested_by_id}


# --- what waits ----------------------------------------------------------------------------------
def _moved(rule: str, was: Any, now: Any) -> str:
    name = rule.replace("_", " ")
    if not (isinstance(was, list) and isinstance(now, list)):
        return f"{name}: {_plain(was)} → {_plain(now)}"
    found = [f"+{one}" for one in now if one not in was]
    found += [f"−{one}" for one in was if one not in now]
    return f"{name}: {', '.join(found) or 'other order'}"


def _item(
    kind: str, title: str, what: list[str], path: str, who: User | None, at: Any
) -> dict[str, Any]:
    return {
        "kind": kind,
        "title": title,
        "what": what,
        "path": path,
        "who": who.username if who else "",
        "at": at,
        "makers": {who.pk if who else None},
    }


def _pending_control(row: Control) -> dict[str, Any]:
    what = [f"{row.pending}: {row.change_reason or row.reason}"]
    path, at = f"/v1/control/{row.code}/", row.changed_at or row.created_at
    item = _item("control", f"{row.name} v{row.version}", what, path, row.requested_by, at)
    return {**item, "makers": _makers(row), "body": {"version": row.version}, "about": row}


def _pending_list(row: Any) -> dict[str, Any]:
    moved = listing.diff(listing.in_force(listing.series(row)), row)
    words = [f"adds {', '.join(moved['added'])}"] if moved["added"] else []
    words += [f"takes away {', '.join(moved['removed'])}"] if moved["removed"] else []
    if unknown := members.strangers(row):
        words.append(f"unknown here, restricts nothing: {', '.join(unknown)}")
    what = [*words, *([row.reason] if row.reason else [])]
    path = f"/v1/control/list/{quote(row.name, safe='')}/{row.version}/"
    title = f"{row.name} v{row.version} ({row.kind})"
    return _item("list", title, what, path, row.created_by, row.created_at)


def _pending_mandate(row: Any) -> dict[str, Any]:
    rules = [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in row.rules.items()]
    title, path = f"{row.account.code} v{row.version}", f"/v1/control/mandate/{row.pk}/"
    return _item("mandate", title, rules or ["no rule"], path, row.created_by, row.created_at)


def _pending_policy(row: Policy) -> dict[str, Any]:
    moved = policy_changes.diff(policy_changes.before(row), row)
    what = [*(_moved(one["rule"], one["from"], one["to"]) for one in moved), row.reason]
    path, title = f"/v1/policy/version/{row.version}/", f"policy v{row.version} ({row.preset})"
    return _item("policy", title, what, path, row.proposed_by, row.proposed_at)


def _pending_roles(row: RoleChange) -> dict[str, Any]:
    roles = [", ".join(names) or "no role" for names in (row.was, row.roles)]
    moved, path = [" → ".join(roles), row.reason], f"/v1/role-change/{row.pk}/"
    item = _item("roles", row.user.username, moved, path, row.proposed_by, row.proposed_at)
    return {**item, "makers": {row.proposed_by_id, row.user_id}}
