"""The addresses of controls, below `/v1/`."""

from __future__ import annotations

from django.urls import path

from controls.api import views

_one = "control/<str:control_id>/"
_STEPS = ("submit", "approve", "reject", "suspend", "resume", "retire", "discard")

urlpatterns = [
    path("control/", views.ControlList.as_view(), name="control-list"),
    path(_one, views.ControlDetail.as_view(), name="control-detail"),
    path(f"{_one}version/", views.ControlVersions.as_view(), name="control-versions"),
    path(f"{_one}diff/", views.ControlDiff.as_view(), name="control-diff"),
    path(f"{_one}history/", views.ControlHistory.as_view(), name="control-history"),
    path(f"{_one}simulate/", views.ControlSimulate.as_view(), name="control-simulate"),
    *(
        path(f"{_one}{step}/", views.ControlStep.as_view(step=step), name=f"control-{step}")
        for step in _STEPS
    ),
]
