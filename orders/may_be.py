"""What an order may become at any moment counts as if it were so: SQL over `orders_order o`.

A replacement that nobody has answered may be in force already. Used by whoever adds up open orders.
"""

from __future__ import annotations

# The quantity that may still be executed.
MAY_LEAVE = "greatest(o.leaves_qty, coalesce(o.asked_qty, 0) - o.cum_qty)"
# The most that may be paid and the least that may be taken for it; NULL at market.
MAY_COST = "greatest(o.limit_price, o.asked_price)"
MAY_TAKE = "least(o.limit_price, o.asked_price)"
