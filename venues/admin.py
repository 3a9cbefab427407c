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
from venues import analytics
from venues.calendar import Kind, Market, new_york_date
from venues.models import Inbound, Instrument, Outbound, ReferencePrice, TradingDayRow, Venue

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


@admin.register(Venue)
class VenueAdmin(ConfigAdmin):
    """Exchanges, ATSs and dealers."""

    organization_path = ""
    list_display = ("id", "name", "mpid", "gateway", "preference", "status", "last_heard_at")
    list_filter = ("status",)
    search_fields = ("id", "name", "mpid")
    ordering = ("preference", "id")
    readonly_fields = ("connected_at", "last_heard_at")
    fields = (
        "id",
        "name",
        "mpid",
        "gateway",
        "asset_classes",
        "ord_types",
        "preference",
        "status",
        "connected_at",
        "last_heard_at",
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "asset_classes":
            return choices_list(Instrument.AssetClass.values, label="Asset classes")
        if db_field.name == "ord_types":
            return choices_list(("limit", "market"), label="Order types")
        return super().formfield_for_dbfield(db_field, request, **kwargs)


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
