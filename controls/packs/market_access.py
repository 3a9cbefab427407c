"""SEC Rule 15c3-5: the risk controls of brokers and dealers with market access.

The numbers are a start and no advice: each organization sets its own before it activates them.
"""

from __future__ import annotations

from controls.packs.items import Item, Pack

_AGE = 4 * 24 * 60 * 60
_RULE = "17 CFR 240.15c3-5"

PACK = Pack(
    "15c3-5",
    1,
    "Market access (SEC Rule 15c3-5)",
    (
        Item(
            code="15c3-5.credit-limit",
            name="Credit threshold per account",
            rule_class="credit.limit",
            params={"max_credit": "50000000", "scope": "account"},
            citation=f"{_RULE}(c)(1)(i)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.capital-limit",
            name="Capital threshold of the firm",
            rule_class="exposure.gross",
            params={"max_gross": "500000000", "scope": "organization"},
            citation=f"{_RULE}(c)(1)(i)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.price-collar",
            name="Erroneous price",
            rule_class="price.collar",
            params={"max_percent": "20", "max_age_s": _AGE},
            citation=f"{_RULE}(c)(1)(ii)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.order-size",
            name="Erroneous size",
            rule_class="size.max_quantity",
            params={"max_qty": "1000000000"},
            citation=f"{_RULE}(c)(1)(ii)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.order-value",
            name="Erroneous value",
            rule_class="size.max_notional",
            params={"max_notional": "100000000", "max_age_s": _AGE},
            citation=f"{_RULE}(c)(1)(ii)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.duplicate",
            name="Duplicative order",
            rule_class="duplicates.economic",
            params={"window_s": 10},
            citation=f"{_RULE}(c)(1)(ii)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.message-rate",
            name="Orders over a short time",
            rule_class="rate.messages",
            params={"max_messages": 100, "window_s": 1, "scope": "trader"},
            citation=f"{_RULE}(c)(1)(ii)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.restricted",
            name="Securities restricted for the firm or the customer",
            rule_class="universe.restricted",
            params={},
            citation=f"{_RULE}(c)(2)(ii)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.regulatory-lot",
            name="Pre-order requirements: lot and tick",
            rule_class="increments.lot",
            params={},
            citation=f"{_RULE}(c)(2)(i)",
            regulatory=True,
        ),
        Item(
            code="15c3-5.short-locate",
            name="Short sale locate",
            rule_class="short.locate",
            params={},
            citation=f"{_RULE}(c)(2)(i); 17 CFR 242.203(b)(1)",
            regulatory=True,
            slice={"asset_class": ["equity"]},
        ),
    ),
)
