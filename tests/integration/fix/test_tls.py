"""FIX under TLS: who is trusted, who is refused, and that a refusal needs a person."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from django.forms import modelform_factory
from django.forms.models import model_to_dict

from tests.integration.fix import peer as venue
from tests.integration.fix.peer import report
from tests.integration.fix.test_session import at, hear, names
from venues.formats_admin import FixLineForm
from venues.gateways.port import GatewayError
from venues.models import FixLine

SESSION, NAME = "FIXSIM", "fix.venue.test"
# A venue that hangs up on us with bytes of ours unread may be heard to hang up, and not why.
REFUSED = ("tls_refused", "venue_disconnected", "venue_unreachable")


@dataclass(frozen=True)
class Paper:
    """A certificate and its key."""

    certificate: str
    key: str


class Authority:
    """Somebody who signs certificates."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self.paper = self._paper(name)
        _openssl(
            *("req", "-x509", "-new", "-key", self.paper.key, "-out", self.paper.certificate),
            *("-subj", f"/CN={name}", "-days", "30"),
        )

    def signs(self, name: str, *, days: int = 30) -> Paper:
        """A certificate of this name; with fewer days than none it has expired."""
        made, request = self._paper(f"{name}{days}"), str(self._directory / "request")
        extensions = self._directory / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        _openssl("req", "-new", "-key", made.key, "-out", request, "-subj", f"/CN={name}")
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.paper.certificate),
            *("-CAkey", self.paper.key, "-CAcreateserial", "-out", made.certificate),
            *("-days", str(days), "-extfile", str(extensions)),
        )
        return made

    def _paper(self, name: str) -> Paper:
        key = str(self._directory / f"{name}.key")
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        return Paper(str(self._directory / f"{name}.pem"), key)

    def server(self, paper: Paper, *, asks: bool = False) -> ssl.SSLContext:
        """A venue that shows a certificate, and may ask for ours."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(paper.certificate, paper.key)
        if asks:
            made.load_verify_locations(self.paper.certificate)
            made.verify_mode = ssl.CERT_REQUIRED
        return made


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def line(committed_sandbox: datetime, authority: Authority) -> Any:
    """The session under TLS, trusting one authority; changed by its fields."""

    def change(**fields: Any) -> None:
        FixLine.objects.filter(pk=SESSION).update(**fields)

    change(tls=True, tls_ca_file=authority.paper.certificate, tls_server_name=NAME)
    return change


def speak(seal: ssl.SSLContext | None) -> list[str]:
    """One report over a line to a venue; the ExecIDs that were heard."""

    async def story() -> list[str]:
        async with venue.listening(seal) as (peer, port):
            gateway = at(port)
            try:
                await gateway.connect(1)
                await peer.until("1")
                peer.say("8", report("E1"))
                return names(await hear(gateway, 1))
            finally:
                await gateway.close()

    return asyncio.run(story())


def refusal(seal: ssl.SSLContext | None) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        speak(seal)
    return refused.value


def test_a_venue_with_the_right_certificate_is_spoken_to(line: Any, authority: Authority) -> None:
    assert speak(authority.server(authority.signs(NAME))) == ["E1"]


def test_a_venue_that_wants_to_know_us_is_shown_our_certificate(
    line: Any, authority: Authority
) -> None:
    seal = authority.server(authority.signs(NAME), asks=True)
    assert refusal(seal).code in REFUSED
    ours = authority.signs("oems")
    line(tls_certificate_file=ours.certificate, tls_key_file=ours.key)
    assert speak(seal) == ["E1"]


def test_our_certificate_by_nobody_the_venue_trusts_opens_nothing(
    line: Any, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    ours = Authority(tmp_path / "other", "others").signs("oems")
    line(tls_certificate_file=ours.certificate, tls_key_file=ours.key)
    seal = authority.server(authority.signs(NAME), asks=True)
    assert refusal(seal).code in REFUSED


@pytest.mark.parametrize("wrong", ["name", "expired", "stranger"])
def test_a_venue_with_a_wrong_certificate_is_refused_and_a_person_told(
    line: Any, authority: Authority, tmp_path: Path, wrong: str
) -> None:
    signer = authority
    if wrong == "stranger":
        (tmp_path / "other").mkdir()
        signer = Authority(tmp_path / "other", "others")
    name = "elsewhere.test" if wrong == "name" else NAME
    paper = signer.signs(name, days=-1 if wrong == "expired" else 30)
    found = refusal(signer.server(paper))
    assert (found.code, found.permanent) == ("tls_refused", True)
    assert "certificate verify failed" in found.message


def test_nothing_older_than_tls_1_2_is_spoken(line: Any, authority: Authority) -> None:
    seal = authority.server(authority.signs(NAME))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        seal.minimum_version = ssl.TLSVersion.TLSv1
        seal.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refusal(seal).code in REFUSED


def test_a_venue_that_speaks_plainly_is_not_spoken_to(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("venues.gateways.fix.gateway.CONNECT_SECONDS", 0.3)
    assert refusal(None).code in REFUSED


def test_files_that_are_not_there_are_told_as_what_they_are(line: Any) -> None:
    line(tls_ca_file="/nowhere/authorities.pem")
    found = refusal(None)
    assert (found.code, found.permanent) == ("tls_unusable", True)


def test_a_locked_key_asks_nobody(line: Any, authority: Authority) -> None:
    ours = authority.signs("oems")
    locked = f"{ours.key}.locked"
    _openssl("ec", "-in", ours.key, "-out", locked, "-aes256", "-passout", "pass:secret")
    line(tls_certificate_file=ours.certificate, tls_key_file=locked)
    found = refusal(authority.server(authority.signs(NAME)))
    assert (found.code, found.permanent) == ("tls_unusable", True)


@pytest.mark.parametrize(
    "fields",
    [{"tls": False}, {"tls_certificate_file": "/ours.pem"}, {"tls_key_file": "/ours.key"}],
    ids=str,
)
def test_half_of_it_is_refused_by_the_database(line: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="fix_line_"):
        line(**fields)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({}, set()),
        ({"tls": ""}, {"tls"}),
        ({"tls_certificate_file": "/ours.pem"}, {"tls_key_file"}),
        ({"tls_certificate_file": "/ours.pem", "tls_key_file": "/ours.key"}, set()),
    ],
    ids=str,
)
def test_the_back_office_says_what_is_missing(
    line: Any, changed: dict[str, str], wrong: set[str]
) -> None:
    row = FixLine.objects.get(pk=SESSION)
    given = {**model_to_dict(row), "addresses": ",".join(row.addresses), "tls": "on", **changed}
    form = modelform_factory(FixLine, form=FixLineForm, fields="__all__")(given, instance=row)
    assert set(form.errors) - {"__all__"} == wrong
