"""Which lane a request of the API is in, by its method and address alone."""

from __future__ import annotations

import re

from oms_site.throttling.limits import Lane

API = "/v1/"
ORDER = "/v1/trading/order/"
# Engaging a switch is never counted: it has to work when everything else is too much.
ALWAYS = re.compile(r"/v1/kill-switch/(engage/)?")
_STOPS = re.compile(
    r"/v1/kill-switch/|/(mass-cancel|cancel|cancel-all)/$|/mass-cancel/|/schedule/pause/$"
)
_ORDERS = re.compile(r"/v1/trading/(order|order-list|rfq|list-rfq|quote)(/|$)")
# Deciding on an order makes none.
_DECIDES = re.compile(r"/(approve|reject)/$")


def of(method: str, path: str) -> Lane:
    """The lane of a request below `/v1/`."""
    if method == "DELETE" or (method == "POST" and _STOPS.search(path)):
        return Lane.CANCELS
    if method in {"POST", "PUT", "PATCH"} and _ORDERS.match(path) and not _DECIDES.search(path):
        return Lane.ORDERS
    return Lane.OTHERS


def passes_always(method: str, path: str) -> bool:
    """Whether a request goes on whatever the counters say: engaging a kill switch."""
    return method == "POST" and ALWAYS.fullmatch(path) is not None
