"""The back office's pages of the market side.

All organizations share these rows: everyone may look them up, a superuser edits them. Messages on
the wire carry every organization's orders, so only a superuser reads them raw.
"""

from __future__ import annotations

from typing import Any, get_args

from django.contrib import admin

from oms_site.admin import ConfigAdmin, ReadOnlyAdmin, unfolded
from oms_site.admin.fields import choices_list, one_choice
from oms_site.admin.filters import one_of
from oms_site.kit import clock
from venues import analytics, certification, health, registry
from venues.calendar import Kind, Market, new_york_date
from venues.formats_admin import VenueFormatAdmin as VenueFormatAdmin
from venues.gateways import kinds
from venues.models import (
    Certification,
    Dealer,
    Inbound,
    Instrument,
    Outbound,
    ReferencePrice,
    RoutingDecision,
    TradingDayRow,
    Venue,
    VenueProfile,
    VenueSymbol,
)
from venues.models.venue import PROTOCOLS

_MARKETS, _KINDS = get_args(Market), get_args(Kind)
_DAY_COUNTS = (analytics.ACTUAL_ICMA, analytics.THIRTY_360)


class InstrumentForm(unfolded.RowForm):
    """A security whose bond terms make sense: one that did not would stop all of them."""

    def clean(self) -> dict[str, Any] | None:
        """What analytics would refuse at the first order is refused here."""
        given = super().clean() or {}
        names = ("issue_date", "maturity_date", "coupon_percent", "frequency", "day_count")
        terms: dict[str, Any] = {name: given.get(name) for name in names}
        needed = [terms[name] is not None for name in names[:3]]
        if all(needed):
            try:
                analytics.Bond(**terms)
            except ValueError as error:
                self.add_error(None, f"These terms do not work: {error}.")
        elif any(needed):
            self.add_error(None, "A bond needs all of issue date, maturity date and coupon.")
        return given


