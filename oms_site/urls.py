"""All addresses, by strings: the ground never imports a floor above it."""

from __future__ import annotations

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from oms_site.api import openapi
from oms_site.health import healthz

assert openapi  # imported for what it registers
_docs = csp_update(settings.DOCS_CONTENT_SECURITY_POLICY)
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/api/",
        _docs(SpectacularRedocView.as_view(url_name="schema", template_name="docs/redoc.html")),
        name="redoc",
    ),
    path(
        "docs/try/", _docs(SpectacularSwaggerSplitView.as_view(url_name="schema")), name="swagger"
    ),
    path("", include("orders.urls")),
]
handler404 = "oms_site.api.fallbacks.not_found"
handler500 = "oms_site.api.fallbacks.server_error"
