"""A venue is certified beside the running product: its orders go on, and routing obeys at once."""

from __future__ import annotations

from tests.product import Product


def test_the_running_venues_pass_and_stay_active(product: Product) -> None:
    for venue in ("SIMB", "SIMQ"):
        said = product.manage("certify", venue, "--by", "journey").stdout
        assert "is certified (configuration " in said
        assert "FAILED" not in said
