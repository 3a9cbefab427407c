"""The addresses of controls, below `/v1/`."""

from __future__ import annotations

from django.urls import path

from controls.api import lists, overrides, policies, views

_one = "control/<str:control_id>/"
_DECISIONS = ("approve", "reject")
_STEPS = ("submit", "approve", "reject", "suspend", "resume", "retire", "discard")

urlpatterns = [
    path("control/list/", lists.Lists.as_view(), name="control-list-list"),
    path("control/override/", overrides.Overrides.as_view(), name="override-list"),
    *(
        path(
            f"control/override/<str:override_id>/{step}/",
            overrides.OverrideDecision.as_view(grant=step == "grant"),
            name=f"override-{step}",
        )
        for step in ("grant", "refuse")
    ),
    path("control/watch/", overrides.WatchHits.as_view(), name="watch-hits"),
    path("control/mandate/", lists.Mandates.as_view(), name="mandate-list"),
    *(
        path(
            # A list that was named before names were looked at may have a slash in it.
            f"control/list/<path:name>/<int:version>/{step}/",
            lists.ListDecision.as_view(approve=step == "approve"),
            name=f"control-list-{step}",
        )
        for step in _DECISIONS
    ),
    path("control/list/<path:name>/", lists.ListVersions.as_view(), name="control-list-versions"),
    *(
        path(
            f"control/mandate/<int:mandate_id>/{step}/",
            lists.MandateDecision.as_view(approve=step == "approve"),
            name=f"mandate-{step}",
        )
        for step in _DECISIONS
    ),
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
    path("policy/", policies.PolicyInForce.as_view(), name="policy"),
    path("policy/version/", policies.PolicyVersions.as_view(), name="policy-versions"),
    path("policy/version/<int:version>/", policies.PolicyVersion.as_view(), name="policy-version"),
    *(
        path(
            f"policy/version/<int:version>/{step}/",
            policies.PolicyDecision.as_view(approve=step == "approve"),
            name=f"policy-{step}",
        )
        for step in _DECISIONS
    ),
    path("role-change/", policies.RoleChanges.as_view(), name="role-changes"),
    *(
        path(
            f"role-change/<int:change_id>/{step}/",
            policies.RoleChangeDecision.as_view(approve=step == "approve"),
            name=f"role-change-{step}",
        )
        for step in _DECISIONS
    ),
]
