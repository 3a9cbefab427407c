"""Buttons that do something: asked for once more, over POST, on rows of the caller alone.

`on_selected` puts a command into the menu of a list, `on_one` on the page of a row. Both hand over
rows of the page's own queryset; the command itself is told by the floor's `admin.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from oms_site.admin.unfolded import DEFAULT, action
from oms_site.kit.errors import OmsError

MOST = 200  # rows of one command
Command = Callable[[Any, HttpRequest, list[Any]], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one row."""

    text: str
    done: bool = True


def on_selected(label: str, *, question: str, needs: str) -> Callable[[Command], Any]:
    """A command on the rows ticked in a list; `needs` names a `has_…_permission`."""

    def decorate(command: Command) -> Any:
        @admin.action(description=label, permissions=[needs])
        @wraps(command)
        def ask(page: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
            rows = list(queryset[: MOST + 1])
            if len(rows) > MOST:
                page.message_user(request, f"At most {MOST} at a time.", messages.ERROR)
                return None
            if request.POST.get("confirmed") == "yes":
                command(page, request, rows)
                return None
            context = {
                **page.admin_site.each_context(request),
                "title": label,
                "question": question,
                "rows": rows,
                "opts": page.opts,
                "action": command.__name__,
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/confirm_command.html", context)

        return ask

    return decorate


def on_one(
    label: str, *, question: str, needs: str, icon: str = "", variant: Any = DEFAULT
) -> Callable[[Command], Any]:
    """A command on the row of a page; `needs` names a `has_…_permission`."""

    def decorate(command: Command) -> Any:
        def run(page: Any, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
            row = page.get_object(request, unquote(object_id))
            command(page, request, [row])
            return HttpResponse(headers={"HX-Redirect": address_of(page, row)})

        run.__name__ = command.__name__
        asked = action(
            description=label,
            permissions=[needs],
            url_path=command.__name__.replace("_", "-"),
            icon=icon or None,
            variant=variant,
            dialog={
                "title": f"{label}?",
                "description": question,
                "form_class": None,
                "form_submit_text": label,
            },
        )(run)

        @wraps(asked)
        def find_first(page: Any, request: HttpRequest, object_id: str) -> Any:
            if page.get_object(request, unquote(object_id)) is None:
                raise Http404("No such row.")
            return asked(page, request, object_id=object_id)

        return find_first

    return decorate


def each(
    page: Any, request: HttpRequest, rows: Iterable[Any], do: Callable[[Any], Outcome]
) -> None:
    """Do it to every row on its own, say what became of each, and keep it in the history."""
    for row in rows:
        try:
            outcome = do(row)
        except OmsError as error:
            outcome = Outcome(error.message, done=False)
        level = messages.SUCCESS if outcome.done else messages.WARNING
        page.message_user(request, f"{row}: {outcome.text}", level)
        if outcome.done:
            page.log_change(request, row, outcome.text[:200])


def address_of(page: Any, row: Any) -> str:
    """Where the page of a row is."""
    name = f"admin:{page.opts.app_label}_{page.opts.model_name}_change"
    return reverse(name, args=[quote(row.pk)])
