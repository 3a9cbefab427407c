"""Addresses of the desk's pages and of logging in and out; included at the root."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.generic import RedirectView

from orders import dashboards

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="desk"), name="home"),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("desk/", dashboards.desk, name="desk"),
    path("desk/find/", dashboards.find, name="desk-find"),
    path("desk/reference.json", dashboards.reference, name="desk-reference"),
    path("desk/orders/<str:order_id>/", dashboards.order, name="desk-order"),
]
