"""Retail orders in bonds: fair prices, suitable sizes, no self-dealing.

The numbers are a start and no advice: each organization sets its own before it activates them.
"""

from __future__ import annotations

from controls.packs.items import Item, Pack

_AGE = 4 * 24 * 60 * 60
_BONDS = ["treasury", "agency", "corporate", "municipal"]

PACK = Pack(
    "retail-fixed-income",
    1,
    "Retail fixed income",
    (
        Item(
            code="retail.fair-price",
            name="Distance from the prevailing market price",
            rule_class="price.pmp",
            params={"max_percent": "2", "max_age_s": _AGE},
            citation="FINRA Rule 2121; MSRB Rule G-30",
            remediation="flag",
            slice={"asset_class": _BONDS},
        ),
        Item(
            code="retail.price-warning",
            name="Price away from the reference",
            rule_class="price.collar",
            params={"max_percent": "1", "max_age_s": _AGE},
            citation="FINRA Rule 5310",
            remediation="warn",
            slice={"asset_class": _BONDS},
            message="Check the price of {cusip}: {finding}",
        ),
        Item(
            code="retail.order-value",
            name="Value for review",
            rule_class="size.max_notional",
            params={"max_notional": "1000000", "max_age_s": _AGE},
            citation="FINRA Rule 2111; Regulation Best Interest, 17 CFR 240.15l-1",
            remediation="flag",
        ),
        Item(
            code="retail.concentration",
            name="Concentration in one issuer",
            rule_class="concentration.limit",
            params={"max_percent": "25"},
            citation="FINRA Rule 2111",
            remediation="flag",
        ),
        Item(
            code="retail.buying-power",
            name="Cash of the account",
            rule_class="cash.buying_power",
            params={},
            citation="12 CFR 220.8 (Regulation T)",
        ),
        Item(
            code="retail.denomination",
            name="Denomination and increment",
            rule_class="increments.lot",
            params={},
            citation="MSRB Rule G-15(f)",
            slice={"asset_class": _BONDS},
        ),
        Item(
            code="retail.self-cross",
            name="No trade with oneself",
            rule_class="cross.self",
            params={},
            citation="FINRA Rule 5210.02",
        ),
        Item(
            code="retail.duplicate",
            name="Possible duplicate",
            rule_class="duplicates.economic",
            params={"window_s": 60},
            citation="FINRA Rule 3110",
            remediation="flag",
        ),
    ),
)
