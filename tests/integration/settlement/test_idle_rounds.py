"""Custodians are asked every second, and mostly tell nothing: a round without work costs little."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story

pytestmark = pytest.mark.django_db


def test_a_round_with_nothing_to_do_only_asks_whether_there_is_something(outside: Outside) -> None:
    order_id = story.traded()
    story.turn(4)
    assert str(story.instruction_of(order_id).status) == "instructed"
    with CaptureQueriesContext(connection) as asked:
        story.turn()
    said = [one["sql"].replace('"', "") for one in asked.captured_queries]
    assert said
    assert [sql for sql in said if sql.startswith(("UPDATE", "INSERT", "DELETE"))] == []
    assert [sql for sql in said if "FROM allocations_bookingleg" in sql] == []
