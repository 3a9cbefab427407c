"""A link of the back office leads somewhere for who sees it; what is closed is plain text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from controls.models import Control, Review, Screening
from oms_site.firm.models import User
from orders.models import ExecutionOrder, Order
from tests import trading

pytestmark = pytest.mark.usefixtures("sandbox")
ROLES = ("trader", "ops", "compliance", "admin", "auditor")
_LINK = re.compile(r'<a\b[^>]*\bhref="(/admin/[^"?#]+[^"]*)"')


def _page(user: str, row: Any) -> tuple[Client, str]:
    client = Client()
    client.force_login(User.objects.get(username=user))
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    answer = client.get(reverse(name, args=[row.pk]))
    return client, answer.content.decode() if answer.status_code == 200 else ""


@pytest.fixture
def rows() -> list[Any]:
    """An order that is routed, one under review with its papers, and a control with its people."""
    flagged = trading.submit(limit_price=trading.D(92))
    child = trading.routed()
    return [
        Order.objects.get(pk=flagged),
        Order.objects.get(pk=child.order_id),
        ExecutionOrder.objects.get(pk=child.execution_order_id),
        child,
        Review.objects.get(subject=flagged),
        Screening.objects.get(subject=flagged),
        Control.objects.filter(organization_id="alpha").exclude(approved_by=None).first(),
    ]


@pytest.mark.parametrize("role", ROLES)
def test_no_link_of_a_rows_page_is_refused(rows: list[Any], role: str) -> None:
    opened, refused = 0, []
    for row in rows:
        client, page = _page(f"alpha_{role}", row)
        opened += bool(page)
        links = sorted(set(_LINK.findall(page)) - {"/admin/logout/"})
        answers = {link: client.get(link.replace("&amp;", "&")).status_code for link in links}
        refused += [(row._meta.label, link) for link, said in answers.items() if said >= 400]
    assert opened
    assert refused == []


def test_what_a_trader_may_not_open_is_still_told(rows: list[Any]) -> None:
    order = rows[0]
    page = _page("alpha_trader", order)[1]
    assert str(order.submitted_by) in page
    assert "/admin/firm/user/" not in page
    assert ">Screenings</a>" not in page
    assert ">Execution orders</a>" in page
    page = _page("alpha_compliance", order)[1]
    assert ">Screenings</a>" in page
