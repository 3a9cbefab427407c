"""The two kinds of pages: ledgers, which are only looked at, and configuration, which is edited."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest

from oms_site.admin import access, references
from oms_site.admin.fields import ExactJSONField, PlainDecimalInput
from oms_site.admin.scoped import ScopedAdmin
from oms_site.admin.unfolded import InfinitePaginator, JsonWidget
from oms_site.kit import ids

_JSON = JsonWidget({"rows": 10, "data-json": ""})


class ReadOnlyAdmin(ScopedAdmin):
    """A ledger: lists with filters, a page with every column of a row, and nothing that writes.

    A living row's page tells first which it is, then its state, which transitions move, then its
    terms, which nothing moves.
    """

    # (title, admin page, lookup): lists of the rows that name this one.
    links: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    # Counting a ledger costs more than reading a page of it.
    paginator = InfinitePaginator

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        mutable = getattr(self.model, "MUTABLE", ())
        names = {field.attname: field.name for field in self.model._meta.concrete_fields}
        living = {name: names[name] for name in mutable}
        terms = {name: names[name] for name in names if name not in living}
        parts: list[tuple[str | None, Any]] = [(None, terms.values())]
        if living:
            which = [names.pop(name) for name in ("id", "version")]
            terms = {name: terms[name] for name in terms if name in names}
            parts = [(None, which), ("State", living.values()), ("Terms", terms.values())]
        parts[0] = (None, [*parts[0][1], *(["related_rows"] if self.links else [])])

        def placed(name: str) -> Any:
            if name == "related_rows":
                return references.Lists(
                    self.model._meta.label, self.links, self.admin_site, request
                )
            return self.told(name, request)

        return [(title, {"fields": [placed(name) for name in part]}) for title, part in parts]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [name for _, part in self.get_fieldsets(request, obj) for name in part["fields"]]


class ConfigAdmin(ScopedAdmin):
    """Reference data: edited by holders of `change_needs`; what all share, by a superuser only."""

    change_needs: ClassVar[tuple[str, ...]] = ("config.manage",)
    deletable: ClassVar[bool] = False
    show_full_result_count = True
    # Proposed ids start with it, where a key is a text that people may choose.
    id_prefix: ClassVar[str] = ""

    formfield_overrides: ClassVar[Any] = {
        models.JSONField: {
            "form_class": ExactJSONField,
            "widget": JsonWidget({"rows": 10, "data-json": ""}),
        },
        models.DecimalField: {"widget": PlainDecimalInput},
    }

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not self.organization_path and not access.is_superuser(request):
            return False
        return access.may(request, self.change_needs) and self.in_scope(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = access.may(request, (*self.view_needs, *self.change_needs))
        return may and self.in_scope(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and self.has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        key = self.model._meta.pk
        fixed = [] if obj is None or key is None or key.auto_created else [key.name]
        return [*fixed, *super().get_readonly_fields(request, obj)]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Another key would not rename the row but save a second one.
        key = self.model._meta.pk
        fixed = [] if obj is None or key is None else [key.name]
        return [*fixed, *super().get_exclude(request, obj)]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            # What has changed is judged against the row, not against what the browser sends back.
            field.show_hidden_initial = False
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        # One way to save. What follows it, such as a new version's page, is decided here.
        one_button = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **one_button}
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        owner = form.base_fields.get("organization")
        if owner is not None and obj is not None:
            # It stays in the form, fixed, so that uniqueness within it is still checked.
            owner.disabled = True
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        initial.setdefault("organization", access.principal(request).organization_id or None)
        if self.id_prefix:
            initial.setdefault("id", ids.prefixed(self.id_prefix))
        return initial

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.save(force_insert=True)
            return
        # Only what was edited: other columns, such as heartbeats, may have moved meanwhile.
        columns = {field.name for field in self.model._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.changed_data if name in columns])
