"""The back office's pages of the firm: organizations, people, keys, edits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from oms_site.admin import ConfigAdmin, ReadOnlyAdmin, access, commands, firm_decisions, unfolded
from oms_site.admin.fields import choices_list
from oms_site.firm import api_keys, role_changes
from oms_site.firm.models import (
    ApiKey,
    Generation,
    Organization,
    SandboxClock,
    User,
)
from oms_site.firm.roles import Role
from oms_site.kit import clock
from oms_site.kit.errors import OmsError

# Roles grant entitlements; Django's groups and permissions grant nothing here.
admin.site.unregister(Group)
_PEOPLE = firm_decisions.PEOPLE


@admin.register(Organization)
class OrganizationAdmin(ConfigAdmin):
    """Tenants. An organization edits itself; only a superuser adds one."""

    organization_path = "id"
    list_display = ("id", "name", "parent")
    list_select_related = ("parent",)
    search_fields = ("id", "name")
    ordering = ("id",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["id", "name", *(["parent"] if access.is_superuser(request) else [])]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        names = super().get_list_display(request)
        return names if access.is_superuser(request) else [n for n in names if n != "parent"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return access.is_superuser(request)


@admin.register(User)
class UserAdmin(ConfigAdmin, DjangoUserAdmin):  # type: ignore[type-arg]  # not generic at run time
    """People and client systems. They are deactivated, never deleted: events name them."""

    view_needs = _PEOPLE
    form = unfolded.UserChangeForm
    add_form = unfolded.UserCreationForm
    change_password_form = unfolded.AdminPasswordChangeForm
    list_display = ("username", "organization", "roles", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    list_select_related = ("organization",)
    search_fields = ("username", "email", "last_name")
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    _identity = ("username", "organization", "first_name", "last_name", "email")
    fieldsets = (
        (None, {"fields": (*_identity, "password")}),
        ("Access", {"fields": ("roles", "is_active", "is_staff")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets: Any = (
        (None, {"fields": ("username", "organization", "email", "password1", "password2")}),
        ("Access", {"fields": ("roles", "is_staff")}),
    )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Everything but more roles, which a second person has to approve."""
        wanted = list(obj.roles)
        held = User.objects.get(pk=obj.pk) if change else User(is_active=True)
        wider = not role_changes.is_narrower(held, wanted) and (obj.is_active or not change)
        if wider:
            obj.roles = held.roles
            if change and not held.is_active:
                # Who comes back starts without any.
                obj.roles = []
                User.objects.filter(pk=obj.pk).update(roles=[])
        super().save_model(request, obj, form, change)
        if wider:
            self._propose(request, obj, wanted)

    def _propose(self, request: HttpRequest, obj: User, wanted: list[str]) -> None:
        try:
            role_changes.propose(
                obj.username,
                wanted,
                reason="in the back office",
                by=firm_decisions.acting_in(request, obj.organization_id or ""),
                at=clock.now(),
            )
        except OmsError as error:
            self.message_user(request, error.message, messages.WARNING)
        else:
            told = f"A second person has to approve the roles {', '.join(wanted)}."
            self.message_user(request, told, messages.INFO)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "roles":
            return choices_list([role.value for role in Role], label="Roles")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, User) and obj.is_superuser and not access.is_superuser(request):
            return False  # or an organization's admin could set a superuser's password
        return super().has_change_permission(request, obj)


class ApiKeyForm(unfolded.RowForm):
    """Whose key, and until when."""

    def clean_expires_at(self) -> Any:
        """A key that has expired already is a mistake."""
        moment = self.cleaned_data["expires_at"]
        if moment is not None and moment <= clock.machine_now():
            raise forms.ValidationError("This time has passed.", code="past")
        return moment

    def clean_user(self) -> Any:
        """A key acts with its owner's roles, so it needs an owner who may act."""
        user = self.cleaned_data["user"]
        if user.organization_id is None or not user.is_active:
            raise forms.ValidationError("The user is not active in any organization.", code="user")
        return user


@admin.register(ApiKey)
class ApiKeyAdmin(ConfigAdmin):
    """Machine keys: made, shown once, revoked; never edited, never deleted, digests never shown."""

    organization_path = "user__organization_id"
    view_needs = _PEOPLE
    form = ApiKeyForm
    list_display = ("prefix", "user", "sandbox", "created_at", "expires_at", "revoked_at")
    list_filter = ("sandbox", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("prefix", "user__username")
    ordering = ("-created_at",)
    autocomplete_fields = ("user",)
    actions = ("revoke_selected",)
    actions_detail = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ["user", "expires_at"]
        return ["prefix", "user", "sandbox", "created_at", "expires_at", "revoked_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return access.may(request, self.change_needs) and self.in_scope(request, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may make keys may end them."""
        return self.has_add_permission(request)

    def offers(self, obj: Any, command: str) -> bool:
        return obj.revoked_at is None

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return "digest" not in lookup and super().lookup_allowed(lookup, value, request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made, request.new_api_key = api_keys.issue(  # type: ignore[attr-defined]  # till the answer
            obj.user, expires_at=obj.expires_at
        )
        obj.pk, obj.prefix = made.pk, made.prefix

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        # Told in the answer itself: in a message it would travel through a cookie.
        context = {
            **self.admin_site.each_context(request),
            "title": "New API key",
            "opts": self.opts,
            "key": obj,
            "token": request.new_api_key,  # type: ignore[attr-defined]  # set by save_model
            "list_address": reverse("admin:firm_apikey_changelist"),
        }
        answer = TemplateResponse(request, "admin/firm/apikey/created.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def _revoke(self, request: HttpRequest, keys: list[Any]) -> None:
        def one(key: ApiKey) -> commands.Outcome:
            done = api_keys.revoke(key)
            return commands.Outcome("revoked." if done else "was revoked before.", done)

        commands.each(self, request, keys, one)

    @commands.on_selected(
        "Revoke selected keys", question="Revoke these keys for ever?", needs="revoke"
    )
    def revoke_selected(self, request: HttpRequest, keys: list[Any]) -> None:
        """End the ticked keys."""
        self._revoke(request, keys)

    @commands.on_one(
        "Revoke",
        question="Requests with this key will be refused within a second, for ever.",
        needs="revoke",
        icon="key_off",
        variant=unfolded.DANGER,
    )
    def revoke(self, request: HttpRequest, keys: list[Any]) -> None:
        """End the key of this page."""
        self._revoke(request, keys)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Who edited what in the back office, and when."""

    organization_path = "user__organization_id"
    view_needs = _PEOPLE
    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    date_hierarchy = "action_time"
    ordering = ("-action_time",)
    search_fields = ("object_id__exact", "user__username__exact")
    search_help_text = "Exact id of what was edited, or user name"


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """How often reference data has changed."""

    platform = True
    list_display = ("__str__",)


@admin.register(SandboxClock)
class SandboxClockAdmin(ReadOnlyAdmin):
    """How far the sandbox is ahead; moved by its own command only."""

    platform = True
    list_display = ("__str__", "reason")
