"""The back office's pages of lists and mandates: saving makes the next version, none is edited."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from controls.checks.mandate import KNOWN
from controls.models import ControlList, Mandate
from oms_site.admin import VersionedAdmin, unfolded
from oms_site.kit import clock

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
    """A list that keeps its kind from version to version."""

    def clean(self) -> dict[str, Any] | None:
        """Members are written as the gate compares them."""
        given = super().clean() or {}
        given["cusips"] = sorted({c.strip().upper() for c in given.get("cusips") or []})
        known = ControlList.objects.filter(
            organization=given.get("organization"), name=given.get("name", "")
        )
        last = known.order_by("-version").first()
        if last is not None and given.get("kind") and last.kind != given["kind"]:
            self.add_error("kind", f"The list {last.name} is of the kind {last.kind}.")
        return given


@admin.register(ControlList)
class ControlListAdmin(VersionedAdmin):
    """Restricted and watch lists, universes and groups."""

    change_needs = _MANAGERS
    series: ClassVar[tuple[str, ...]] = ("organization_id", "name")
    content: ClassVar[tuple[str, ...]] = ("kind", "cusips", "issuers", "accounts", "reason")
    after_saving = "It counts from the next order."
    form = ListForm
    list_display = ("name", "version", "kind", "reason", "organization", "created_at")
    list_filter = ("kind",)
    list_select_related = ("organization",)
    search_fields = ("name",)
    ordering = ("organization", "name", "-version")
    fields = (
        *("organization", "name", "version", "kind", "cusips", "issuers", "accounts"),
        *("reason", "created_at"),
    )
    readonly_fields = ("version", "created_at")

    def stamp(self, obj: Any) -> dict[str, Any]:
        return {"created_at": clock.now()}


@admin.register(Mandate)
class MandateAdmin(VersionedAdmin):
    """What the clients of accounts allow."""

    change_needs = _MANAGERS
    series: ClassVar[tuple[str, ...]] = ("organization_id", "account_id")
    content: ClassVar[tuple[str, ...]] = ("rules", "reason")
    after_saving = "It counts from the next order."
    form = MandateForm
    list_display = ("account", "version", "rules", "reason", "organization", "created_at")
    list_select_related = ("organization", "account")
    ordering = ("organization", "account", "-version")
    fields = ("organization", "account", "version", "rules", "reason", "created_at")
    readonly_fields = ("version", "created_at")

    def stamp(self, obj: Any) -> dict[str, Any]:
        return {"created_at": clock.now()}
