"""The sidebar: what there is, in four groups, as far as the caller may see it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# group -> (title, icon, app label, model name)
GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Trading ledgers",
        (
            ("Orders", "list_alt", "orders", "order"),
            ("Execution orders", "alt_route", "orders", "executionorder"),
            ("Venue orders", "send", "orders", "venueorder"),
            ("Executions", "check_circle", "orders", "execution"),
            ("Allocations", "call_split", "allocations", "allocation"),
            ("Account allocations", "account_tree", "allocations", "accountallocation"),
            ("Bookings", "book", "allocations", "bookingleg"),
            ("Entries after the trade", "edit_calendar", "allocations", "posttradeentry"),
            ("Repairs", "build", "allocations", "repair"),
            ("Give-ups", "outbound", "allocations", "giveup"),
            ("Dropped accounts", "person_remove", "allocations", "droppedaccount"),
            ("Positions", "inventory_2", "allocations", "position"),
            ("Tax lots", "receipt_long", "allocations", "taxlot"),
            ("Cash balances", "payments", "allocations", "cashbalance"),
            ("Movements", "swap_horiz", "allocations", "movement"),
            ("Transactions", "currency_exchange", "allocations", "transaction"),
            ("Corporate actions", "event_repeat", "allocations", "corporateaction"),
            ("Margin calls", "crisis_alert", "allocations", "margincall"),
            ("Screenings", "policy", "controls", "screening"),
            ("Reviews", "rate_review", "controls", "review"),
            ("Breaks", "report", "orders", "break"),
            ("Crosses inside", "sync_alt", "orders", "cross"),
            ("Money orders", "savings", "orders", "notionalpart"),
            ("Held trade reports", "pending_actions", "orders", "heldreport"),
            ("Reported trades", "fact_check", "orders", "reportedtrade"),
            ("Requests for quotes", "contact_support", "orders", "rfq"),
            ("Quotes", "request_quote", "orders", "quote"),
        ),
    ),
    (
        "Configuration",
        (
            ("Accounts", "account_balance_wallet", "allocations", "account"),
            ("Risk groups", "workspaces", "allocations", "riskgroup"),
            ("Introducing brokers", "handshake", "allocations", "introducingbroker"),
            ("Custodians", "account_balance", "allocations", "custodian"),
            ("Standing instructions", "place", "allocations", "standinginstruction"),
            ("Booking configurations", "tune", "allocations", "bookingconfiguration"),
            ("Release rules", "lock_open", "allocations", "releaserule"),
            ("Margin rates", "percent", "allocations", "marginrate"),
            ("Rates of currencies", "euro", "allocations", "fxrate"),
            ("Controls", "shield", "controls", "control"),
            ("Lists", "checklist", "controls", "controllist"),
            ("Mandates", "handshake", "controls", "mandate"),
            ("Circuit breakers", "electric_bolt", "controls", "breaker"),
            ("Routing rules", "rule", "orders", "ruleset"),
            ("Broker wheels", "donut_large", "orders", "brokerwheel"),
            ("Policies", "gavel", "firm", "policy"),
            ("Instruments", "description", "venues", "instrument"),
            ("Reference prices", "sell", "venues", "referenceprice"),
            ("Venues", "storefront", "venues", "venue"),
            ("Symbols of venues", "label", "venues", "venuesymbol"),
            ("Formats of venues", "data_object", "venues", "venueformat"),
            ("FIX sessions", "cable", "venues", "fixline"),
            ("Costs of venues", "paid", "venues", "venueprofile"),
            ("Dealers", "groups", "venues", "dealer"),
            ("Trading days", "calendar_month", "venues", "tradingdayrow"),
        ),
    ),
    (
        "People",
        (
            ("Organizations", "domain", "firm", "organization"),
            ("Role changes", "badge", "firm", "rolechange"),
            ("Users", "group", "firm", "user"),
            ("API keys", "key", "firm", "apikey"),
            ("Rate tiers", "speed", "throttling", "ratetier"),
            ("Rate grants", "assignment_ind", "throttling", "rategrant"),
            ("Rate restrictions", "front_hand", "throttling", "raterestriction"),
        ),
    ),
    (
        "Audit",
        (
            ("Events", "history", "journal", "event"),
            ("Edits in this back office", "edit_note", "admin", "logentry"),
            ("Idempotency keys", "fingerprint", "journal", "idempotencykey"),
            ("FIX messages", "receipt_long", "venues", "fixmessage"),
            ("FIX numbers", "pin", "venues", "fixnumbers"),
            ("Notices of venues", "campaign", "venues", "securitynotice"),
            ("Sent to venues", "upload", "venues", "outbound"),
            ("Heard from venues", "download", "venues", "inbound"),
            ("Certifications", "verified", "venues", "certification"),
            ("Routing decisions", "route", "venues", "routingdecision"),
            ("Allocations due", "hourglass_top", "orders", "allocationdue"),
            ("Reference data version", "update", "firm", "generation"),
            ("Sandbox clock", "schedule", "firm", "sandboxclock"),
        ),
    ),
)


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation; a group in which the caller may see nothing is absent."""
    pages = {
        (model._meta.app_label, model._meta.model_name): page
        for model, page in admin.site._registry.items()
    }
    shown: list[dict[str, Any]] = [
        {
            "items": [
                {"title": "Trading desk", "icon": "arrow_back", "link": "/desk/", "active": False}
            ]
        }
    ]
    for title, entries in GROUPS:
        items = [
            _item(title_of, icon, app, model, request)
            for title_of, icon, app, model in entries
            if pages[app, model].has_view_permission(request)
        ]
        if items:
            shown.append({"title": title, "separator": True, "collapsible": True, "items": items})
    return shown


def _item(title: str, icon: str, app: str, model: str, request: HttpRequest) -> dict[str, Any]:
    link = reverse(f"admin:{app}_{model}_changelist")
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "active": request.path.startswith(link),
    }
