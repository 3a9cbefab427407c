"""The list of all instruments: a price that is old is said to be, as on the page of holdings."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client

from allocations.holdings import valuation
from oms_site.firm.models import User
from tests import trading
from venues import market_data
from venues.models import ReferencePrice

pytestmark = pytest.mark.django_db


def _row(at: datetime) -> str:
    """The row of a bond whose price is of that moment, without its tags."""
    ReferencePrice.objects.filter(instrument__cusip=trading.BOND).update(at=at)
    market_data.forget()
    client = Client()
    client.force_login(User.objects.get(username="alpha_trader"))
    text = client.get("/market/?part=overview").content.decode()
    found = re.search(rf'<tr data-cusip="{trading.BOND}">.*?</tr>', text)
    assert found
    return re.sub(r"<[^>]+>", " ", found[0])


def test_an_old_price_is_called_stale_and_a_young_one_is_not(sandbox: datetime) -> None:
    old = sandbox - valuation.STALE_AFTER - timedelta(minutes=1)
    assert "stale, 16 min" in " ".join(_row(old).split())
    young = _row(sandbox - timedelta(minutes=2))
    assert "2 min" in young
    assert "stale" not in young
