"""What all pages share: whose rows they show, who may look, and how values appear.

Every page asks `access` for its rows, so lists, details, histories, selections and autocompletion
show a user his own organization and nothing else.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.db import models
from django.http import HttpRequest

from oms_site.admin import access, display, references
from oms_site.admin.unfolded import BaseAdmin

_SUFFIX = "_shown"


class ScopedAdmin(BaseAdmin):
    """A page that shows rows of the caller's organization and, as it is, changes nothing."""

    # Lookup path from a row to its organization's id; "" for rows that all organizations share.
    organization_path: ClassVar[str] = "organization_id"
    # Rows that belong to no organization and that only a superuser sees.
    platform: ClassVar[bool] = False
    # Any one of these entitlements is enough.
    view_needs: ClassVar[tuple[str, ...]] = ("order.view",)
    # Text columns that hold JSON.
    json_text: ClassVar[tuple[str, ...]] = ()

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 50
    list_fullwidth = True
    list_disable_select_all = True

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        for field in model._meta.concrete_fields:
            column = display.shown(field, json_text=field.name in self.json_text)
            if column is not None:
                setattr(self, field.name + _SUFFIX, column)

    # --- whose rows --------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        if self.platform and not access.is_superuser(request):
            return rows.none()
        return access.own_rows(request, rows, self.organization_path)

    def in_scope(self, request: HttpRequest, obj: Any) -> bool:
        """Whether a row (or no row: the page as a whole) is the caller's to see."""
        if access.is_superuser(request):
            return True
        if self.platform or not access.principal(request).organization_id:
            return False
        # Unfold asks with the id of a row that the page has yet to find among the caller's.
        if not isinstance(obj, models.Model):
            return True
        return access.owns(request, obj, self.organization_path)

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        """A foreign key offers, and accepts, only rows that its own page would show."""
        remote = db_field.remote_field.model
        related = self.admin_site._registry.get(remote)
        if related is None:
            return remote._default_manager.none()
        return related.get_queryset(request).order_by(*(related.get_ordering(request) or ("pk",)))

    # --- who may -----------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request, self.view_needs) and self.in_scope(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- how values appear -------------------------------------------------------------------
    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [self.shown(name) for name in super().get_list_display(request)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [self.told(name, request) for name in super().get_readonly_fields(request, obj)]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """No form takes a read-only column, whatever name shows it."""
        named = [str(name) for name in super().get_readonly_fields(request, obj)]
        return [*(super().get_exclude(request, obj) or ()), *named]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        look_only = obj is not None and not self.has_change_permission(request, obj)
        readonly = set(self.get_readonly_fields(request, obj))

        def placed(name: Any) -> Any:
            shown = self.told(name, request)
            return shown if look_only or shown in readonly else name

        return [
            (title, {**options, "fields": [placed(name) for name in options["fields"]]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    # --- what can be done --------------------------------------------------------------------
    def offers(self, obj: Any, command: str) -> bool:
        """Whether a row's page has a button for the command, by the row's state."""
        return True

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        found = super().get_actions_detail(request, object_id)
        obj = self.get_object(request, unquote(str(object_id))) if found else None
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [
            one
            for one in found
            if obj is not None and self.offers(obj, one.action_name.removeprefix(prefix))
        ]

    def told(self, name: Any, request: HttpRequest) -> Any:
        """As `shown`, on a row's page: what it names is a link only for those who may go there."""
        return references.of(self, name, request) or self.shown(name)

    def shown(self, name: Any) -> Any:
        """The column that shows a field our way, or the field itself."""
        column = f"{name}{_SUFFIX}"
        return column if hasattr(self, column) else name