@admin.register(Instrument)
class InstrumentAdmin(ConfigAdmin):
    """Securities."""

    organization_path = ""
    form = InstrumentForm
    list_display = (
        "cusip",
        "description",
        "asset_class",
        "coupon_percent",
        "maturity_date",
        "min_denomination",
        "market",
        "status",
    )
    list_filter = ("asset_class", "status", "market", "illustrative")
    search_fields = ("cusip", "isin", "symbol", "description")
    ordering = ("cusip",)
    fieldsets = (
        (None, {"fields": ("cusip", "isin", "symbol", "description", "asset_class", "status")}),
        ("Issuer", {"fields": ("issuer", "sector", "country", "rating", "illustrative")}),
        (
            "Terms",
            {
                "fields": (
                    "issue_date",
                    "maturity_date",
                    "coupon_percent",
                    "frequency",
                    "day_count",
                )
            },
        ),
        ("Trading", {"fields": ("market", "currency", "min_denomination", "min_increment")}),
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "market":
            return one_choice(_MARKETS, label="Market")
        if db_field.name == "day_count":
            return one_choice(_DAY_COUNTS, label="Day count", required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(ReferencePrice)
class ReferencePriceAdmin(ConfigAdmin):
    """The latest known price of each security."""

    organization_path = ""
    deletable = True
    list_display = ("instrument", "bid_px", "ask_px", "mid_px", "source", "at")
    list_select_related = ("instrument",)
    search_fields = ("instrument__cusip", "instrument__description")
    autocomplete_fields = ("instrument",)
    ordering = ("instrument",)
    fields = ("instrument", "bid_px", "ask_px", "mid_px", "source", "at")


@admin.register(VenueProfile)
class VenueProfileAdmin(ConfigAdmin):
    """What trading at a venue costs and takes: smart order routing scores by it."""

    organization_path = ""
    deletable = True
    list_display = (
        "venue",
        "taker_fee",
        "maker_fee",
        "fill_probability",
        "latency_ms",
        "is_dark",
    )
    list_select_related = ("venue",)
    ordering = ("venue",)
    fields = (*list_display, "dark_min_size")


@admin.register(RoutingDecision)
class RoutingDecisionAdmin(ReadOnlyAdmin):
    """Why orders went where they went, with the quotes that were seen."""

    list_display = ("id", "subject", "kind", "qty", "reason", "decided_at")
    search_fields = ("id__exact", "subject__exact")
    search_help_text = "Exact id of a decision or an execution order"
    date_hierarchy = "decided_at"
    ordering = ("-id",)


class TradingDayForm(unfolded.RowForm):
    """A day whose sessions are on it."""

    def clean(self) -> dict[str, Any] | None:
        """The day of a moment is its date in New York."""
        given = super().clean() or {}
        for name in ("extended_open", "regular_open", "regular_close", "extended_close"):
            moment = given.get(name)
            if moment is not None and new_york_date(moment) != given.get("date"):
                self.add_error(name, "This moment (UTC) is on another date in New York.")
        return given


@admin.register(TradingDayRow)
class TradingDayAdmin(ConfigAdmin):
    """Days on which markets trade; an unscheduled close is an edit here."""

    organization_path = ""
    deletable = True
    list_display = ("date", "market", "kind", "regular_open", "regular_close", "extended_close")
    form = TradingDayForm
    list_filter = (one_of("market", _MARKETS), one_of("kind", _KINDS))
    date_hierarchy = "date"
    ordering = ("-date", "market")
    fields = (
        "market",
        "date",
        "kind",
        "extended_open",
        "regular_open",
        "regular_close",
        "extended_close",
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in {"market", "kind"}:
            values = _MARKETS if db_field.name == "market" else _KINDS
            return one_choice(values, label=db_field.name.capitalize())
        return super().formfield_for_dbfield(db_field, request, **kwargs)


_ORD_TYPES, _TIMES_IN_FORCE = ("limit", "market", "rfq"), ("day", "ioc", "fok")


class VenueForm(unfolded.RowForm):
    """A venue that is active only as it has been certified."""

    def clean(self) -> dict[str, Any] | None:
        """What the database would refuse is refused here, with what to do about it."""
        given = super().clean() or {}
        if given.get("status") != Venue.Status.ACTIVE:
            return given
        known = self.instance.pk if not self.instance._state.adding else None
        changed = sorted(set(self.changed_data) & set(_CERTIFIED))
        if changed:
            names = ", ".join(changed)
            self.add_error("status", f"Set it to testing: {names} must be certified anew.")
        elif known is None or not certification.stands(known):
            self.add_error("status", "Not certified: run manage.py certify with its id first.")
        return given


_CERTIFIED = (
    "gateway",
    "protocols",
    "asset_classes",
    "ord_types",
    "times_in_force",
    "amends",
    "min_qty",
    "max_qty",
    "qty_increment",
    "template",
)


@admin.register(Venue)
class VenueAdmin(ConfigAdmin):
    """Exchanges, ATSs and dealers: what they take, whether they may be used, how they are doing."""

    organization_path = ""
    form = VenueForm
    list_display = (
        "id",
        "name",
        "gateway",
        "preference",
        "status",
        "certified",
        "health",
    )
    list_filter = ("status",)
    search_fields = ("id", "name", "mpid")
    ordering = ("preference", "id")
    readonly_fields = ("template", "connected_at", "last_heard_at")
    fieldsets = (
        (None, {"fields": ("id", "name", "mpid", "gateway", "preference", "status")}),
        (
            "What it takes (certified)",
            {"fields": ("protocols", "asset_classes", "ord_types", "times_in_force", "amends")},
        ),
        ("Sizes (certified)", {"fields": ("min_qty", "max_qty", "qty_increment")}),
        ("Hours, New York", {"fields": ("opens_at", "closes_at", "cutoff_at")}),
        (
            "Wire (certified)",
            {
                "fields": ("template",),
                "description": "Its format in force; the next one is proposed under Formats.",
            },
        ),
        ("Line", {"fields": ("max_messages_per_s", "connected_at", "last_heard_at")}),
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        offered = {
            "asset_classes": (Instrument.AssetClass.values, "Asset classes"),
            "ord_types": (_ORD_TYPES, "Order types"),
            "times_in_force": (_TIMES_IN_FORCE, "Times in force"),
            "protocols": (PROTOCOLS, "Protocols"),
        }
        if db_field.name in offered:
            values, label = offered[db_field.name]
            return choices_list(values, label=label)
        if db_field.name == "gateway":
            return one_choice(sorted({*kinds.KINDS, registry.INTERNAL}), label="Gateway")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="certified", boolean=True)
    def certified(self, obj: Any) -> bool:
        """Whether its present configuration has passed."""
        return certification.stands(obj.pk)

    @admin.display(description="health")
    def health(self, obj: Any) -> str:
        """The line, the lag of its newest reports, what it refused of new orders, what waits."""
        now = health.of_all(at=clock.now())[obj.pk]
        said = ["connected" if now.connected else "silent"]
        if now.why_bad:
            said.append(now.why_bad)
        if now.lag is not None:
            said.append(f"lag {now.lag.total_seconds() * 1000:,.0f} ms")
        if now.reject_rate is not None:
            said.append(f"{now.reject_rate:.0%} refused")
        return " · ".join([*said, f"{now.unsent + now.unanswered + now.unapplied} waiting"])


@admin.register(VenueSymbol)
class VenueSymbolAdmin(ConfigAdmin):
    """What venues call instruments."""

    organization_path = ""
    deletable = True
    list_display = ("venue", "instrument", "symbol")
    list_filter = ("venue",)
    list_select_related = ("venue", "instrument")
    search_fields = ("symbol", "instrument__cusip")
    autocomplete_fields = ("instrument",)
    ordering = ("venue", "symbol")
    fields = ("venue", "instrument", "symbol")


@admin.register(Dealer)
class DealerAdmin(ConfigAdmin):
    """Who answers inquiries. They are suspended, never deleted."""

    organization_path = ""
    list_display = ("id", "name", "venue", "asset_classes", "status")
    list_filter = ("status", "venue")
    list_select_related = ("venue",)
    search_fields = ("id", "name")
    ordering = ("id",)
    fields = ("id", "name", "venue", "asset_classes", "status")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "asset_classes":
            return choices_list(Instrument.AssetClass.values, label="Asset classes")
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Certification)
class CertificationAdmin(ReadOnlyAdmin):
    """Runs of the acceptance matrix, with what was found."""

    platform = True
    list_display = ("id", "venue", "passed", "configuration", "began_at", "ended_at", "by")
    list_filter = ("passed",)
    list_select_related = ("venue",)
    search_fields = ("venue__id__exact",)
    search_help_text = "Exact id of the venue"
    ordering = ("-id",)


@admin.register(Outbound)
class OutboundAdmin(ReadOnlyAdmin):
    """What was sent to venues, or waits to be."""

    platform = True
    json_text = ("body",)
    list_display = (
        "id",
        "venue",
        "kind",
        "cl_ord_id",
        "created_at",
        "sent_at",
        "sends",
        "answered_at",
    )
    list_filter = (
        ("sent_at", admin.EmptyFieldListFilter),
        ("answered_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("venue",)
    search_fields = ("cl_ord_id__exact",)
    search_help_text = "Exact ClOrdID"
    ordering = ("-id",)


@admin.register(Inbound)
class InboundAdmin(ReadOnlyAdmin):
    """What venues reported, with what became of it."""

    platform = True
    json_text = ("body",)
    list_display = ("id", "venue", "seq", "verdict", "note", "received_at", "applied_at")
    list_filter = (
        one_of("verdict", ["applied", "duplicate", "break", "unreadable"]),
        ("applied_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("venue",)
    search_fields = ("seq__exact",)
    search_help_text = "Number of the report"
    ordering = ("-id",)
