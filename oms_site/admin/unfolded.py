"""The only door to Unfold, which carries no types: what we use of it, under typed names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin as DjangoModelAdmin

if TYPE_CHECKING:
    from collections.abc import Callable

    from django import forms
    from django.contrib.auth.forms import (
        AdminPasswordChangeForm,
        AdminUserCreationForm,
        UserChangeForm,
    )
    from django.core.paginator import Paginator
    from django.http import HttpRequest

    class BaseAdmin(DjangoModelAdmin[Any]):
        """Unfold's model admin."""

        actions_detail: Any = ()
        list_disable_select_all = False
        list_fullwidth = False

        def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
            """Buttons of a row's page."""

    class RowForm(forms.ModelForm[Any]):
        """A form of a model, which `ModelAdmin` names."""

    UserCreationForm = AdminUserCreationForm[Any]
    InfinitePaginator = Paginator[Any]
    DecimalWidget = forms.NumberInput
    JsonWidget = forms.Textarea
    TextWidget = forms.TextInput
    CheckboxList = forms.CheckboxSelectMultiple
    SelectWidget = forms.Select
    action: Callable[..., Callable[..., Any]]
    DANGER: Any
    SUCCESS: Any
    DEFAULT: Any
else:
    from django.forms import ModelForm as RowForm
    from unfold.admin import ModelAdmin as BaseAdmin
    from unfold.decorators import action
    from unfold.enums import ActionVariant
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.paginator import InfinitePaginator
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as CheckboxList
    from unfold.widgets import UnfoldAdminDecimalFieldWidget as DecimalWidget
    from unfold.widgets import UnfoldAdminSelectWidget as SelectWidget
    from unfold.widgets import UnfoldAdminTextareaWidget as JsonWidget
    from unfold.widgets import UnfoldAdminTextInputWidget as TextWidget

    DANGER, SUCCESS = ActionVariant.DANGER, ActionVariant.SUCCESS
    DEFAULT = ActionVariant.DEFAULT

__all__ = [
    "DANGER",
    "DEFAULT",
    "SUCCESS",
    "AdminPasswordChangeForm",
    "BaseAdmin",
    "CheckboxList",
    "DecimalWidget",
    "InfinitePaginator",
    "JsonWidget",
    "RowForm",
    "SelectWidget",
    "TextWidget",
    "UserChangeForm",
    "UserCreationForm",
    "action",
]
