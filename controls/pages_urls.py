"""The addresses of the pages of controls, at the root."""

from __future__ import annotations

from django.urls import path

from controls import pages

urlpatterns = [
    path("controls/", pages.index, name="controls"),
    path("controls/<str:control_id>/", pages.one, name="controls-one"),
]
