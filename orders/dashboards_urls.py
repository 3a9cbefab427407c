"""Addresses of the desk's pages and of logging in and out; included at the root."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.generic import RedirectView

from orders import (
    allocation_page,
    dashboards,
    holdings_page,
    kill_page,
    market_page,
    ops,
    rfq_page,
)
from orders.review_desk import pages as review_pages

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="desk"), name="home"),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("desk/", dashboards.desk, name="desk"),
    path("review/", review_pages.desk, name="review"),
    path("review/overrides.csv", review_pages.report, name="review-overrides"),
    path("review/reported/", review_pages.trades, name="review-reported"),
    path("review/exceptions/", review_pages.asked, name="review-exceptions"),
    path("review/watched/", review_pages.watched, name="review-watched"),
    path("review/<str:review_id>/", review_pages.one, name="review-one"),
    path("kill/", kill_page.page, name="kill"),
    path("ops/", ops.board, name="ops"),
    path("ops/papers/<str:name>.<str:kind>", ops.document, name="ops-paper"),
    path("allocations/", allocation_page.page, name="allocations"),
    path("ops/allocations/<str:allocation_id>/", ops.allocation, name="ops-allocation"),
    path("market/", market_page.page, name="market"),
    path("desk/lists/<str:list_id>/", rfq_page.page, name="desk-rfq-list"),
    path("desk/find/", dashboards.find, name="desk-find"),
    path("desk/reference.json", dashboards.reference, name="desk-reference"),
    path("holdings/", holdings_page.page, name="holdings"),
    path(
        "holdings/<str:account>/statement.<str:kind>",
        holdings_page.document,
        name="holdings-document",
    ),
    path(
        "holdings/confirm/<str:movement_id>.<str:kind>",
        holdings_page.trade_confirm,
        name="holdings-confirm",
    ),
    path("desk/orders/<str:order_id>/", dashboards.order, name="desk-order"),
]
