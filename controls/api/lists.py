"""Lists and mandates over REST: read them, write versions, decide about somebody else's."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls import governance, listing, watching
from controls.api.base import Endpoint, body_of, text
from controls.models import ControlList, Mandate
from oms_site.kit.errors import NotFound, OmsError

_FIELDS = frozenset({"name", "kind", "cusips", "issuers", "accounts"})
# A CUSIP or an ISIN, a name, an id or a code.
_LONGEST = {"cusips": 12, "issuers": 120, "accounts": 40}


class Lists(Endpoint):
    """Lists of securities, issuers and accounts, in force and proposed."""

    @extend_schema(
        operation_id="control_list_list",
        summary="List the lists in force",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        self.need(*watching.SEE)
        rows = list(listing.lists_of(self.principal.organization_id))
        held: dict[str, ControlList] = {}
        for row in rows:
            if listing.status(row) == "approved":
                held.setdefault(row.name, row)
        waiting = [_list(row) for row in rows if listing.status(row) == "proposed"]
        return Response({"lists": [_list(row) for row in held.values()], "proposed": waiting})

    @extend_schema(
        operation_id="control_list_publish",
        summary="Write the next version of a list",
        description=(
            "It counts once a second person approves it. Securities are given by CUSIP or ISIN, "
            "accounts by id or code; the list holds CUSIPs and ids. A name that nobody knows is "
            "refused."
        ),
        request=OpenApiTypes.OBJECT,
        responses={201: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        governance.require_manager(self.principal)
        asked = body_of(request)
        reason, name = text(asked, "reason")[:200], asked.get("name")
        if set(asked) - _FIELDS or not isinstance(name, str) or not 0 < len(name) <= 40:
            raise OmsError("invalid_list", f"A list has {', '.join(sorted(_FIELDS))}.")
        row = listing.draft(
            name,
            kind=str(asked.get("kind", "restricted")),
            reason=reason,
            by=self.principal,
            at=self.at,
            **{field: _texts(asked, field) for field in _LONGEST},
        )
        return Response(_list(row), status=201)


class ListVersions(Endpoint):
    """Every version of one list."""

    @extend_schema(
        operation_id="control_list_versions",
        summary="List the versions of a list",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, name: str) -> Response:
        self.need(*watching.SEE)
        rows = list(listing.lists_of(self.principal.organization_id).filter(name=name))
        if not rows:
            raise NotFound("list")
        older = [*rows[1:], None]
        found = [
            {**_list(row), **listing.diff(old, row)} for row, old in zip(rows, older, strict=True)
        ]
        return Response({"versions": found})


class ListDecision(Endpoint):
    """A second person decides."""

    approve = True

    @extend_schema(
        summary="Decide about a version of a list",
        description="Needs another person than its author, who may withdraw it by `reject`.",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request, name: str, version: int) -> Response:
        governance.require_manager(self.principal)
        rows = listing.lists_of(self.principal.organization_id)
        row = rows.filter(name=name, version=version).first()
        if row is None:
            raise NotFound("list")
        decide = listing.approve if self.approve else listing.reject
        decide(row, reason=text(body_of(request), "reason"), by=self.principal, at=self.at)
        return Response(_list(rows.get(pk=row.pk)))


class Mandates(Endpoint):
    """What the clients of accounts allow, in force and proposed."""

    @extend_schema(
        operation_id="mandate_list",
        summary="List the mandates",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        self.need(*watching.SEE)
        rows = listing.mandates_of(self.principal.organization_id)
        return Response({"mandates": [_mandate(row) for row in rows]})

    @extend_schema(
        operation_id="mandate_write",
        summary="Write the next version of an account's mandate",
        description="It counts once a second person approves it.",
        request=OpenApiTypes.OBJECT,
        responses={201: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        governance.require_manager(self.principal)
        asked = body_of(request)
        account_id, reason = text(asked, "account_id"), text(asked, "reason")
        rules = asked.get("rules")
        if not isinstance(rules, dict):
            raise OmsError("invalid_rules", "Give an object of rules.", field="rules")
        row = listing.agree(account_id, rules, reason=reason[:200], by=self.principal, at=self.at)
        return Response(_mandate(row), status=201)


class MandateDecision(Endpoint):
    """A second person decides."""

    approve = True

    @extend_schema(
        summary="Decide about a version of a mandate",
        description="Needs another person than its author, who may withdraw it by `reject`.",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request, mandate_id: int) -> Response:
        governance.require_manager(self.principal)
        rows = listing.mandates_of(self.principal.organization_id)
        row = rows.filter(pk=mandate_id).first()
        if row is None:
            raise NotFound("mandate")
        decide = listing.approve if self.approve else listing.reject
        decide(row, reason=text(body_of(request), "reason"), by=self.principal, at=self.at)
        return Response(_mandate(rows.get(pk=row.pk)))


def _texts(asked: dict[str, Any], name: str) -> list[str]:
    values = asked.get(name, [])
    if not isinstance(values, list) or not all(
        isinstance(one, str) and 0 < len(one) <= _LONGEST[name] for one in values
    ):
        raise OmsError("invalid_list", f"{name} is a list of texts.", field=name)
    return values


def _list(row: ControlList) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "version": row.version,
        "cusips": row.cusips,
        "issuers": row.issuers,
        "accounts": row.accounts,
        **_people(row),
    }


def _mandate(row: Mandate) -> dict[str, Any]:
    return {
        "id": row.pk,
        "account_id": row.account_id,
        "version": row.version,
        "rules": row.rules,
        **_people(row),
    }


def _people(row: ControlList | Mandate) -> dict[str, Any]:
    decision = getattr(row, "decision", None)
    decider = decision.decided_by if decision is not None else None
    return {
        "status": listing.status(row),
        "reason": row.reason,
        "created_by": row.created_by.username if row.created_by else None,
        "created_at": row.created_at,
        "decided_by": decider.username if decider else None,
        "decided_at": decision.decided_at if decision is not None else None,
        "decision_reason": decision.reason if decision is not None else "",
    }
