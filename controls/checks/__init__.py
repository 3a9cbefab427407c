"""The rule classes: pure functions of a ticket and parameters, and what each is called.

A new rule is a function in a room of its own and an entry here; the documentation and the library
read this table. Checks never touch the database, the clock or each other.
"""

from __future__ import annotations

from controls.checks import (
    account,
    crossing,
    duplicates,
    entitlement,
    expression,
    halt,
    increments,
    instrument,
    limits,
    mandate,
    money,
    papers,
    price,
    reducing,
    session,
    size,
    universe,
    windows,
)
from controls.checks.table import (
    AND_AFTER,
    BEFORE_WIRE,
    ENTRY,
    EVERYWHERE,
    MARKET,
    RULES,
    Rule,
    add,
)
from controls.parameters import Params

__all__ = ["ENTRY", "EVERYWHERE", "RULES", "Rule"]

add(
    "price.collar",
    price.collar,
    price.CollarParams,
    control_type="order",
    code="price_outside_collar",
    sentence="The limit price is within max_percent of a reference at most max_age_s seconds old.",
)
add(
    "size.max_quantity",
    size.max_quantity,
    size.QuantityParams,
    control_type="order",
    code="quantity_over_limit",
    needs=size.needs,
    stages=BEFORE_WIRE,
    sentence="The quantity (par for bonds, shares for equities) is at most max_qty.",
)
add(
    "size.max_notional",
    size.max_notional,
    size.NotionalParams,
    control_type="exposure",
    code="notional_over_limit",
    needs=size.needs,
    stages=BEFORE_WIRE,
    sentence="The value at the limit price, or a market order's at the reference price, is at most"
    " max_notional.",
)
add(
    "universe.restricted",
    universe.restricted,
    universe.RestrictedParams,
    control_type="universe",
    code="instrument_restricted",
    sentence="The instrument is on none of the organization's restricted lists, or of those named.",
)
add(
    "universe.watched",
    universe.watched,
    Params,
    control_type="universe",
    code="instrument_watched",
    stages=ENTRY,
    sentence="Always passes; compliance is told when a watch list names the instrument, its issuer"
    " or an account.",
)
add(
    "entitlement.trader",
    entitlement.trader,
    entitlement.TraderParams,
    control_type="universe",
    code="not_entitled",
    sentence="The trader may submit orders, for these accounts and for this asset class.",
)
add(
    "duplicates.economic",
    duplicates.economic,
    duplicates.EconomicParams,
    control_type="order",
    code="possible_duplicate",
    stages=ENTRY,
    sentence="No economically equal order was entered within window_s seconds.",
)
add(
    "session.hours",
    session.hours,
    Params,
    control_type="order",
    code="market_closed",
    sentence="The session the order asks for is open, or opens later the same day.",
)
add(
    "halt.standing",
    halt.standing,
    Params,
    control_type="universe",
    code="kill_switch",
    sentence="No kill switch and no halt stands over the order.",
)
add(
    "order.reduce_only",
    reducing.only,
    Params,
    control_type="order",
    code="reduce_only_would_increase",
    sentence="An order marked reduce-only lessens a position, open orders counted.",
    stages=BEFORE_WIRE,
)
add(
    "account.status",
    account.status,
    Params,
    control_type="universe",
    code="account_not_active",
    sentence="Every account of the order is active.",
)
add(
    "instrument.status",
    instrument.status,
    Params,
    control_type="universe",
    code="instrument_not_active",
    sentence="The instrument is active: neither halted, matured, called nor redeemed.",
)
add(
    "price.pmp",
    price.prevailing,
    price.MarketParams,
    control_type="order",
    code="outside_prevailing_market",
    sentence="The limit of an execution order is at most max_percent through the "
    "prevailing market price.",
    stages=MARKET,
)
add(
    "window.count",
    windows.count,
    windows.CountParams,
    control_type="exposure",
    code="too_many_orders",
    sentence="At most max_count orders come in window_s seconds, or in the day, in the scope.",
    needs=windows.count_needs,
    stages=ENTRY,
)
add(
    "window.notional",
    windows.notional,
    windows.NotionalParams,
    control_type="exposure",
    code="window_notional_over_limit",
    sentence="Orders of the window, or of the day, come to at most max_notional in the scope.",
    needs=windows.notional_needs,
    stages=ENTRY,
)
add(
    "exposure.gross",
    limits.gross,
    limits.GrossParams,
    control_type="exposure",
    code="gross_exposure_over_limit",
    sentence="Positions, open orders and this one come to at most max_gross, long and short added.",
    needs=limits.gross_needs,
    stages=AND_AFTER,
)
add(
    "exposure.net",
    limits.net,
    limits.NetParams,
    control_type="exposure",
    code="net_exposure_over_limit",
    sentence="Positions and the open orders of one side come to at most max_net.",
    needs=limits.net_needs,
    stages=AND_AFTER,
)
add(
    "position.limit",
    limits.position,
    limits.PositionParams,
    control_type="exposure",
    code="position_over_limit",
    sentence="The position in the security, were all open orders of a side filled, "
    "is at most max_qty.",
    needs=limits.position_needs,
    stages=AND_AFTER,
)
add(
    "concentration.limit",
    money.concentration,
    money.ConcentrationParams,
    control_type="exposure",
    code="concentration_over_limit",
    sentence="After a buy at most max_percent of the assets are in one issuer, "
    "sector, country or group.",
    needs=money.concentration_needs,
    stages=AND_AFTER,
)
add(
    "cash.buying_power",
    money.buying_power,
    money.CashParams,
    control_type="exposure",
    code="insufficient_buying_power",
    sentence="The traded cash covers every open buy and this one.",
    needs=money.cash_needs,
    stages=BEFORE_WIRE,
)
add(
    "credit.limit",
    limits.credit,
    limits.CreditParams,
    control_type="exposure",
    code="credit_over_limit",
    sentence="Executed today, open and this order come to at most max_credit.",
    needs=limits.credit_needs,
    stages=BEFORE_WIRE,
)
add(
    "margin.reg_t",
    money.margin,
    money.MarginParams,
    control_type="exposure",
    code="reg_t",
    sentence="The initial margin by asset class of everything held and open is "
    "covered by the equity.",
    needs=money.margin_needs,
    stages=BEFORE_WIRE,
)
add(
    "loss.limit",
    limits.loss,
    limits.LossParams,
    control_type="exposure",
    code="loss_limit",
    sentence="At most max_loss is lost today; beyond it only reducing orders pass.",
    needs=limits.loss_needs,
    stages=BEFORE_WIRE,
)
add(
    "universe.eligible",
    universe.eligible,
    universe.EligibleParams,
    control_type="universe",
    code="not_in_universe",
    sentence="The instrument is in the universe of the accounts' risk groups.",
)
add(
    "entitlement.instrument",
    universe.entitled,
    universe.InstrumentParams,
    control_type="universe",
    code="instrument_not_entitled",
    sentence="The trader holds the entitlement that such instruments take.",
    stages=BEFORE_WIRE,
)
add(
    "mandate.guideline",
    mandate.guideline,
    mandate.GuidelineParams,
    control_type="universe",
    code="outside_mandate",
    sentence="What is bought fits the mandate of every account.",
    stages=BEFORE_WIRE,
)
add(
    "cross.self",
    crossing.self_cross,
    crossing.CrossParams,
    control_type="order",
    code="self_cross",
    sentence="No open order of the same hands on the other side would trade with it.",
    needs=crossing.cross_needs,
    stages=BEFORE_WIRE,
)
add(
    "wash.sale",
    crossing.wash_sale,
    crossing.WashParams,
    control_type="order",
    code="wash_sale",
    sentence="No buy follows a sale of the same security at a loss within days.",
    needs=crossing.wash_needs,
    stages=ENTRY,
)
add(
    "short.locate",
    crossing.short_locate,
    crossing.LocateParams,
    control_type="order",
    code="locate_required",
    sentence="A sell of more than is held, or one marked short, carries a locate.",
    needs=crossing.locate_needs,
    stages=BEFORE_WIRE,
)
add(
    "rate.messages",
    windows.messages,
    windows.MessageParams,
    control_type="order",
    code="rate_limit_exceeded",
    sentence="At most max_messages orders and cancels come in window_s seconds.",
    needs=windows.messages_needs,
    stages=ENTRY,
)
add(
    "rate.order_to_trade",
    windows.ratio,
    windows.RatioParams,
    control_type="order",
    code="order_to_trade_ratio",
    sentence="At most max_ratio orders and cancels come for one execution of the day.",
    needs=windows.ratio_needs,
    stages=ENTRY,
)
add(
    "increments.lot",
    increments.lot,
    increments.LotParams,
    control_type="order",
    code="off_increment",
    sentence="Quantity and price fit the security's denomination, increment, lot and tick.",
    stages=BEFORE_WIRE,
)
add(
    "tags.required",
    papers.tags,
    papers.TagParams,
    control_type="order",
    code="tag_required",
    sentence="The order carries the tags that its asset class takes.",
    stages=ENTRY,
)
add(
    "attestation.required",
    papers.attestation,
    papers.AttestationParams,
    control_type="attestation",
    code="attestation_required",
    sentence="The trader has made the statements asked for.",
    stages=ENTRY,
)
add(
    "expression.cel",
    expression.cel_rule,
    expression.CelParams,
    control_type="order",
    code="expression_failed",
    sentence="A CEL expression over the order is true.",
)
