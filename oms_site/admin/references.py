"""Links on a row's page, only where the person may go: what a row names, and the rows that name it.

A name that may not be followed stands as plain text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from oms_site.admin.display import EMPTY


@dataclass(frozen=True)
class Reference:
    """The column of a foreign key for one person; two of the same column are equal."""

    model: str
    name: str
    short_description: str
    # The page of what it names, if there is one, and who asks.
    page: Any = field(compare=False)
    request: HttpRequest = field(compare=False)

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, row: models.Model) -> Any:
        """What the key of a row names."""
        found = getattr(row, self.name)
        if found is None:
            return EMPTY
        if self.page is None or not may_open(self.page, self.request, found):
            return str(found)
        options = found._meta
        address = reverse(
            f"admin:{options.app_label}_{options.model_name}_change", args=[quote(found.pk)]
        )
        return format_html('<a href="{}" class="text-link">{}</a>', address, found)


@dataclass(frozen=True)
class Lists:
    """Links to the lists of rows that name a row: (title, admin page, lookup) each."""

    model: str
    links: tuple[tuple[str, str, str], ...]
    site: Any = field(compare=False)
    request: HttpRequest = field(compare=False)
    short_description: str = "related rows"

    @property
    def __name__(self) -> str:
        return "related_rows"

    def __call__(self, row: models.Model) -> SafeString | str:
        """The links of one row."""
        found = [
            (reverse(f"admin:{page}_changelist"), lookup, row.pk, title)
            for title, page, lookup in self.links
            if may_open(self.site._registry[apps.get_model(page.replace("_", "."))], self.request)
        ]
        told = format_html_join(" · ", '<a class="text-link" href="{}?{}={}">{}</a>', found)
        return told or EMPTY


def may_open(page: Any, request: HttpRequest, row: models.Model | None = None) -> bool:
    """Whether the person may see the page's list, or this row's page."""
    return bool(page.has_view_permission(request, row))


def of(admin: Any, name: Any, request: HttpRequest) -> Reference | None:
    """The column, for the name of a foreign key of the admin's model; None for anything else."""
    if not isinstance(name, str):
        return None
    found = {one.name: one for one in admin.model._meta.concrete_fields}.get(name)
    if found is None or not isinstance(found, models.ForeignKey):
        return None
    page = admin.admin_site._registry.get(found.remote_field.model)
    return Reference(admin.model._meta.label, name, str(found.verbose_name), page, request)
