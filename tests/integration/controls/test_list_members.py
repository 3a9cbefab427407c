"""What a list names is known, or it is not written: a name that nobody knows restricts nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from controls import listing, members
from controls.models import ControlList
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError
from tests import trading
from venues import instruments

Caller = Callable[[str], Principal]
Api = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("sandbox")
PATH = "/v1/control/list/"


def _write(api: Api, **members: Any) -> tuple[int, Any]:
    asked = {"name": "embargo", "kind": "do_not_trade", **members}
    status, body = api("alpha_compliance").post(PATH, asked)[:2]
    return status, body


def _old(name: str, **members: Any) -> ControlList:
    """A version from before names were looked at."""
    row = ControlList(
        organization_id="alpha",
        name=name,
        version=1,
        kind="do_not_trade",
        created_by_id=trading.person("alpha_compliance").user_id,
        created_at="2026-11-20T15:00:00Z",
        **members,
    )
    ControlList.objects.bulk_create([row])
    return ControlList.objects.get(name=name)


@pytest.mark.parametrize("name", ["alpha-002", "ALPHA-002", " ALPHA-002 "])
def test_an_account_by_id_or_code_is_forbidden_to_trade(api: Api, name: str) -> None:
    status, made = _write(api, accounts=[name, "alpha-002"])
    assert (status, made["accounts"]) == (201, ["alpha-002"])
    assert api("alpha_compliance2").post(f"{PATH}embargo/1/approve/", {})[0] == 200
    generation.check()
    assert trading.order(trading.submit()).reject_code == "instrument_restricted"


def test_what_nobody_knows_is_refused_and_all_of_it_named(api: Api) -> None:
    status, refused = _write(
        api,
        accounts=["beta-001", "nobody", "alpha-002"],
        cusips=["NOPE", "037833DP9", "912828AA1", trading.BOND],
    )
    assert (status, refused["code"]) == (422, "list_member_unknown")
    told = {(one["field"], one["message"].split(":")[0]) for one in refused["error_details"]}
    assert told == {
        *(("accounts", name) for name in ("beta-001", "nobody")),
        *(("cusips", name) for name in ("NOPE", "037833DP9", "912828AA1")),
    }
    assert "037833DP9: its check digit is wrong." in refused["error"]
    assert "nobody: no account here" in refused["error"]
    assert not ControlList.objects.filter(name="embargo").exists()


def test_a_security_by_its_isin_is_held_by_its_cusip(api: Api) -> None:
    found = instruments.find(trading.BOND)
    assert found is not None
    status, made = _write(api, cusips=[found.isin.lower(), found.cusip])
    assert (status, made["cusips"]) == (201, [trading.BOND])


def test_who_decides_sees_what_an_older_version_names_that_nobody_knows(
    sandbox: datetime, client: Any
) -> None:
    row = _old("older", cusips=["NOPE", trading.BOND], accounts=["ALPHA-004", "alpha-002"])
    row.issuers = ["Nobody Inc."]
    assert members.strangers(row) == ["NOPE", "Nobody Inc.", "ALPHA-004"]
    client.force_login(User.objects.get(username="alpha_compliance2"))
    page = client.get("/controls/?part=board").content.decode()
    assert "unknown here, restricts nothing: NOPE, ALPHA-004" in page


@pytest.mark.parametrize(
    "name", ["T L/ ..", "a/b", "..", ".", " a", "a ", "a\\b", "a\nb", "a\u200b"]
)
def test_a_new_list_has_a_name_that_an_address_can_say(
    sandbox: datetime, caller: Caller, api: Api, name: str
) -> None:
    status, refused = api("alpha_compliance").post(PATH, {"name": name, "cusips": []})[:2]
    assert (status, refused["code"]) == (422, "list_name_refused")
    assert [one["field"] for one in refused["error_details"]] == ["name"]


@pytest.mark.parametrize("name", ["50% off?", "a#b & c", "Ünits: 1"])
def test_an_odd_name_is_decided_about_at_the_address_that_the_page_has(
    api: Api, client: Any, name: str
) -> None:
    made = api("alpha_compliance").post(PATH, {"name": name, "cusips": [trading.BOND]})
    assert made[0] == 201
    _decide_where_the_page_says(api, client, name)


@pytest.mark.parametrize("name", ["T L/ ..", "a/b"])
def test_a_list_that_was_named_otherwise_before_is_decided_about_and_changed(
    sandbox: datetime, caller: Caller, api: Api, client: Any, name: str
) -> None:
    _old(name, cusips=[trading.BOND])
    _decide_where_the_page_says(api, client, name)
    row = listing.draft(name, kind="do_not_trade", by=caller("alpha_compliance"), at=sandbox)
    assert row.version == 2
    status, found = api("alpha_compliance").get(f"{PATH}{quote(name, safe='')}/")[:2]
    assert (status, len(found["versions"])) == (200, 2)


def _decide_where_the_page_says(api: Api, client: Any, name: str) -> None:
    path = f"{PATH}{quote(name, safe='')}/1/"
    client.force_login(User.objects.get(username="alpha_compliance2"))
    assert f'data-path="{path}"' in client.get("/controls/?part=board").content.decode()
    assert api("alpha_compliance2").post(f"{path}approve/", {})[0] == 200
    row = ControlList.objects.get(name=name, version=1)
    assert listing.status(row) == "approved"


def test_the_writer_of_a_version_says_only_what_is_known(sandbox: datetime, caller: Caller) -> None:
    with pytest.raises(OmsError) as refusal:
        listing.draft(
            "mine", kind="watch", accounts=["gone"], by=caller("alpha_compliance"), at=sandbox
        )
    assert refusal.value.code == "list_member_unknown"


def test_the_back_office_writes_what_is_known_by_the_names_that_people_use(
    sandbox: datetime, client: Any
) -> None:
    client.force_login(User.objects.get(username="alpha_compliance"))
    found = instruments.find(trading.BOND)
    assert found is not None
    add, asked = "/admin/controls/controllist/add/", {"organization": "alpha", "kind": "watch"}
    wrong = {**asked, "name": "a/b", "cusips": "037833DP9", "accounts": "nobody,ALPHA-002"}
    page = client.post(add, wrong)
    told = page.content.decode()
    assert page.status_code == 200
    for words in ("its check digit is wrong", "nobody: no account here", "holds no slash"):
        assert words in told
    assert not ControlList.objects.filter(kind="watch").exists()
    right = {**asked, "name": "mine", "cusips": found.isin, "accounts": "ALPHA-002"}
    assert client.post(add, right).status_code == 302
    row = ControlList.objects.get(name="mine")
    assert (row.cusips, row.accounts) == ([trading.BOND], ["alpha-002"])
