"""The back office's pages of lists and mandates: saving proposes the next version, none is edited.

A second person approves it there, on `/controls/` or over the API; until then the old one counts.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.http import HttpRequest

from controls import listing, members, watching
from controls.checks.mandate import KNOWN
from controls.models import ControlList, ListingDecision, Mandate
from oms_site.admin import ReadOnlyAdmin, VersionedAdmin, access, commands, unfolded
from oms_site.firm import generation
from oms_site.kit import clock
from oms_site.kit.errors import OmsError

_MANAGERS = ("config.manage", "control.manage")


class MandateForm(unfolded.RowForm):
    """A mandate that the gate can check."""

    def clean(self) -> dict[str, Any] | None:
        """A rule that nobody knows would fail every order of the account."""
        given = super().clean() or {}
        rules = given.get("rules") or {}
        if not isinstance(rules, dict):
            self.add_error("rules", "Rules are named values.")
        elif unknown := set(rules) - KNOWN:
            self.add_error("rules", f"Nobody can check {', '.join(sorted(unknown))}.")
        return given


class ListForm(unfolded.RowForm):
    """A list of known members that keeps its kind from version to version."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("cusips")
        if isinstance(field, SimpleArrayField):
            # An ISIN is longer than what the row holds, and becomes a CUSIP before it is kept.
            field.base_field = forms.CharField(max_length=12)

    def clean(self) -> dict[str, Any] | None:
        """Members are written as the gate compares them."""
        given = super().clean() or {}
        self._resolve(given)
        known = ControlList.objects.filter(
            organization=given.get("organization"), name=given.get("name", "")
        )
        last = known.order_by("-version").first()
        named = given.get("name")
        if named and last is None and (wrong := listing.name_fault(named)):
            self.add_error("name", wrong)
        if last is not None and given.get("kind") and last.kind != given["kind"]:
            self.add_error("kind", f"The list {last.name} is of the kind {last.kind}.")
        return given

    def _resolve(self, given: dict[str, Any]) -> None:
        if given.get("organization") is None:
            return
        generation.check()
        stated = {name: given.get(name) or [] for name in ("cusips", "issuers", "accounts")}
        try:
            given |= members.read(given["organization"].pk, **stated)
        except OmsError as refusal:
            for field, faults in members.by_field(refusal).items():
                self.add_error(field, faults)


class ListingAdmin(VersionedAdmin):
    """What lists and mandates share: the author is noted, a second person decides."""

    change_needs = _MANAGERS
    after_saving = "It counts once a second person approves it."
    actions_detail = ("approve", "refuse")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.created_by_id = access.principal(request).user_id or None
        super().save_model(request, obj, form, change)

    def stamp(self, obj: Any) -> dict[str, Any]:
        return {"created_at": clock.now(), "created_by_id": obj.created_by_id}

    @admin.display(description="Status")
    def standing(self, obj: Any) -> str:
        """What has become of the version."""
        return listing.status(obj) if obj.pk else ""

    def offers(self, obj: Any, command: str) -> bool:
        return listing.status(obj) == "proposed"

    def _decide(self, request: HttpRequest, rows: list[Any], approve: bool) -> None:
        by, decide = access.principal(request), listing.approve if approve else listing.reject

        def one(row: Any) -> commands.Outcome:
            decide(row, reason="in the back office", by=by, at=clock.now())
            return commands.Outcome("approved." if approve else "refused.")

        commands.each(self, request, rows, one)

    @commands.on_one(
        "Approve",
        question="It counts from the next order.",
        needs="change",
        icon="check",
        variant=unfolded.SUCCESS,
    )
    def approve(self, request: HttpRequest, rows: list[Any]) -> None:
        """Put a version that somebody else has written in force."""
        self._decide(request, rows, True)

    @commands.on_one("Refuse", question="It never counts.", needs="change", icon="close")
    def refuse(self, request: HttpRequest, rows: list[Any]) -> None:
        """Refuse a version, or withdraw one's own."""
        self._decide(request, rows, False)


@admin.register(ControlList)
class ControlListAdmin(ListingAdmin):
    """Restricted and watch lists, universes and groups."""

    series: ClassVar[tuple[str, ...]] = ("organization_id", "name")
    content: ClassVar[tuple[str, ...]] = ("kind", "cusips", "issuers", "accounts", "reason")
    # Watch lists are among them.
    view_needs = watching.SEE
    form = ListForm
    list_display = ("name", "version", "standing", "kind", "reason", "organization", "created_at")
    list_filter = ("kind",)
    list_select_related = ("organization", "decision")
    search_fields = ("name",)
    ordering = ("organization", "name", "-version")
    fields = (
        *("organization", "name", "version", "standing", "kind", "cusips", "issuers", "accounts"),
        *("reason", "created_by", "created_at"),
    )
    readonly_fields = ("version", "standing", "created_by", "created_at")


@admin.register(Mandate)
class MandateAdmin(ListingAdmin):
    """What the clients of accounts allow."""

    series: ClassVar[tuple[str, ...]] = ("organization_id", "account_id")
    content: ClassVar[tuple[str, ...]] = ("rules", "reason")
    form = MandateForm
    list_display = ("account", "version", "standing", "rules", "reason", "created_at")
    list_select_related = ("organization", "account", "decision")
    ordering = ("organization", "account", "-version")
    fields = (
        *("organization", "account", "version", "standing", "rules", "reason"),
        *("created_by", "created_at"),
    )
    readonly_fields = ("version", "standing", "created_by", "created_at")


@admin.register(ListingDecision)
class ListingDecisionAdmin(ReadOnlyAdmin):
    """Who approved or refused which version of a list or a mandate."""

    view_needs = watching.SEE
    list_display = ("__str__", "approve", "decided_by", "decided_at", "reason")
    list_select_related = ("control_list", "mandate", "decided_by")
    ordering = ("-id",)
