"""The back office's page of routing rules: edited by version, one version active."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from allocations.models import Custodian
from oms_site.admin import VersionedAdmin, commands, unfolded
from oms_site.firm.models import Organization
from oms_site.kit import clock
from orders import sides
from orders.models import Ruleset
from orders.rulesets import PROTOCOLS
from venues.capabilities import CUSTODIAN
from venues.models import Instrument, Venue

_CONDITIONS = {"asset_class", "side", "min_qty", "max_qty"}
_WAYS = {"protocol", "strategy", "venue_id", "custodian_id"}


def problem_of(rule: Any) -> str:
    """What is wrong with one rule, or nothing."""
    if not isinstance(rule, dict) or set(rule) != {"id", "when", "then"}:
        return "needs exactly id, when and then"
    when, then = rule["when"], rule["then"]
    if not isinstance(when, dict) or set(when) - _CONDITIONS:
        return f"'when' takes {', '.join(sorted(_CONDITIONS))}"
    classes = when.get("asset_class", [])
    if not isinstance(classes, list) or set(classes) - set(Instrument.AssetClass.values):
        return f"'asset_class' is a list of {', '.join(Instrument.AssetClass.values)}"
    if when.get("side", "buy") not in sides.KNOWN:
        return f"'side' is one of {', '.join(sides.KNOWN)}"
    if any(not _is_quantity(when[name]) for name in ("min_qty", "max_qty") if name in when):
        return 'quantities are decimals as text, such as "1000000"'
    if not isinstance(then, dict) or set(then) - _WAYS:
        return f"'then' takes {', '.join(sorted(_WAYS))}"
    if then.get("strategy") not in PROTOCOLS.get(str(then.get("protocol")), ()):
        ways = "; ".join(f"{name}: {', '.join(how)}" for name, how in PROTOCOLS.items())
        return f"'then' names a protocol and one of its strategies ({ways})"
    return _problem_of_place(then)


def _problem_of_place(then: dict[str, Any]) -> str:
    venue_id, custodian_id = then.get("venue_id"), then.get("custodian_id")
    handed = then["protocol"] == CUSTODIAN
    if venue_id if handed else custodian_id:
        return "a custodian is named for the protocol custodian, a venue for any other"
    if venue_id and not Venue.objects.filter(pk=venue_id).exists():
        return f"there is no venue {venue_id}"
    if custodian_id and not Custodian.objects.filter(pk=custodian_id, active=True).exists():
        return f"there is no custodian {custodian_id}"
    return ""


def _is_quantity(value: Any) -> bool:
    if value is None:
        return True
    try:
        return isinstance(value, int | str) and Decimal(value) > 0
    except InvalidOperation:
        return False


class RulesetForm(unfolded.RowForm):
    """Rules that routing can follow; none at all stages every order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rules" in self.fields:
            self.fields["rules"].required = False

    def clean_rules(self) -> Any:
        """Every rule is whole and every id occurs once."""
        rules = self.cleaned_data["rules"] or []
        if not isinstance(rules, list):
            raise forms.ValidationError("A list of rules.", code="rules")
        for number, rule in enumerate(rules, 1):
            problem = problem_of(rule)
            if problem:
                raise forms.ValidationError(f"Rule {number} {problem}.", code="rules")
        if len({str(rule["id"]) for rule in rules}) < len(rules):
            raise forms.ValidationError("Two rules have the same id.", code="rules")
        return rules


def activate(ruleset: Ruleset) -> None:
    """Route by this version from the next order; the one before stops in the same moment."""
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=ruleset.organization_id)
        mine = Ruleset.objects.filter(organization_id=ruleset.organization_id)
        mine.filter(active=True).exclude(pk=ruleset.pk).update(active=False)
        mine.filter(pk=ruleset.pk).update(active=True)


@admin.register(Ruleset)
class RulesetAdmin(VersionedAdmin):
    """Which protocol and strategy orders get that name none."""

    series: ClassVar[tuple[str, ...]] = ("organization",)
    content: ClassVar[tuple[str, ...]] = ("rules",)
    after_saving = "Activate it to route by it."
    form = RulesetForm
    list_display = ("__str__", "organization", "version", "active", "created_at")
    list_filter = ("active",)
    list_select_related = ("organization",)
    ordering = ("organization", "-version")
    fields = ("organization", "version", "active", "rules", "created_at")
    readonly_fields = ("version", "active", "created_at")
    actions_detail = ("activate",)

    def offers(self, obj: Any, command: str) -> bool:
        return not obj.active

    def stamp(self, obj: Any) -> dict[str, Any]:
        return {"created_at": clock.now()}

    @commands.on_one(
        "Activate",
        question="Orders are routed by this version from now on.",
        needs="change",
        icon="play_arrow",
        variant=unfolded.SUCCESS,
    )
    def activate(self, request: HttpRequest, rows: list[Any]) -> None:
        """Route by this version."""

        def one(ruleset: Ruleset) -> commands.Outcome:
            activate(ruleset)
            return commands.Outcome("activated.")

        commands.each(self, request, rows, one)
