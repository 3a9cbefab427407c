"""The back office's pages of what two people decide: policies, and who has which roles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from oms_site.admin import ReadOnlyAdmin, VersionedAdmin, access, commands, unfolded
from oms_site.firm import policies, policy_changes, role_changes
from oms_site.firm.models import Policy, RoleChange
from oms_site.firm.principals import Principal
from oms_site.kit import clock

PEOPLE = ("config.manage", "audit.view")


def acting_in(request: HttpRequest, organization_id: str) -> Principal:
    """The caller; one who runs the platform acts within the organization of the row."""
    caller = access.principal(request)
    if access.is_superuser(request):
        return replace(caller, organization_id=organization_id)
    return caller


class PolicyForm(unfolded.RowForm):
    """The rules that this version decides otherwise than the guide."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "effective_at" in self.fields:
            self.fields["effective_at"].required = False
            self.fields["effective_at"].help_text = "UTC. Leave it empty for: at once."
            self.initial["effective_at"] = None
        if "reason" in self.fields:
            self.fields["reason"].required = True
            self.initial["reason"] = ""

    def clean_rules(self) -> Any:
        """Only known rules, each with a value of its kind."""
        rules = self.cleaned_data["rules"] or {}
        faults = policies.faults("guide", rules)
        if faults:
            told = f"{faults[0].field.removeprefix('rules.')}: {faults[0].message}"
            raise forms.ValidationError(told, code="rules")
        return rules

    def clean(self) -> dict[str, Any] | None:
        """A version that says what is in force already would decide nothing."""
        given = super().clean() or {}
        owner, said = given.get("organization"), (given.get("preset"), given.get("rules"))
        newest = owner and policy_changes.newest(owner.pk)
        if newest and (newest.preset, newest.rules) == said:
            self.add_error(None, "The policy in force says the same.")
        if said[0] is not None and said[0] not in policies.PRESETS:
            self.add_error("preset", f"Known presets: {', '.join(policies.PRESETS)}.")
        return given

    def clean_effective_at(self) -> Any:
        """A policy decides what comes: what was decided stays."""
        moment = self.cleaned_data["effective_at"]
        if moment is not None and moment < clock.now():
            raise forms.ValidationError("This time has passed.", code="past")
        return moment or clock.now()


@admin.register(Policy)
class PolicyAdmin(VersionedAdmin):
    """Each organization's rules, by version; a second person puts a proposed one in force."""

    series: ClassVar[tuple[str, ...]] = ("organization",)
    content: ClassVar[tuple[str, ...]] = ("preset", "rules", "effective_at", "reason")
    change_needs = (policy_changes.MANAGE,)
    after_saving = "It counts once a second person approves; orders keep the version they have."
    form = PolicyForm
    list_display = ("__str__", "organization", "version", "status", "preset", "effective_at")
    list_filter = ("status",)
    list_select_related = ("organization",)
    ordering = ("organization", "-version")
    _people = ("proposed_by", "proposed_at", "decided_by", "decided_at", "decision_reason")
    fields = (
        *("organization", "version", "status", "preset", "rules", "effective_at", "reason"),
        *_people,
    )
    readonly_fields = ("version", "status", *_people)
    search_fields = ("=organization__id",)
    actions_detail = ("approve", "refuse")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and not form.has_changed():
            return
        at = clock.now()
        made = policy_changes.propose(
            preset=obj.preset,
            rules=obj.rules,
            reason=obj.reason,
            effective_at=max(obj.effective_at, at),
            by=acting_in(request, obj.organization_id),
            at=at,
        )
        obj.pk, obj.version = made.pk, made.version

    def offers(self, obj: Any, command: str) -> bool:
        return bool(obj.status == Policy.Status.PROPOSED)

    def _decide(self, request: HttpRequest, rows: list[Any], approve: bool) -> None:
        decide = policy_changes.approve if approve else policy_changes.reject

        def one(row: Policy) -> commands.Outcome:
            by = acting_in(request, row.organization_id)
            done = decide(row.version, reason="in the back office", by=by, at=clock.now())
            return commands.Outcome(f"{done.status}.")

        commands.each(self, request, rows, one)

    @commands.on_one(
        "Approve",
        question="New orders are decided by it from its time on.",
        needs="change",
        icon="check",
        variant=unfolded.SUCCESS,
    )
    def approve(self, request: HttpRequest, rows: list[Any]) -> None:
        """Put what somebody else has proposed in force."""
        self._decide(request, rows, True)

    @commands.on_one("Refuse", question="It never counts.", needs="change", icon="close")
    def refuse(self, request: HttpRequest, rows: list[Any]) -> None:
        """Refuse what was proposed, or withdraw one's own proposal."""
        self._decide(request, rows, False)


@admin.register(RoleChange)
class RoleChangeAdmin(ReadOnlyAdmin):
    """Roles that one person wants another to have; made by editing the person."""

    view_needs = PEOPLE
    list_display = ("user", "was", "roles", "status", "proposed_by", "proposed_at", "decided_by")
    list_filter = ("status",)
    list_select_related = ("user", "proposed_by", "decided_by")
    ordering = ("-id",)
    search_fields = ("user__username__exact",)
    actions_detail = ("approve", "refuse")

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may decide about roles."""
        return access.may(request, (role_changes.APPROVE,)) and self.in_scope(request, obj)

    def offers(self, obj: Any, command: str) -> bool:
        return bool(obj.status == RoleChange.Status.PROPOSED)

    def _decide(self, request: HttpRequest, rows: list[Any], approve: bool) -> None:
        decide = role_changes.approve if approve else role_changes.reject

        def one(row: RoleChange) -> commands.Outcome:
            by = acting_in(request, row.organization_id)
            done = decide(row.pk, reason="in the back office", by=by, at=clock.now())
            return commands.Outcome(f"{done.status}.")

        commands.each(self, request, rows, one)

    @commands.on_one(
        "Approve",
        question="The person has these roles within a second.",
        needs="decide",
        icon="check",
        variant=unfolded.SUCCESS,
    )
    def approve(self, request: HttpRequest, rows: list[Any]) -> None:
        """Give the person the roles that somebody else has proposed."""
        self._decide(request, rows, True)

    @commands.on_one("Refuse", question="The roles stay.", needs="decide", icon="close")
    def refuse(self, request: HttpRequest, rows: list[Any]) -> None:
        """Refuse what was proposed, or withdraw one's own proposal."""
        self._decide(request, rows, False)
