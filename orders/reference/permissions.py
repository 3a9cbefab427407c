"""Who may use which endpoint: the table, and the page written from it.

`tests/integration/firm/test_permissions.py` asks every endpoint as every role and compares; an
endpoint without a line here fails it. Which role has which entitlement is `oms_site.firm.roles`.
"""

from __future__ import annotations

from typing import TypeAlias

from oms_site.firm.roles import ENTITLEMENTS, Role
from orders.reference import endpoints, tables

Needs: TypeAlias = tuple[str, ...] | None
PUBLIC: Needs = None  # nobody has to say who he is
ANYBODY: Needs = ()  # whoever is known here

_VIEW = ("order.view",)
_CONTROLS = ("control.manage", "config.manage")
_SEE_CONTROLS = ("order.view", "audit.view", *_CONTROLS)
_SEE_LISTS = ("audit.view", *_CONTROLS)
_POLICY = ("policy.manage",)
_SEE_POLICY = ("order.view", "audit.view", *_POLICY)
_ROLES = ("access.manage", "access.approve")

# Any one of the entitlements is enough.
RIGHTS: dict[str, Needs] = {
    # orders
    "GET order-list": _VIEW,
    "POST order-list": ("order.submit",),
    "POST order-bulk": ("order.submit",),
    "GET order-detail": _VIEW,
    "DELETE order-detail": ("order.cancel",),
    "PATCH order-detail": ("order.submit",),
    "POST order-amend": ("order.submit",),
    "POST order-approve": ("order.release",),
    "POST order-reject": ("order.release",),
    "GET execution-list": _VIEW,
    "POST execution-order-lob-sor": ("order.route",),
    "POST execution-order-lob-manual": ("order.route",),
    "POST execution-order-rfq-manual": ("order.route",),
    "POST execution-order-rfq-autoex": ("order.route",),
    "POST execution-order-external": ("order.route",),
    "POST execution-order-custodian-manual": ("order.route",),
    "GET execution-order-detail": _VIEW,
    "DELETE execution-order-detail": ("order.cancel",),
    "POST trade-report": ("trade.report",),
    "GET held-report-list": _VIEW,
    "POST held-report-approve": ("order.release",),
    "POST held-report-reject": ("order.release",),
    "GET schedule-list": _VIEW,
    "POST schedule-list": ("order.route",),
    "POST schedule-pause": ("order.cancel",),
    "POST schedule-resume": ("order.route",),
    "POST schedule-cancel": ("order.cancel",),
    "GET request-status": ANYBODY,
    "GET event-list": ("events.view",),
    "GET account-list": _VIEW,
    # inquiries
    "GET dealer-list": _VIEW,
    "GET rfq-list": _VIEW,
    "POST rfq-list": ("order.route",),
    "GET rfq-detail": _VIEW,
    "DELETE rfq-detail": ("order.cancel",),
    "GET rfq-events": ("events.view",),
    "GET rfq-decisions": _VIEW,
    "GET list-rfq-one": _VIEW,
    "POST list-rfq": ("order.route",),
    "POST list-rfq-batch": ("order.route",),
    "GET quote-detail": _VIEW,
    "POST quote-counter": ("order.route",),
    # reviews
    "GET review-list": _VIEW,
    "GET review-detail": _VIEW,
    "POST review-claim": ("order.release",),
    "POST review-release": ("order.release",),
    "POST review-bulk": ("order.release",),
    # allocations and holdings
    "GET allocation-detail": _VIEW,
    "DELETE allocation-detail": ("allocation.cancel",),
    "GET position-list": _VIEW,
    "GET balance-list": _VIEW,
    "GET tax-lot-list": _VIEW,
    "POST tax-lot-list": ("transaction.submit",),
    "GET transaction-list": _VIEW,
    "GET update-detail": _VIEW,
    "POST transaction-list": ("transaction.submit",),
    "POST transaction-approve": ("transaction.check",),
    "POST transaction-reject": ("transaction.check",),
    # operations
    "POST ops-retry": ("booking.repair",),
    "POST ops-repair": ("booking.repair",),
    "POST ops-decide": ("repair.approve",),
    "GET ops-give-ups": ("ops.view",),
    "POST ops-give-ups": ("booking.repair",),
    "POST ops-give-up-decide": ("repair.approve",),
    "GET ops-breaks": ("ops.view",),
    "POST ops-break": ("break.resolve",),
    "GET ops-recoveries": ("ops.view",),
    "POST ops-recovery-step": ("break.resolve",),
    "POST ops-reconciliation": ("break.resolve",),
    # controls, lists, kill switch
    "GET control-list": _SEE_CONTROLS,
    "POST control-list": _CONTROLS,
    "GET control-detail": _SEE_CONTROLS,
    "DELETE control-detail": _CONTROLS,
    "GET control-versions": _SEE_CONTROLS,
    "POST control-versions": _CONTROLS,
    "GET control-diff": _SEE_CONTROLS,
    "GET control-history": _SEE_CONTROLS,
    "POST control-simulate": _CONTROLS,
    "POST control-submit": _CONTROLS,
    "POST control-approve": _CONTROLS,
    "POST control-reject": _CONTROLS,
    "POST control-suspend": _CONTROLS,
    "POST control-resume": _CONTROLS,
    "POST control-retire": _CONTROLS,
    "POST control-discard": _CONTROLS,
    "GET control-volumes": _VIEW,
    "GET control-list-list": _SEE_LISTS,
    "POST control-list-list": _CONTROLS,
    "GET control-list-versions": _SEE_LISTS,
    "POST control-list-approve": _CONTROLS,
    "POST control-list-reject": _CONTROLS,
    "GET override-list": _VIEW,
    "POST order-override": ("order.submit", "order.release"),
    "POST override-grant": ("order.release",),
    "POST override-refuse": ("order.release",),
    "GET watch-hits": _SEE_LISTS,
    "GET mandate-list": _SEE_LISTS,
    "POST mandate-list": _CONTROLS,
    "POST mandate-approve": _CONTROLS,
    "POST mandate-reject": _CONTROLS,
    "GET kill-switch-list": _VIEW,
    "POST kill-switch-list": ("halt.engage",),
    "GET kill-switch-preview": _VIEW,
    "POST kill-switch-request-release": ("halt.release",),
    "POST kill-switch-release": ("halt.release",),
    "GET flatten-list": _VIEW,
    "POST flatten-list": ("order.submit",),
    "GET flatten-detail": _VIEW,
    "POST flatten-approve": ("halt.release",),
    "POST flatten-refuse": ("order.submit", "halt.release"),
    # policies and roles
    "GET policy": _SEE_POLICY,
    "GET policy-versions": _SEE_POLICY,
    "POST policy-versions": _POLICY,
    "GET policy-version": _SEE_POLICY,
    "POST policy-approve": _POLICY,
    "POST policy-reject": _POLICY,
    "GET role-changes": (*_ROLES, "audit.view"),
    "POST role-changes": ("access.manage",),
    "POST role-change-approve": ("access.approve",),
    "POST role-change-reject": _ROLES,
    # the document of the API
    "GET schema": PUBLIC,
    # allocations after the trade, settlement, markets, mass cancels
    "GET account-value": _VIEW,
    "PUT booking-configuration": ("config.manage",),
    "GET allocation-surveillance": ("audit.view",),
    "GET corporate-action-list": _VIEW,
    "POST corporate-action-list": ("transaction.submit",),
    "POST corporate-action-apply": ("transaction.check",),
    "POST corporate-action-withdraw": ("transaction.check",),
    "GET fx-rate-list": _VIEW,
    "POST fx-rate-list": ("rate.set",),
    "GET kill-switch-detail": _VIEW,
    "GET margin-list": _VIEW,
    "GET ops-confirms": ("ops.view",),
    "GET ops-confirm": ("ops.view",),
    "POST ops-confirm-step": ("break.resolve",),
    "GET ops-confirm-file": ("ops.view",),
    "GET ops-trade-file": ("ops.view",),
    "GET ops-clearing": ("ops.view",),
    "POST ops-clearing-resend": ("booking.repair",),
    "GET ops-external-orders": ("ops.view",),
    "POST ops-external-order-step": ("break.resolve",),
    "GET ops-feeds": ("ops.view",),
    "POST ops-feeds": ("config.manage",),
    "GET ops-feed-deliveries": ("ops.view",),
    "POST ops-feed-redeliver": ("booking.repair",),
    "POST ops-feed-step": ("config.manage",),
    "GET ops-settlements": ("ops.view",),
    "GET ops-settlement": ("ops.view",),
    "POST ops-settlement-resend": ("booking.repair",),
    "POST security-status": ("halt.engage",),
    "GET entry-list": _VIEW,
    "POST entry-approve": ("allocation.approve",),
    "POST entry-reject": ("allocation.approve",),
    "GET template-list": _VIEW,
    "PUT template-detail": ("allocation.enter",),
    "DELETE template-detail": ("allocation.enter",),
    "POST template-preview": _VIEW,
    "POST allocation-release": ("booking.repair",),
    "POST order-allocate": ("allocation.enter",),
    "GET order-routing": _VIEW,
    "GET market-detail": _VIEW,
    "GET market-book": _VIEW,
    "GET market-estimate": _VIEW,
    "GET market-trade": _VIEW,
    "GET market-tape": _VIEW,
    "GET order-list-list": _VIEW,
    "POST order-list-list": ("order.submit",),
    "GET order-list-detail": _VIEW,
    "DELETE order-list-detail": ("order.cancel",),
    "GET mass-cancel-list": _VIEW,
    "POST mass-cancel-list": ("order.cancel",),
    "GET mass-cancel-detail": _VIEW,
    "POST mass-cancel-preview": _VIEW,
    "GET order-group-list": _VIEW,
    "POST order-group-list": ("order.submit",),
    "GET order-group-detail": _VIEW,
    "POST order-group-reset": ("order.submit",),
    # pages
    "GET allocations": _VIEW,
    "GET market": _VIEW,
    "GET home": PUBLIC,
    "GET login": PUBLIC,
    "GET logout": PUBLIC,
    "GET redoc": PUBLIC,
    "GET swagger": PUBLIC,
    "GET healthz": PUBLIC,
    "GET desk": _VIEW,
    "GET desk-find": _VIEW,
    "GET desk-order": _VIEW,
    "GET desk-rfq-list": _VIEW,
    "GET desk-reference": _VIEW,
    "GET holdings": _VIEW,
    "GET holdings-document": _VIEW,
    "GET holdings-confirm": _VIEW,
    "GET kill": _VIEW,
    "GET controls": _SEE_CONTROLS,
    "GET controls-one": _SEE_CONTROLS,
    "GET ops": ("ops.view",),
    "GET ops-paper": ("ops.view",),
    "GET ops-allocation": ("ops.view",),
    "GET review": ("order.release", "audit.view"),
    "GET review-one": ("order.release", "audit.view"),
    "GET review-reported": ("order.release", "audit.view"),
    "GET review-exceptions": ("order.release", "audit.view"),
    "GET review-watched": ("order.release", "audit.view"),
    "GET review-overrides": ("order.release", "audit.view"),
}
_TEXT = (
    "Roles give entitlements, code asks for entitlements. A caller without one is refused with 403"
    " `not_entitled`; an unknown caller with 401 (pages: sent to the log-in); a row of another"
    " organization is not there: 404. Where one person may not both ask and decide, the second"
    " step is refused with `self_approval` besides."
)
_FURTHER = (
    "`pmp.suppress` lets an execution order skip the check against the prevailing market price;"
    " `price.layers` shows quotes as the street and the introducing broker see them;"
    " `events.history` reads events older than the policy's window; the stream needs"
    " `events.view`. The back office (`/admin/`) shows rows of one's own organization to holders of"
    " `order.view` (people and keys: `audit.view`; lists, screenings and events, where watch lists"
    " are named: `control.manage`, `config.manage` or `audit.view`), and is changed by holders of"
    " `config.manage`"
    " (controls and lists: `control.manage`, policies: `policy.manage`, roles: `access.manage`)."
)


