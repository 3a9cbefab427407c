"""The back office's pages of the gate: controls by version, verdicts, reviews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from controls import checks, content, lifecycle, simulation, watching
from controls.breakers_admin import BreakerAdmin
from controls.lists_admin import ControlListAdmin, ListingDecisionAdmin, MandateAdmin
from controls.models import Control, Review, Screening
from controls.states import ControlStatus, Outcome, Pending, ReviewStatus
from oms_site.admin import ReadOnlyAdmin, VersionedAdmin, access, commands, unfolded
from oms_site.admin.fields import choices_list
from oms_site.admin.filters import one_of
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from venues.models import Instrument

__all__ = ["BreakerAdmin", "ControlListAdmin", "ListingDecisionAdmin", "MandateAdmin"]
_MANAGERS = ("config.manage", "control.manage")


class ControlForm(unfolded.RowForm):
    """A control whose rule is known and whose parameters that rule can read."""

    def clean(self) -> dict[str, Any] | None:
        """What the library would refuse at the next order is refused here."""
        given = super().clean() or {}
        given["slice"] = given.get("slice") or {}
        given["params"] = given.get("params") or {}
        owner = given.get("organization")
        if owner is not None and not self.errors:
            self._read(given, owner.pk)
        if self.instance.pk is None and self._code_exists(given):
            self.add_error("code", "There is a control with this code: edit it instead.")
        return given

    def _read(self, given: dict[str, Any], owner: str) -> None:
        """Fault it as the API would, at the fields of this page."""
        stated = {name: given[name] for name in content.FIELDS if name in given}
        scope = dict(given["slice"]) if isinstance(given["slice"], dict) else given["slice"]
        try:
            content.read({**stated, "slice": scope}, organization_id=owner)
        except OmsError as error:
            for fault in error.details:
                field = fault.field.split(".")[0]
                self.add_error(field if field in self.fields else None, fault.message)
        rows = Control.objects.filter(organization=owner, code=self.instance.code, regulatory=True)
        if self.instance.pk and not given.get("regulatory") and rows.exists():
            self.add_error("regulatory", "A regulatory control stays regulatory.")

    def _code_exists(self, given: dict[str, Any]) -> bool:
        owner, code = given.get("organization"), given.get("code")
        if owner is None or code is None:
            return False
        return Control.objects.filter(organization=owner, code=code).exists()


_DAYS = 30
# Which command a version offers, by its status and by what somebody has asked for.
_OFFERS: dict[str, Callable[[Control], bool]] = {
    "submit": lambda row: row.status == ControlStatus.DRAFT,
    "simulate": lambda row: row.status in {ControlStatus.DRAFT, ControlStatus.PENDING_APPROVAL},
    "approve": lambda row: bool(row.pending),
    "refuse": lambda row: bool(row.pending),
    "suspend": lambda row: row.status == ControlStatus.ACTIVE and not row.pending,
    "resume": lambda row: row.status == ControlStatus.SUSPENDED and not row.pending,
    "retire": lambda row: row.status in {"active", "suspended"} and not row.pending,
    "discard": lambda row: row.status == ControlStatus.DRAFT,
}


@admin.register(Control)
class ControlAdmin(VersionedAdmin):
    """Controls. An edit is a draft of the next version until a second person has approved it."""

    series: ClassVar[tuple[str, ...]] = ("organization", "code")
    content: ClassVar[tuple[str, ...]] = (
        *("name", "rule_class", "params", "remediation", "regulatory", "asset_classes", "slice"),
        *("effective_from", "effective_until", "citation", "message", "assigned_to", "reason"),
    )
    change_needs = _MANAGERS
    after_saving = "It is a draft: simulate and submit it; a second person puts it in force."
    form = ControlForm
    list_display = (
        *("code", "version", "status", "pending", "name", "rule_class", "params"),
        *("remediation", "asset_classes"),
    )
    list_display_links = ("code", "version")
    list_filter = (
        one_of("status", ControlStatus),
        one_of("pending", [one.value for one in Pending if one.value]),
        "remediation",
        "regulatory",
        one_of("rule_class", checks.RULES),
    )
    search_fields = ("code", "name")
    ordering = ("code", "-version")
    fields = (
        *("organization", "code", "version", "status", "pending", "name", "rule_class", "params"),
        *("remediation", "regulatory", "asset_classes", "slice", "assigned_to"),
        *("effective_from", "effective_until", "citation", "message", "reason"),
        *("differences", "simulated", "type", "created_by", "created_at"),
        *("requested_by", "approved_by", "approved_at"),
    )
    readonly_fields = (
        *("version", "status", "pending", "differences", "simulated", "type", "created_by"),
        *("created_at", "requested_by", "approved_by", "approved_at"),
    )
    actions = ()
    actions_detail = tuple(_OFFERS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        names = super().get_readonly_fields(request, obj)
        return names if obj is None else ["code", *names]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = super().get_exclude(request, obj)
        return names if obj is None else ["code", *names]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "asset_classes":
            return choices_list(
                Instrument.AssetClass.values, label="Asset classes", help_text="None: all of them."
            )
        if db_field.name == "rule_class":
            named = [(rule.name, f"{rule.name}: {rule.sentence}") for rule in checks.RULES.values()]
            return forms.ChoiceField(choices=named, widget=unfolded.SelectWidget())
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and not content.diff(Control.objects.get(pk=obj.pk), obj):
            return
        obj.created_by_id = access.principal(request).user_id or None
        super().save_model(request, obj, form, change)

    def stamp(self, obj: Any) -> dict[str, Any]:
        kind = checks.RULES[obj.rule_class].control_type
        return {"created_at": clock.now(), "type": kind, "created_by_id": obj.created_by_id}

    def offers(self, obj: Any, command: str) -> bool:
        return _OFFERS[command](obj)

    @admin.display(description="Differs from the version before")
    def differences(self, obj: Control) -> SafeString:
        """What this version states otherwise than the one before it."""
        rows = Control.objects.filter(organization_id=obj.organization_id, code=obj.code)
        old = rows.filter(version__lt=obj.version or 0).order_by("-version").first()
        if old is None:
            return format_html("{}", "It is the first.")
        found = ((one["field"], one["from"], one["to"]) for one in content.diff(old, obj))
        return format_html_join("\n", "<div><b>{}</b>: {} → {}</div>", found)

    @admin.display(description="Simulated")
    def simulated(self, obj: Control) -> str:
        """What the newest simulation of this version has found."""
        made = simulation.latest(obj) if obj.pk else None
        if made is None:
            return "Not yet."
        report = made.report
        return (
            f"{made.tickets} orders: {report['newly_flagged']} newly flagged, "
            f"{report['newly_rejected']} newly rejected, {report['newly_passed']} newly passed"
            f"{'' if made.complete else ' (cut short)'}"
        )

    # --- coming into force and going ---------------------------------------------------------
    def _take(self, request: HttpRequest, rows: list[Any], step: str) -> None:
        by, at = access.principal(request), clock.now()
        reason = "in the back office"

        def one(control: Control) -> commands.Outcome:
            match step:
                case "simulate":
                    made = simulation.run(control, days=_DAYS, by=by, at=at)
                    return commands.Outcome(f"simulated over {made.tickets} orders.")
                case "submit":
                    moved = lifecycle.submit(control.pk, by=by, at=at)
                case "approve":
                    moved = lifecycle.approve(control.pk, reason=reason, by=by, at=at)
                case "refuse":
                    moved = lifecycle.reject(control.pk, reason=reason, by=by, at=at)
                case "discard":
                    moved = lifecycle.discard(control.pk, reason=reason, by=by, at=at)
                case _:
                    moved = lifecycle.request(
                        control.pk, Pending(step), reason=reason, by=by, at=at
                    )
            waits = f", and waits to {moved.pending}" if moved.pending else ""
            return commands.Outcome(f"{moved.status}{waits}.")

        commands.each(self, request, rows, one)

    @commands.on_one(
        "Simulate",
        question=f"Runs this version over the stored orders of the last {_DAYS} days.",
        needs="change",
        icon="science",
    )
    def simulate(self, request: HttpRequest, rows: list[Any]) -> None:
        """Run this version over past orders."""
        self._take(request, rows, "simulate")

    @commands.on_one(
        "Submit", question="A second person has to approve it.", needs="change", icon="send"
    )
    def submit(self, request: HttpRequest, rows: list[Any]) -> None:
        """Ask for this version to be put in force."""
        self._take(request, rows, "submit")

    @commands.on_one(
        "Approve",
        question="What was asked for is done at once; a version in force replaces the one before.",
        needs="change",
        icon="check",
        variant=unfolded.SUCCESS,
    )
    def approve(self, request: HttpRequest, rows: list[Any]) -> None:
        """Do what somebody else has asked for."""
        self._take(request, rows, "approve")

    @commands.on_one("Refuse", question="It stays as it is.", needs="change", icon="close")
    def refuse(self, request: HttpRequest, rows: list[Any]) -> None:
        """Refuse what was asked for."""
        self._take(request, rows, "refuse")

    @commands.on_one(
        "Suspend",
        question="Once a second person approves, orders pass without this control.",
        needs="change",
        icon="pause",
    )
    def suspend(self, request: HttpRequest, rows: list[Any]) -> None:
        """Ask for this version to be taken out of force for now."""
        self._take(request, rows, "suspend")

    @commands.on_one(
        "Resume",
        question="It counts again once a second person approves.",
        needs="change",
        icon="play_arrow",
    )
    def resume(self, request: HttpRequest, rows: list[Any]) -> None:
        """Ask for this version to be put back in force."""
        self._take(request, rows, "resume")

    @commands.on_one(
        "Retire",
        question="Once a second person approves, this version can never come back.",
        needs="change",
        icon="block",
        variant=unfolded.DANGER,
    )
    def retire(self, request: HttpRequest, rows: list[Any]) -> None:
        """Ask for this version to be taken out of force for ever."""
        self._take(request, rows, "retire")

    @commands.on_one("Discard", question="The draft is retired.", needs="change", icon="delete")
    def discard(self, request: HttpRequest, rows: list[Any]) -> None:
        """Retire a draft that was never in force."""
        self._take(request, rows, "discard")


@admin.register(Screening)
class ScreeningAdmin(ReadOnlyAdmin):
    """What the controls said, with every number they looked at; what watch lists say is in it."""

    view_needs = watching.SEE
    list_display = ("id", "subject", "outcome", "stage", "screened_at")
    list_filter = (one_of("outcome", Outcome),)
    search_fields = ("id__exact", "subject__exact")
    search_help_text = "Exact id of a screening or an order"
    date_hierarchy = "screened_at"
    ordering = ("-id",)
    links = (("Review", "controls_review", "screening__id__exact"),)


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """Decisions about flagged orders; they are made at the review desk."""

    list_display = ("id", "subject", "status", "maker", "opened_at", "decided_by", "decided_at")
    list_filter = (one_of("status", ReviewStatus),)
    list_select_related = ("maker", "decided_by")
    search_fields = ("id__exact", "subject__exact", "client_decision_id__exact")
    search_help_text = "Exact id of a review, an order or a client's decision"
    date_hierarchy = "opened_at"
    ordering = ("-opened_at",)
