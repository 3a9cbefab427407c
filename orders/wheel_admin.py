"""The back office's pages of broker wheels, by version, and of trades that wait to count."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from oms_site.admin import ReadOnlyAdmin, VersionedAdmin, commands, unfolded
from oms_site.admin.filters import one_of
from oms_site.firm.models import Organization
from oms_site.kit import clock
from orders import wheel
from orders.models import BrokerWheel, HeldReport, ReportedTrade
from venues import registry


class WheelForm(unfolded.RowForm):
    """Weights that a wheel can turn by."""

    def clean_weights(self) -> Any:
        """Whole numbers of venues that there are."""
        known = frozenset(one.id for one in registry.every() if not (one.internal or one.desk))
        if problem := wheel.problem_of(self.cleaned_data["weights"], known):
            raise forms.ValidationError(problem, code="weights")
        return self.cleaned_data["weights"]


def activate(row: BrokerWheel) -> None:
    """Deal by this version from the next order; the one before stops in the same moment."""
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=row.organization_id)
        mine = BrokerWheel.objects.filter(organization_id=row.organization_id)
        mine.filter(active=True).exclude(pk=row.pk).update(active=False)
        mine.filter(pk=row.pk).update(active=True)


@admin.register(BrokerWheel)
class BrokerWheelAdmin(VersionedAdmin):
    """By which weights orders of the strategy `broker_wheel` are dealt out."""

    series: ClassVar[tuple[str, ...]] = ("organization",)
    content: ClassVar[tuple[str, ...]] = ("weights",)
    after_saving = "Activate it to deal by it."
    form = WheelForm
    list_display = ("__str__", "organization", "version", "active", "turns", "created_at")
    list_filter = ("active",)
    list_select_related = ("organization",)
    ordering = ("organization", "-version")
    fields = ("organization", "version", "active", "weights", "turns", "created_at")
    readonly_fields = ("version", "active", "turns", "created_at")
    actions_detail = ("activate",)

    def offers(self, obj: Any, command: str) -> bool:
        return not obj.active

    def stamp(self, obj: Any) -> dict[str, Any]:
        return {"created_at": clock.now()}

    @commands.on_one(
        "Activate",
        question="Orders are dealt out by this version from now on.",
        needs="change",
        icon="play_arrow",
        variant=unfolded.SUCCESS,
    )
    def activate(self, request: HttpRequest, rows: list[Any]) -> None:
        """Deal by this version."""

        def one(row: BrokerWheel) -> commands.Outcome:
            activate(row)
            return commands.Outcome("activated.")

        commands.each(self, request, rows, one)


@admin.register(HeldReport)
class HeldReportAdmin(ReadOnlyAdmin):
    """Trades reported from elsewhere that somebody else looks at before they count."""

    list_display = (
        "id",
        "requested_at",
        "status",
        "order",
        "reason",
        "requested_by",
        "decided_by",
        "decided_at",
        "note",
    )
    list_filter = (one_of("status", HeldReport.Status),)
    list_select_related = ("order", "requested_by", "decided_by")
    search_fields = ("id__exact", "exec_id__exact", "order__id__exact")
    search_help_text = "Exact id of the report, its trade, or its order"
    date_hierarchy = "requested_at"
    ordering = ("-requested_at",)


@admin.register(ReportedTrade)
class ReportedTradeAdmin(ReadOnlyAdmin):
    """Every report that was taken of a trade made elsewhere, by its ids."""

    list_display = (
        "id",
        "reported_at",
        "standing",
        "order",
        "client_report_id",
        "counterparty",
        "exec_id",
        "execution",
    )
    list_filter = (one_of("standing", ReportedTrade.Standing),)
    list_select_related = ("order", "execution")
    search_fields = (
        "id__exact",
        "client_report_id__exact",
        "exec_id__exact",
        "order__id__exact",
    )
    search_help_text = "Exact id of the report, of the client, of the trade, or of its order"
    date_hierarchy = "reported_at"
    ordering = ("-reported_at",)
