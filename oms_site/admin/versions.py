"""Configuration that is never overwritten: saving an edit makes the next version.

What was in force when an order was screened or routed can always be read again.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from oms_site.admin import commands
from oms_site.admin.classes import ConfigAdmin
from oms_site.firm.models import Organization


class VersionedAdmin(ConfigAdmin):
    """Saving, new or edited, inserts a row; no row's content is ever changed."""

    # Columns that name one series of versions, and those that a version states.
    series: ClassVar[tuple[str, ...]] = ("organization",)
    content: ClassVar[tuple[str, ...]] = ()
    after_saving: ClassVar[str] = ""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and self.has_change_permission(request, obj):
            told = "Saving an edit makes the next version; this one stays as it is."
            fieldsets[0][1]["description"] = told
        return fieldsets

    def stamp(self, obj: Any) -> dict[str, Any]:
        """Values that a new version gets beside its content, such as when it was made."""
        return {}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and not form.has_changed():
            return
        values = {name: getattr(obj, name) for name in (*self.series, *self.content)}
        with transaction.atomic():
            # Two people who save at once get two numbers.
            Organization.objects.select_for_update().get(pk=obj.organization_id)
            series = {name: values[name] for name in self.series}
            last = self.model._default_manager.filter(**series).aggregate(n=Max("version"))["n"]
            made = self.model(**values, version=(last or 0) + 1, **self.stamp(obj))
            made.save(force_insert=True)
        # What follows, history and answer, is about the version that was made.
        obj.pk, obj.version = made.pk, made.version

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        here = request.resolver_match.kwargs["object_id"] if request.resolver_match else ""
        if str(obj.pk) == here:
            self.message_user(request, "Nothing was changed.", messages.INFO)
        else:
            self._say(request, obj)
        return self._go(obj)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        self._say(request, obj)
        return self._go(obj)

    def _say(self, request: HttpRequest, obj: Any) -> None:
        text = f"Saved as version {obj.version}. {self.after_saving}".strip()
        self.message_user(request, text, messages.SUCCESS)

    def _go(self, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(commands.address_of(self, obj))
