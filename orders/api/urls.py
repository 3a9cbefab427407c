"""The addresses of the guide, and what we add beside them."""

from __future__ import annotations

from django.urls import path
from rest_framework.views import APIView

from orders.api import (
    allocations,
    amendments,
    breaks,
    clearing,
    controls,
    external_orders,
    feeds,
    flattens,
    give_ups,
    halts,
    held_reports,
    holdings,
    market,
    mass_cancels,
    ops,
    order_groups,
    order_lists,
    orders,
    records,
    reviews,
    rfq_lists,
    rfqs,
    schedules,
    settlements,
    treasury,
    updates,
)
from orders.api import execution_orders as eo

_order = "trading/order/<str:order_id>/"
_below = f"{_order}execution-order/"
_market = "trading/market/<str:instrument_id>/"


def _create(name: str, protocol: str, strategy: str) -> object:
    view = eo.ExecutionOrderCreate.as_view(protocol=protocol, strategy=strategy)
    return path(f"{_below}{name}/", view, name=f"execution-order-{name.replace('/', '-')}")


def _decided(
    base: str,
    view: type[APIView],
    name: str,
    *,
    yes: str = "approve",
    no: str = "reject",
    flag: str = "approve",
) -> list[object]:
    """The two answers of whoever decides, each an address of its own."""
    return [
        path(f"{base}{word}/", view.as_view(**{flag: agreed}), name=f"{name}-{word}")
        for word, agreed in ((yes, True), (no, False))
    ]


