"""Every adapter of a matching service does what the port promises, whichever folder it is."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from allocations.custodians.files import numbered
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Confirmation, Statement, Taken, read
from allocations.matching import acceptance, routes, services
from allocations.matching.acceptance import Trial
from allocations.matching.port import ServiceFacts
from allocations.models import MatchingRoute, MatchingService
from oms_site.firm import generation
from oms_site.kit import clock
from tests.integration.matching import far_end

NOW = clock.now()


def facts(adapter: str) -> ServiceFacts:
    return ServiceFacts(f"svc_{adapter}", adapter, adapter, True)


def trial(adapter: str, outside: Path) -> Trial:
    directory = outside / "matching" / f"svc_{adapter}"

    def answer(one: Confirmation) -> None:
        if adapter == "ctm_files":
            far_end.agree(directory, one, broker="BROKER")

    return Trial(
        client=services.of(facts(adapter)),
        account="ALPHA-002",
        cusip="037833DP2",
        now=NOW,
        answer=answer,
    )


@pytest.fixture
def outside(tmp_path: Path, settings: Any) -> Path:
    settings.OUTSIDE_DIR = tmp_path
    return tmp_path


@pytest.mark.parametrize("adapter", services.names())
def test_an_adapter_keeps_the_contract(adapter: str, outside: Path) -> None:
    found = acceptance.certify(trial(adapter, outside))
    assert [one for one in found if one.fault] == []
    assert len(found) == len(acceptance.REQUIREMENTS)


def test_the_contract_is_not_kept_by_what_forgets_and_by_what_invents(outside: Path) -> None:
    honest = trial("simulated", outside)

    class Forgets:
        def confirm(self, one: Confirmation, *, counterparty: str) -> Any:
            return honest.client.confirm(one, counterparty="")

        def dispute(self, key: str, *, leg_id: str, reason: str, about: str) -> Any:
            return Refused("NO", "never")

        def withdraw(self, key: str, *, leg_id: str) -> Any:
            return Taken(key)

        def messages(self, *, after: int) -> Any:
            return honest.client.messages(after=after)[1:]

    found = acceptance.certify(replace(honest, client=Forgets()))
    assert all(one.fault for one in found)


def test_a_trade_is_the_same_bytes_whenever_it_is_written(outside: Path, tmp_path: Path) -> None:
    one = trial("ctm_files", outside).confirmation()
    written = []
    for name in ("svc_one", "svc_two"):
        client = services.of(replace(facts("ctm_files"), id=name))
        for _ in range(2):
            client.confirm(one, counterparty="BROKER")
        (path,) = (tmp_path / "matching" / name / "to").glob("*.jsonl")
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert b'"counterparty":"BROKER"' in written[0]


def test_answers_are_taken_up_to_the_first_that_is_missing(outside: Path) -> None:
    mine = trial("ctm_files", outside)
    folder = outside / "matching" / "svc_ctm_files" / "from"
    for _ in range(3):
        one = mine.confirmation()
        mine.client.confirm(one, counterparty="BROKER")
        mine.answer(one)
    second = folder / numbered.name_of(2)
    late = second.read_bytes()
    second.unlink()
    assert [told.seq for told in mine.client.messages(after=0)] == [1]
    second.write_bytes(late)
    told = mine.client.messages(after=0)
    assert [one.seq for one in told] == [1, 2, 3]
    assert all(isinstance(read(one.body), Statement) for one in told)


def test_what_is_still_being_written_is_waited_for_and_believed_broken_after_a_minute(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = trial("ctm_files", outside)
    folder = outside / "matching" / "svc_ctm_files" / "from"
    for _ in range(2):
        one = mine.confirmation()
        mine.client.confirm(one, counterparty="BROKER")
        mine.answer(one)
    first = folder / numbered.name_of(1)
    whole = first.read_bytes()
    first.write_bytes(whole[:-20])
    os.utime(first, (0, 0))  # the time that its sender gives it says nothing
    assert mine.client.messages(after=0) == []
    first.write_bytes(whole)
    assert [told.seq for told in mine.client.messages(after=0)] == [1, 2]
    first.write_bytes(whole[:-20])
    assert mine.client.messages(after=0) == []
    later = clock.machine_now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "machine_now", lambda: later)
    # One that stays cut short is kept as it came and not believed.
    broken, good = mine.client.messages(after=0)
    assert broken.body == whole[:-20].decode()
    assert isinstance(read(good.body), Statement)
    with pytest.raises(msgspec.MsgspecError):
        read(broken.body)


@pytest.mark.parametrize("count", [0, 2])
def test_a_whole_file_that_is_not_one_message_is_kept_at_once(outside: Path, count: int) -> None:
    content = numbered.text_of({"kind": "answer"}, [{"type": "statement"}] * count)
    numbered.put(outside / "matching/svc_ctm_files/from" / numbered.name_of(1), content)
    (told,) = trial("ctm_files", outside).client.messages(after=0)
    assert told.body == content.decode()


def test_the_same_words_about_another_version_are_another_dispute(outside: Path) -> None:
    client = trial("ctm_files", outside).client
    for about in ("v1", "v1", "v2", "v1"):
        client.dispute("cf_1", leg_id="bl_1", reason="the price", about=about)
    sent = (outside / "matching/svc_ctm_files/to").glob("*.jsonl")
    assert sorted(numbered.parse(path.read_bytes())[1][0]["about"] for path in sent) == ["v1", "v2"]


def test_nobody_speaks_through_a_folder_that_is_not_there() -> None:
    assert services.names() == ["ctm_files", "simulated"]
    with pytest.raises(CustodianError, match="there is no adapter") as refused:
        services.of(facts("carrier_pigeon"))
    assert refused.value.permanent


def test_services_are_chosen_by_the_first_rule_that_fits(sandbox: datetime) -> None:
    MatchingService.objects.create(id="svc_off", name="Off", adapter="simulated", active=False)
    asked: dict[str, dict[str, Any]] = {
        "bonds of one custodian": {
            "custodian_id": "cust_bny",
            "asset_class": "corporate",
            "service_id": "svc_markitserv",
        },
        "that broker": {"counterparty": "XYZ", "service_id": None},
        "everything of a service that is off": {"service_id": "svc_off"},
    }
    for n, (name, more) in enumerate(asked.items(), start=10):
        MatchingRoute.objects.create(organization_id="alpha", name=name, position=n, **more)
    generation.check()

    def found(broker: str, custodian: str, kind: str, of: str = "alpha") -> str | None:
        return routes.find(of, counterparty=broker, custodian_id=custodian, asset_class=kind)

    assert found("CTMB", "cust_lpl", "equity") == "svc_ctm"
    assert found("XYZ", "cust_bny", "corporate") == "svc_markitserv"
    assert found("XYZ", "cust_lpl", "corporate") is None
    assert found("SIMA", "cust_lpl", "corporate") is None
    assert found("XYZ", "cust_bny", "corporate", "beta") is None
