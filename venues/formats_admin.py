"""The back office's pages of how venues are spoken to: formats by version, FIX sessions, messages.

Formats change by two people, as controls and policies do. Numbers and messages are looked at only.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from oms_site.admin import ConfigAdmin, ReadOnlyAdmin, VersionedAdmin, access, commands, unfolded
from oms_site.admin.filters import one_of
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from venues import format_changes, formats
from venues.gateways import kinds
from venues.gateways.port import GatewayError
from venues.models import FixLine, FixMessage, FixNumbers, SecurityNotice, VenueFormat


class VenueFormatForm(unfolded.RowForm):
    """The next version of a venue's format."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "reason" in self.fields:
            self.fields["reason"].required = True
            self.initial["reason"] = ""
        if "content" in self.fields:
            self.fields["content"].required = False

    def clean_content(self) -> Any:
        """What gateways can read."""
        content = self.cleaned_data["content"] or {}
        try:
            formats.read(content)
        except ValueError as error:
            raise forms.ValidationError(f"{error}.", code="content") from error
        return content

    def clean(self) -> dict[str, Any] | None:
        """A version that says what is in force already would decide nothing."""
        given = super().clean() or {}
        venue = given.get("venue")
        if venue is not None and "content" in given and venue.template == given["content"]:
            self.add_error(None, "The format in force says the same.")
        return given


@admin.register(VenueFormat)
class VenueFormatAdmin(VersionedAdmin):
    """What each venue is told and how; a second person puts a proposed version in force."""

    organization_path = ""
    series: ClassVar[tuple[str, ...]] = ("venue",)
    content: ClassVar[tuple[str, ...]] = ("content", "reason")
    after_saving = "It counts once a second person approves; then the venue is certified anew."
    form = VenueFormatForm
    list_display = ("__str__", "venue", "version", "status", "proposed_by", "decided_by")
    list_filter = ("status", "venue")
    list_select_related = ("venue", "proposed_by", "decided_by")
    ordering = ("venue", "-version")
    _people = ("proposed_by", "proposed_at", "decided_by", "decided_at")
    fields = ("venue", "version", "status", "content", "reason", *_people)
    readonly_fields = ("version", "status", *_people)
    actions_detail = ("approve", "refuse")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and not form.has_changed():
            return
        made = format_changes.propose(
            obj.venue_id,
            content=obj.content,
            reason=obj.reason,
            by=access.principal(request),
            at=clock.now(),
        )
        obj.pk, obj.version = made.pk, made.version

    def offers(self, obj: Any, command: str) -> bool:
        return bool(obj.status == VenueFormat.Status.PROPOSED)

    def _decide(self, request: HttpRequest, rows: list[Any], approve: bool) -> None:
        decide = format_changes.approve if approve else format_changes.reject

        def one(row: VenueFormat) -> commands.Outcome:
            done = decide(row.pk, by=access.principal(request), at=clock.now())
            return commands.Outcome(f"{done.status}.")

        commands.each(self, request, rows, one)

    @commands.on_one(
        "Approve",
        question="The venue is told so from now on; an active one is in testing until certified.",
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


class FixLineForm(unfolded.RowForm):
    """A session whose addresses are addresses."""

    def clean_addresses(self) -> Any:
        """`host:port` each, the first one first."""
        for one in self.cleaned_data["addresses"]:
            if one.startswith(f"{kinds.OUTSIDE}:"):
                continue
            try:
                kinds.find(one)
            except (GatewayError, OmsError) as error:
                raise forms.ValidationError(f"{error.message}.", code="address") from error
        return self.cleaned_data["addresses"]

    def clean(self) -> dict[str, Any] | None:
        """TLS as a whole: its files only with it, and our certificate only with its key."""
        given = super().clean() or {}
        names = ("tls_ca_file", "tls_server_name", "tls_certificate_file", "tls_key_file")
        if not given.get("tls") and any(given.get(name) for name in names):
            self.add_error("tls", "Files and names count only with TLS.")
        if bool(given.get("tls_certificate_file")) != bool(given.get("tls_key_file")):
            self.add_error("tls_key_file", "A certificate and its key belong together.")
        return given


@admin.register(FixLine)
class FixLineAdmin(ConfigAdmin):
    """FIX sessions as they were agreed with venues."""

    organization_path = ""
    form = FixLineForm
    list_display = (
        *("session", "venue", "sender_comp_id", "target_comp_id", "heartbeat_s", "reset"),
        *("market_data", "tls"),
    )
    list_select_related = ("venue",)
    ordering = ("session",)
    fields = (
        *("session", "venue", "sender_comp_id", "target_comp_id", "addresses"),
        *("heartbeat_s", "reset", "market_data"),
        *("tls", "tls_ca_file", "tls_server_name", "tls_certificate_file", "tls_key_file"),
    )


@admin.register(FixNumbers)
class FixNumbersAdmin(ReadOnlyAdmin):
    """Where each FIX session stands."""

    platform = True
    list_display = ("session", "epoch", "next_out", "next_in", "reports", "began_on")
    ordering = ("session",)


@admin.register(FixMessage)
class FixMessageAdmin(ReadOnlyAdmin):
    """Every message of the FIX sessions, to the byte."""

    platform = True
    list_display = ("id", "session", "way", "seq", "msg_type", "cl_ord_id", "report", "at")
    list_filter = (one_of("way", ["i", "o"]),)
    search_fields = ("cl_ord_id__exact",)
    search_help_text = "Exact ClOrdID"
    ordering = ("-id",)


@admin.register(SecurityNotice)
class SecurityNoticeAdmin(ReadOnlyAdmin):
    """What venues said of trading in securities."""

    platform = True
    list_display = ("id", "venue", "security_id", "trading_status", "said_at", "done_at", "note")
    list_select_related = ("venue",)
    ordering = ("-id",)
