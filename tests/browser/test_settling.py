"""Operations: differences side by side, accepted by two; what a custodian refused is resent."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import FILLS, Opener
from tests.browser.test_accessible import _faults
from tests.browser.test_ops import picture

Submit = Callable[..., str]


def traded(submit: Submit, account: str) -> str:
    return submit(instrument_id=FILLS, account_id=account, amount={"par": 100_000})


def row_of(page: Page, table: str, order_id: str) -> Locator:
    return page.locator(f"#{table} tbody tr", has=page.locator(f'a[href*="{order_id}"]'))


def log_in_as_admin(window: Opener) -> Page:
    admin = window()
    page = admin.open("/login/")
    page.get_by_label("User name").fill("alpha_admin")
    page.get_by_label("Password").fill("sandbox")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#connection")).to_have_text("Live")
    return admin.open("/ops/")


def test_a_difference_is_seen_on_both_sides_and_accepted_by_two(
    window: Opener, submit: Submit
) -> None:
    order_id = traded(submit, "alpha-net")
    page = window("alpha_ops").open("/ops/")
    row = row_of(page, "confirms", order_id)
    expect(row).to_contain_text("mismatched", timeout=20_000)
    apart = row.locator("tr.apart").first
    expect(apart).to_contain_text("net money")
    expect(apart).to_contain_text("0.01")
    assert _faults(page) == []
    picture(page, "ops-confirms")

    row.get_by_role("button", name="Take").click()
    expect(row).to_contain_text("alpha_ops")
    row.get_by_role("button", name="Accept…").click()
    box = page.get_by_role("dialog", name="Accept the difference")
    box.get_by_label("Explanation").fill("Two cents, and the client agrees.")
    assert _faults(page) == []
    box.get_by_role("button", name="Propose").click()
    expect(row).to_contain_text("somebody else agrees")

    other = log_in_as_admin(window)
    theirs = row_of(other, "confirms", order_id)
    theirs.get_by_role("button", name="Agree").click()
    expect(theirs).to_have_count(0)
    expect(row).to_have_count(0)  # on the first person's screen, without a reload


def test_a_disputed_price_is_corrected_by_the_other_side(window: Opener, submit: Submit) -> None:
    order_id = traded(submit, "alpha-px")
    page = window("alpha_ops", theme="light", width=1280).open("/ops/")
    row = row_of(page, "confirms", order_id)
    expect(row).to_contain_text("mismatched", timeout=20_000)
    expect(row.locator("tr.apart").first).to_contain_text("price")
    row.get_by_role("button", name="Dispute…").click()
    box = page.get_by_role("dialog", name="Dispute this trade")
    box.get_by_label("What is wrong").fill("We dealt an eighth lower.")
    box.get_by_role("button", name="Tell them").click()
    expect(row).to_have_count(0, timeout=20_000)


def test_what_the_custodian_refused_is_resent_by_key_with_an_outcome_per_row(
    window: Opener, submit: Submit
) -> None:
    order_id = traded(submit, "alpha-hold")
    page = window("alpha_ops").open("/ops/")
    row = row_of(page, "settlements", order_id)
    expect(row).to_contain_text("ACCOUNT_ON_HOLD", timeout=20_000)
    expect(row).to_contain_text("Resend")
    row.get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    expect(page.locator("#selected")).to_have_text("1 selected")
    page.keyboard.press("r")
    expect(page.locator("#job-text")).to_contain_text("1 of 1, 1 queued again")
    expect(page.locator("#job-rows")).to_contain_text("si_")
    picture(page, "ops-settlements")


def test_an_auditor_sees_differences_and_touches_none(window: Opener, submit: Submit) -> None:
    order_id = traded(submit, "alpha-net")
    page = window("alpha_auditor").open("/ops/")
    row = row_of(page, "confirms", order_id)
    expect(row).to_contain_text("mismatched", timeout=20_000)
    assert row.get_by_role("button").count() == 0
