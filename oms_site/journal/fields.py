"""The field that holds a state: protected, moved by transitions only."""

from __future__ import annotations

from typing import Any

from django_fsm import FSMField


class StateField(FSMField):
    """A state as text. It cannot be assigned, and migrations know it as a plain column.

    django-fsm connects a signal for every rendering of its field, and a migration renders each
    model hundreds of times: as plain text a fresh database takes half as long.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "protected": True})

    def deconstruct(self) -> Any:
        """As a CharField: what a state may become is no matter of the database's columns."""
        name, _, args, kwargs = super().deconstruct()
        kwargs.pop("protected", None)
        return name, "django.db.models.CharField", args, kwargs