urlpatterns = [
    path("trading/order-list/", order_lists.OrderListList.as_view(), name="order-list-list"),
    path(
        "trading/order-list/<str:order_list_id>/",
        order_lists.OrderListDetail.as_view(),
        name="order-list-detail",
    ),
    path("trading/order/", orders.OrderList.as_view(), name="order-list"),
    path("trading/order/bulk/", orders.OrderBulk.as_view(), name="order-bulk"),
    path(_order, orders.OrderDetail.as_view(), name="order-detail"),
    *_decided(_order, orders.OrderDecision, "order"),
    path(f"{_order}amend/", amendments.OrderAmend.as_view(), name="order-amend"),
    path(f"{_order}execution/", eo.ExecutionList.as_view(), name="execution-list"),
    _create("lob/sor", "limit_order_book", "smart_order_routing"),
    _create("lob/manual", "limit_order_book", "manual"),
    path(f"{_below}rfq/manual/", rfqs.RfqManualCreate.as_view(), name="execution-order-rfq-manual"),
    path(f"{_below}rfq/autoex/", rfqs.RfqAutoExCreate.as_view(), name="execution-order-rfq-autoex"),
    _create("external", "external", "external"),
    path(
        f"{_below}custodian/manual/",
        eo.CustodianManualCreate.as_view(),
        name="execution-order-custodian-manual",
    ),
    path(
        f"{_below}<str:execution_order_id>/",
        eo.ExecutionOrderDetail.as_view(),
        name="execution-order-detail",
    ),
    path(
        "trading/external-trade-report/",
        held_reports.HeldReportList.as_view(),
        name="held-report-list",
    ),
    *_decided(
        "trading/external-trade-report/<str:report_id>/",
        held_reports.HeldReportDecision,
        "held-report",
    ),
    path(
        f"{_below}<str:execution_order_id>/external/trade-report/",
        eo.TradeReportCreate.as_view(),
        name="trade-report",
    ),
    path(
        "trading/allocation/<str:allocation_id>/",
        records.AllocationDetail.as_view(),
        name="allocation-detail",
    ),
    path(
        "trading/allocation/<str:allocation_id>/release/",
        allocations.AllocationRelease.as_view(),
        name="allocation-release",
    ),
    path(f"{_order}schedule/", schedules.ScheduleList.as_view(), name="schedule-list"),
    path(f"{_order}schedule/pause/", schedules.SchedulePause.as_view(), name="schedule-pause"),
    path(f"{_order}schedule/resume/", schedules.ScheduleResume.as_view(), name="schedule-resume"),
    path(f"{_order}schedule/cancel/", schedules.ScheduleCancel.as_view(), name="schedule-cancel"),
    path(f"{_order}override/", controls.OrderOverride.as_view(), name="order-override"),
    path(f"{_order}allocate/", allocations.OrderAllocate.as_view(), name="order-allocate"),
    path("trading/allocation-entry/", allocations.EntryList.as_view(), name="entry-list"),
    *_decided("trading/allocation-entry/<str:entry_id>/", allocations.EntryDecision, "entry"),
    path(
        "custodian/<str:custodian_id>/booking-configuration/",
        allocations.BookingConfigurationDetail.as_view(),
        name="booking-configuration",
    ),
    path("trading/allocation-template/", allocations.TemplateList.as_view(), name="template-list"),
    path(
        "trading/allocation-template/<str:name>/",
        allocations.TemplateDetail.as_view(),
        name="template-detail",
    ),
    path(
        "trading/allocation-template/<str:name>/preview/",
        allocations.TemplatePreview.as_view(),
        name="template-preview",
    ),
    path(f"{_order}routing/", market.OrderRouting.as_view(), name="order-routing"),
    path(_market, market.Market.as_view(), name="market-detail"),
    path(f"{_market}book/", market.MarketBook.as_view(), name="market-book"),
    path(f"{_market}trade/", market.MarketTrade.as_view(), name="market-trade"),
    path(f"{_market}tape/", market.MarketTape.as_view(), name="market-tape"),
    path(f"{_market}estimate/", market.MarketEstimate.as_view(), name="market-estimate"),
    path("trading/rfq/", rfqs.RfqList.as_view(), name="rfq-list"),
    path("trading/rfq/<str:rfq_id>/", rfqs.RfqDetail.as_view(), name="rfq-detail"),
    path("trading/rfq/<str:rfq_id>/event/", rfqs.RfqEvents.as_view(), name="rfq-events"),
    path(
        "trading/rfq/<str:rfq_id>/quote/<str:quote_id>/counter/",
        rfqs.QuoteCounter.as_view(),
        name="quote-counter",
    ),
    path("trading/quote/<str:quote_id>/", rfqs.QuoteDetail.as_view(), name="quote-detail"),
    path("trading/rfq/<str:rfq_id>/decision/", rfqs.RfqDecisions.as_view(), name="rfq-decisions"),
    path("trading/list-rfq/", rfq_lists.ListRfq.as_view(), name="list-rfq"),
    path("trading/list-rfq/batch/", rfq_lists.ListRfqBatch.as_view(), name="list-rfq-batch"),
    path("trading/list-rfq/<str:list_id>/", rfq_lists.ListRfqDetail.as_view(), name="list-rfq-one"),
    path("trading/dealer/", rfqs.DealerList.as_view(), name="dealer-list"),
    path("control/volumes/", controls.Volumes.as_view(), name="control-volumes"),
    path("trading/event/", records.EventList.as_view(), name="event-list"),
    path("trading/review/", reviews.ReviewList.as_view(), name="review-list"),
    path("trading/review/decide/", reviews.ReviewBulk.as_view(), name="review-bulk"),
    path("trading/review/<str:review_id>/", reviews.ReviewDetail.as_view(), name="review-detail"),
    path(
        "trading/review/<str:review_id>/claim/",
        reviews.ReviewClaim.as_view(),
        name="review-claim",
    ),
    path(
        "trading/review/<str:review_id>/release/",
        reviews.ReviewClaim.as_view(give_back=True),
        name="review-release",
    ),
    path("position/", holdings.PositionList.as_view(), name="position-list"),
    path("balance/", holdings.BalanceList.as_view(), name="balance-list"),
    path("tax-lot/", holdings.TaxLotList.as_view(), name="tax-lot-list"),
    path("fx-rate/", treasury.FxRateList.as_view(), name="fx-rate-list"),
    path(
        "corporate-action/",
        treasury.CorporateActionList.as_view(),
        name="corporate-action-list",
    ),
    *_decided(
        "corporate-action/<str:action_id>/",
        treasury.CorporateActionDecision,
        "corporate-action",
        yes="apply",
        no="withdraw",
        flag="apply_it",
    ),
    path(
        "surveillance/allocation/",
        treasury.AllocationSurveillance.as_view(),
        name="allocation-surveillance",
    ),
    path("margin/", treasury.MarginList.as_view(), name="margin-list"),
    path("account/<str:account_id>/value/", treasury.AccountValue.as_view(), name="account-value"),
    path("transaction/", holdings.TransactionList.as_view(), name="transaction-list"),
    path("update/<str:update_id>/", updates.UpdateDetail.as_view(), name="update-detail"),
    *_decided("transaction/<str:transaction_id>/", holdings.TransactionDecision, "transaction"),
    path("ops/booking/retry/", ops.RetryBookings.as_view(), name="ops-retry"),
    path("ops/repair/", ops.RepairCreate.as_view(), name="ops-repair"),
    path("ops/repair/<str:repair_id>/decide/", ops.RepairDecide.as_view(), name="ops-decide"),
    path("ops/give-up/", give_ups.GiveUpList.as_view(), name="ops-give-ups"),
    path(
        "ops/give-up/<str:give_up_id>/decide/",
        give_ups.GiveUpDecide.as_view(),
        name="ops-give-up-decide",
    ),
    path("ops/break/", breaks.BreakList.as_view(), name="ops-breaks"),
    path("ops/break/<str:break_id>/<str:step>/", breaks.BreakStep.as_view(), name="ops-break"),
    path("ops/recovery/", breaks.RecoveryList.as_view(), name="ops-recoveries"),
    path(
        "ops/recovery/<str:recovery_id>/<str:step>/",
        breaks.RecoveryStep.as_view(),
        name="ops-recovery-step",
    ),
    path("ops/reconciliation/", ops.ReconciliationRun.as_view(), name="ops-reconciliation"),
    path("ops/confirm/", settlements.ConfirmList.as_view(), name="ops-confirms"),
    path("ops/confirm/file/", settlements.ConfirmFile.as_view(), name="ops-confirm-file"),
    path("ops/trade/file/", settlements.TradeFile.as_view(), name="ops-trade-file"),
    path("ops/confirm/<str:confirm_id>/", settlements.ConfirmDetail.as_view(), name="ops-confirm"),
    path(
        "ops/confirm/<str:confirm_id>/<str:step>/",
        settlements.ConfirmStep.as_view(),
        name="ops-confirm-step",
    ),
    path("ops/clearing/", clearing.ClearingList.as_view(), name="ops-clearing"),
    path("ops/clearing/resend/", clearing.ClearingResend.as_view(), name="ops-clearing-resend"),
    path(
        "ops/external-order/",
        external_orders.ExternalOrderList.as_view(),
        name="ops-external-orders",
    ),
    path(
        "ops/external-order/<str:external_id>/<str:step>/",
        external_orders.ExternalOrderStep.as_view(),
        name="ops-external-order-step",
    ),
    path("ops/feed/", feeds.FeedList.as_view(), name="ops-feeds"),
    path("ops/feed/delivery/", feeds.FeedDeliveryList.as_view(), name="ops-feed-deliveries"),
    path(
        "ops/feed/<str:endpoint_id>/redeliver/",
        feeds.FeedRedeliver.as_view(),
        name="ops-feed-redeliver",
    ),
    path("ops/feed/<str:endpoint_id>/<str:step>/", feeds.FeedStep.as_view(), name="ops-feed-step"),
    path("ops/settlement/", settlements.SettlementList.as_view(), name="ops-settlements"),
    path("ops/settlement/resend/", settlements.Resend.as_view(), name="ops-settlement-resend"),
    path(
        "ops/settlement/<str:instruction_id>/",
        settlements.SettlementDetail.as_view(),
        name="ops-settlement",
    ),
    path("trading/mass-cancel/", mass_cancels.MassCancelList.as_view(), name="mass-cancel-list"),
    path(
        "trading/mass-cancel/preview/",
        mass_cancels.MassCancelPreview.as_view(),
        name="mass-cancel-preview",
    ),
    path(
        "trading/mass-cancel/<str:mass_cancel_id>/",
        mass_cancels.MassCancelDetail.as_view(),
        name="mass-cancel-detail",
    ),
    path("trading/order-group/", order_groups.OrderGroupList.as_view(), name="order-group-list"),
    path(
        "trading/order-group/<str:order_group_id>/",
        order_groups.OrderGroupDetail.as_view(),
        name="order-group-detail",
    ),
    path(
        "trading/order-group/<str:order_group_id>/reset/",
        order_groups.OrderGroupReset.as_view(),
        name="order-group-reset",
    ),
    path("kill-switch/", halts.KillSwitchList.as_view(), name="kill-switch-list"),
    path("kill-switch/preview/", halts.KillSwitchPreview.as_view(), name="kill-switch-preview"),
    path("kill-switch/<str:halt_id>/", halts.KillSwitchDetail.as_view(), name="kill-switch-detail"),
    path(
        "kill-switch/<str:halt_id>/flatten/",
        flattens.FlattenList.as_view(),
        name="flatten-list",
    ),
    path("flatten/<str:flatten_id>/", flattens.FlattenDetail.as_view(), name="flatten-detail"),
    path(
        "flatten/<str:flatten_id>/approve/",
        flattens.FlattenApprove.as_view(),
        name="flatten-approve",
    ),
    path(
        "flatten/<str:flatten_id>/refuse/",
        flattens.FlattenRefuse.as_view(),
        name="flatten-refuse",
    ),
    path("security-status/", halts.SecurityStatus.as_view(), name="security-status"),
    path(
        "kill-switch/<str:halt_id>/request-release/",
        halts.KillSwitchRequestRelease.as_view(),
        name="kill-switch-request-release",
    ),
    path(
        "kill-switch/<str:halt_id>/release/",
        halts.KillSwitchRelease.as_view(),
        name="kill-switch-release",
    ),
    path("account/", records.AccountList.as_view(), name="account-list"),
    path("metadata/request-status/", records.RequestStatus.as_view(), name="request-status"),
]
