"""The back office's pages of the gate: controls by version, restricted lists, verdicts, reviews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django_fsm import can_proceed

from controls import checks, lifecycle, parameters
from controls.models import Control, RestrictedInstrument, Review, Screening
from controls.states import ControlStatus, Outcome, Remediation, ReviewStatus
from oms_site.admin import ConfigAdmin, ReadOnlyAdmin, VersionedAdmin, commands, unfolded
from oms_site.admin.fields import choices_list
from oms_site.admin.filters import one_of
from oms_site.kit import clock
from venues.models import Instrument

_MANAGERS = ("config.manage", "control.manage")


class ControlForm(unfolded.RowForm):
    """A control whose rule is known and whose parameters that rule can read."""

    def clean(self) -> dict[str, Any] | None:
        """What the library would refuse at the next order is refused here."""
        given = super().clean() or {}
        rule = checks.RULES.get(given.get("rule_class", ""))
        if rule is not None and "params" in given:
            try:
                parameters.read(rule.params, given["params"] or {})
            except (parameters.BadParams, ValueError) as error:
                self.add_error("params", f"The rule {rule.name} says: {error}.")
        if given.get("regulatory") and given.get("remediation") != Remediation.REJECT:
            self.add_error("remediation", "A regulatory control always rejects.")
        if self.instance.pk is None and self._code_exists(given):
            self.add_error("code", "There is a control with this code: edit it instead.")
        return given

    def _code_exists(self, given: dict[str, Any]) -> bool:
        owner, code = given.get("organization"), given.get("code")
        if owner is None or code is None:
            return False
        return Control.objects.filter(organization=owner, code=code).exists()


@admin.register(Control)
class ControlAdmin(VersionedAdmin):
    """Controls. An edit is a draft of the next version until it is activated."""

    series: ClassVar[tuple[str, ...]] = ("organization", "code")
    content: ClassVar[tuple[str, ...]] = (
        "name",
        "rule_class",
        "params",
        "remediation",
        "regulatory",
        "asset_classes",
    )
    change_needs = _MANAGERS
    after_saving = "It is a draft: activate it to put it in force."
    form = ControlForm
    list_display = (
        "code",
        "version",
        "status",
        "name",
        "rule_class",
        "params",
        "remediation",
        "asset_classes",
    )
    list_display_links = ("code", "version")
    list_filter = (
        one_of("status", ControlStatus),
        "remediation",
        "regulatory",
        one_of("rule_class", checks.RULES),
    )
    search_fields = ("code", "name")
    ordering = ("code", "-version")
    fields = (
        "organization",
        "code",
        "version",
        "status",
        "name",
        "rule_class",
        "params",
        "remediation",
        "regulatory",
        "asset_classes",
        "type",
        "created_at",
    )
    readonly_fields = ("version", "status", "type", "created_at")
    actions = ("activate_selected", "suspend_selected", "retire_selected")
    actions_detail = ("activate", "suspend", "retire")

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

    def stamp(self, obj: Any) -> dict[str, Any]:
        kind = checks.RULES[obj.rule_class].control_type
        return {"created_at": clock.now(), "type": kind}

    def offers(self, obj: Any, command: str) -> bool:
        return can_proceed(getattr(obj, command))

    # --- coming into force and going ---------------------------------------------------------
    def _step(self, request: HttpRequest, rows: list[Any], step: Callable[[int], Control]) -> None:
        def one(control: Control) -> commands.Outcome:
            return commands.Outcome(f"{step(control.pk).status}.")

        commands.each(self, request, rows, one)

    @commands.on_selected(
        "Activate selected", question="Put these versions in force?", needs="change"
    )
    def activate_selected(self, request: HttpRequest, rows: list[Any]) -> None:
        """Put the ticked versions in force."""
        self._step(request, rows, lifecycle.activate)

    @commands.on_selected(
        "Suspend selected", question="Take these controls out of force?", needs="change"
    )
    def suspend_selected(self, request: HttpRequest, rows: list[Any]) -> None:
        """Take the ticked versions out of force for now."""
        self._step(request, rows, lifecycle.suspend)

    @commands.on_selected(
        "Retire selected", question="Take these versions out of force for ever?", needs="change"
    )
    def retire_selected(self, request: HttpRequest, rows: list[Any]) -> None:
        """Take the ticked versions out of force for ever."""
        self._step(request, rows, lifecycle.retire)

    @commands.on_one(
        "Activate",
        question="It is in force for the next order; the version it replaces is retired.",
        needs="change",
        icon="play_arrow",
        variant=unfolded.SUCCESS,
    )
    def activate(self, request: HttpRequest, rows: list[Any]) -> None:
        """Put this version in force."""
        self._step(request, rows, lifecycle.activate)

    @commands.on_one(
        "Suspend",
        question="Orders will pass without this control until it is activated again.",
        needs="change",
        icon="pause",
    )
    def suspend(self, request: HttpRequest, rows: list[Any]) -> None:
        """Take this version out of force for now."""
        self._step(request, rows, lifecycle.suspend)

    @commands.on_one(
        "Retire",
        question="This version can never come back; saving an edit of it makes a new one.",
        needs="change",
        icon="block",
        variant=unfolded.DANGER,
    )
    def retire(self, request: HttpRequest, rows: list[Any]) -> None:
        """Take this version out of force for ever."""
        self._step(request, rows, lifecycle.retire)


@admin.register(RestrictedInstrument)
class RestrictedInstrumentAdmin(ConfigAdmin):
    """Securities that an organization may not trade."""

    change_needs = _MANAGERS
    deletable = True
    list_display = ("cusip", "list_name", "reason", "organization")
    list_select_related = ("organization",)
    search_fields = ("cusip", "list_name", "reason")
    ordering = ("list_name", "cusip")
    fields = ("organization", "list_name", "cusip", "reason")


@admin.register(Screening)
class ScreeningAdmin(ReadOnlyAdmin):
    """What the controls said, with every number they looked at."""

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
