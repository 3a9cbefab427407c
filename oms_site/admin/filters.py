"""List filters whose choices are known in advance: no query looks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest


def one_of(lookup: str, values: Iterable[str], *, title: str = "") -> type[SimpleListFilter]:
    """A filter by a column (or a path to one) that holds one of these texts."""
    choices = [(str(value), str(value).replace("_", " ")) for value in values]

    class OneOf(SimpleListFilter):
        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return choices

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            value = self.value()
            return queryset.filter(**{lookup: value}) if value is not None else queryset

    OneOf.title = title or lookup.rpartition("__")[2].replace("_", " ")
    OneOf.parameter_name = lookup
    return OneOf
