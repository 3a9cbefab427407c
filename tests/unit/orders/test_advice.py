"""Every code of a control comes with what to do about it."""

from __future__ import annotations

from controls.checks import RULES
from controls.library import CONTROL_UNAVAILABLE
from orders.reference import controls
from orders.reference.advice import WHAT_TO_DO


def test_every_code_has_its_advice_and_no_other() -> None:
    codes = {rule.code for rule in RULES.values()} | {CONTROL_UNAVAILABLE}
    assert set(WHAT_TO_DO) == codes
    assert all(text.endswith(".") for text in WHAT_TO_DO.values())


def test_the_page_tells_defaults_and_advice() -> None:
    page = controls.page()
    assert "`window_s` (1)" in page
    assert "`max_percent`, `max_age_s`" in page
    for code, text in WHAT_TO_DO.items():
        assert f"| `{code}` | {text} |" in page
