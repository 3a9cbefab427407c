"""The back office's pages of the journal, to be read only.

The feed has a composite key, which the admin cannot show; its events are here.
"""

from __future__ import annotations

from django.contrib import admin

from oms_site.admin import ReadOnlyAdmin
from oms_site.admin.filters import one_of
from oms_site.journal.models import Event, IdempotencyKey, MsgType


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Every fact, with the exact text that clients saw.

    `changes` has whole rows, notes for compliance alone among them: `events.view` is not enough.
    """

    view_needs = ("control.manage", "config.manage", "audit.view")
    json_text = ("body", "changes")
    list_display = ("at", "event_type", "subject", "seq", "order_id", "actor", "msg_type")
    list_display_links = ("at", "event_type")
    list_filter = (one_of("msg_type", [kind.value for kind in MsgType], title="message"),)
    search_fields = ("event_id__exact", "subject__exact", "order_id__exact")
    search_help_text = "Exact id of an event, of its subject or of an order"
    ordering = ("-id",)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Keys once used, with the answer that their content got."""

    json_text = ("body",)
    list_display = ("key", "organization_id", "status", "created_at")
    search_fields = ("key__exact",)
    search_help_text = "Exact key"
    ordering = ("-id",)
