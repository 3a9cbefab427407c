"""The least that Django REST framework needs, in the baseline's favor."""

from __future__ import annotations

import os

from oms_site import env

SECRET_KEY = os.environ["OMS_SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework.authtoken",
    "benchmarks.drf_viewset",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "benchmarks.drf_viewset.urls"
# A pool, as the product has: plain persistent connections do not work under ASGI.
DATABASES = {
    "default": {
        **env.database("DATABASE_URL", ""),
        "OPTIONS": {"pool": {"min_size": 0, "max_size": 16, "timeout": 10}},
    }
}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
