"""What the top floor mounts: the API and the screens."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import include, path

urlpatterns = [
    path("v1/", include("orders.api.urls")),
    path("v1/", include("controls.api.urls")),
    path("", include("controls.pages_urls")),
]
if find_spec("orders.dashboards_urls"):
    urlpatterns.append(path("", include("orders.dashboards_urls")))
