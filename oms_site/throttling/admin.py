"""The back office's pages: tiers and grants are edited, restrictions are looked at and lifted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from oms_site.admin import ConfigAdmin, ReadOnlyAdmin, access, commands, unfolded
from oms_site.throttling import restrictions, tiers
from oms_site.throttling.models import RateGrant, RateRestriction, RateTier


@admin.register(RateTier)
class RateTierAdmin(ConfigAdmin):
    """All organizations share them; a superuser edits them, and a change counts at once."""

    organization_path = ""
    list_display = (
        "name",
        "orders_per_second",
        "orders_per_minute",
        "burst_factor",
        "burst_seconds",
        "cancels_per_second",
        "others_per_second",
    )
    search_fields = ("name",)
    ordering = ("name",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        tiers.forget()


@admin.register(RateGrant)
class RateGrantAdmin(ConfigAdmin):
    """Who has another tier than the standard one. The firm that runs the platform decides."""

    # One list for all: it names the people of every organization.
    platform = True
    organization_path = ""
    deletable = True
    list_display = ("tier", "user", "api_key", "organization")
    list_filter = ("tier",)
    list_select_related = ("tier", "user", "api_key__user", "organization")
    search_fields = ("user__username", "api_key__prefix", "organization__id")
    autocomplete_fields = ("tier", "user", "api_key", "organization")
    ordering = ("tier", "id")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        tiers.forget()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        tiers.forget()


@admin.register(RateRestriction)
class RateRestrictionAdmin(ReadOnlyAdmin):
    """Who may send no orders for having asked too much; compliance and admins lift it."""

    view_needs = ("control.manage", "config.manage", "ops.view", "audit.view")
    list_display = ("user", "api_key", "since", "until", "lifted_at", "lifted_by")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user", "api_key__user", "lifted_by")
    search_fields = ("user__username",)
    ordering = ("-since",)
    actions_detail = ("lift",)

    def has_lift_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whose roles may lift one; never one's own."""
        return access.may(request, restrictions.LIFTERS)

    def offers(self, obj: Any, command: str) -> bool:
        return obj.lifted_at is None

    @commands.on_one(
        "Lift",
        question="Orders are taken again within a second.",
        needs="lift",
        icon="lock_open",
        variant=unfolded.SUCCESS,
    )
    def lift(self, request: HttpRequest, rows: list[Any]) -> None:
        """End the restriction of this page."""
        caller = access.principal(request)

        def one(row: RateRestriction) -> commands.Outcome:
            by = caller
            if access.is_superuser(request):
                by = replace(caller, organization_id=row.organization_id)
            restrictions.lift(row.id, reason="in the back office", by=by)
            return commands.Outcome("lifted.")

        commands.each(self, request, rows, one)
