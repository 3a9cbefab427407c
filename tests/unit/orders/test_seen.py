"""What a body gives to the steps that people take: a text, and the version that they read."""

from __future__ import annotations

from typing import Any

import pytest

from oms_site.kit.errors import OmsError
from orders.api.seen import text_of, version_of


@pytest.mark.parametrize("body", [None, [], "text", {}, {"text": None}, {"text": ""}])
def test_who_gives_no_text_gives_an_empty_one(body: Any) -> None:
    assert text_of(body, "text") == ""
    assert version_of(body) is None


def test_a_text_is_taken_as_it_is_and_cut_where_it_is_too_long() -> None:
    assert text_of({"text": " Late. "}, "text") == " Late. "
    assert text_of({"text": "x" * 301}, "text") == "x" * 300
    assert text_of({"text": "x" * 301}, "text", longest=400) == "x" * 301


@pytest.mark.parametrize("given", [1, True, ["text"], {"a": "text"}])
def test_what_is_no_text_is_refused_by_its_name(given: Any) -> None:
    with pytest.raises(OmsError) as refusal:
        text_of({"reason": given}, "reason")
    assert refusal.value.code == "not_a_text"
    assert [one.field for one in refusal.value.details] == ["reason"]
