"""What the gate compared is read back with the digits it was compared with."""

from __future__ import annotations

from decimal import Decimal

import pytest

from controls.models import Screening
from oms_site.firm.exact_json import ExactJSONField
from tests import trading

pytestmark = pytest.mark.usefixtures("sandbox")


def test_a_price_that_no_float_holds_comes_back_as_it_was() -> None:
    order_id = trading.submit(limit_price=Decimal("99.12345678"))
    ticket = Screening.objects.get(subject=order_id).ticket
    assert ticket["limit_price"] == Decimal("99.12345678")
    assert isinstance(ticket["limit_price"], Decimal)


def test_no_number_of_any_screening_is_a_float() -> None:
    order_id = trading.submit(limit_price=Decimal("99.1"))
    row = Screening.objects.get(subject=order_id)
    assert "float" not in {type(value).__name__ for value in _leaves([row.ticket, row.results])}


def test_a_form_shows_and_keeps_every_digit() -> None:
    field = ExactJSONField().formfield()
    assert field is not None
    shown = field.prepare_value({"limit": Decimal("0.10000000000000000001")})
    assert field.to_python(shown) == {"limit": Decimal("0.10000000000000000001")}


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]
