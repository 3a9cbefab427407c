"""What to do about an order that a control has flagged or rejected, by the control's code.

Read by the page of controls; a test keeps it complete.
"""

from __future__ import annotations

WHAT_TO_DO: dict[str, str] = {
    "account_not_active": "Name another account, or have operations open this one again.",
    "attestation_required": "Send the attestation with the order, as the message names it.",
    "concentration_over_limit": "Send a smaller order, or another issuer or sector.",
    "control_unavailable": "Ask compliance: what the control looks at is missing or too old. "
    "The same order passes once it is there.",
    "credit_over_limit": "Wait until open orders fill or are canceled, or ask for more credit.",
    "expression_failed": "The message says what the firm asks for; change the order accordingly.",
    "gross_exposure_over_limit": "Cancel what is open or send a smaller order.",
    "instrument_not_active": "The security is halted, matured or called: nothing to repeat.",
    "instrument_not_entitled": "Have a trader with the entitlement enter it, or ask for it.",
    "instrument_restricted": "Do not repeat it. Compliance can say why it is on the list, and "
    "lift it by a new version that a second person approves. On a do-not-trade list alone, ask for "
    "an override of the rejected order: once it is granted, the same order passes once.",
    "instrument_watched": "Nothing: the order passed, and compliance was told of it.",
    "insufficient_buying_power": "Deposit cash, sell something first, or send a smaller order.",
    "kill_switch": "Trading is halted in this scope: wait until two people have given it back.",
    "locate_required": "Find the shares first and send the locate with the order.",
    "loss_limit": "The day's loss is at its limit: orders pass tomorrow, or when it is raised.",
    "market_closed": "Repeat it in the hours that the message names, or ask for extended hours.",
    "net_exposure_over_limit": "Trade the other way first, or send a smaller order.",
    "not_entitled": "Have somebody with the entitlement do it, or ask for the role.",
    "not_in_universe": "Choose a security of the universe, or ask compliance to add it.",
    "notional_over_limit": "Send less, or in parts that are each below the limit.",
    "off_increment": "Round quantity and price as the message says.",
    "order_to_trade_ratio": "Send fewer changes and cancels for what is traded.",
    "outside_mandate": "The client does not allow it: leave the account out, or have the mandate "
    "changed.",
    "outside_prevailing_market": "Move the limit toward the market; who holds `pmp.suppress` may "
    "leave the check out of an execution order and is named with it.",
    "position_over_limit": "Send less, or reduce the position first.",
    "possible_duplicate": "If it is meant to be a second order, have a reviewer release it.",
    "price_outside_collar": "Compare the limit with the reference in the message; move it, or have "
    "a reviewer release it where the control flags.",
    "quantity_over_limit": "Send less, or in parts that are each below the limit.",
    "rate_limit_exceeded": "Slow down and repeat it after the window that the message names.",
    "reduce_only_would_increase": "Send at most what the account holds less what open orders "
    "will take, or leave `reduce_only` out.",
    "reg_t": "Deposit margin, or send a smaller order.",
    "self_cross": "Cancel your own order on the other side first, or price it so they cannot meet.",
    "tag_required": "Send the tag that the message names with the order.",
    "too_many_orders": "Wait until the window has passed.",
    "wash_sale": "Wait until the days have passed, or ask for an override of the rejected order.",
    "window_notional_over_limit": "Wait until the window has passed, or send less.",
}