def may(role: Role, needs: Needs) -> bool:
    """Whether a role alone is enough."""
    return not needs or not ENTITLEMENTS[role].isdisjoint(needs)


def page() -> str:
    """The whole page: entitlements by role, then endpoints by role."""
    every = sorted(frozenset().union(*ENTITLEMENTS.values()))
    held = [[f"`{name}`", *(_mark(name in ENTITLEMENTS[role]) for role in Role)] for name in every]
    return tables.page(
        "Permissions",
        _TEXT,
        "## Entitlements",
        tables.table(["entitlement", *(role.value for role in Role)], held),
        _FURTHER,
        "## API",
        _endpoints(api=True),
        "## Pages",
        _endpoints(api=False),
    )


def _endpoints(*, api: bool) -> str:
    rows = []
    for one in endpoints.all_of_them():
        if one.api == api and one.key in RIGHTS:
            needs = RIGHTS[one.key]
            rows.append(
                [
                    f"`{one.method} {one.path}`",
                    _words(needs),
                    *(_mark(may(role, needs)) for role in Role),
                ]
            )
    return tables.table(["endpoint", "needs", *(role.value for role in Role)], rows)


def _words(needs: Needs) -> str:
    if needs is None:
        return "nothing"
    return " or ".join(f"`{name}`" for name in needs) or "a known caller"


def _mark(yes: bool) -> str:
    return "✔" if yes else ""
