"""Which addresses may be told: nothing inside a network, however its name is dressed up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from allocations.feed import addresses
from oms_site.kit.errors import OmsError

PUBLIC = "93.184.216.34"


def resolving(*found: str) -> addresses.Lookup:
    def lookup(host: str, port: int) -> Sequence[str]:
        return found

    return lookup


def test_a_public_address_is_told_at_the_address_that_was_checked() -> None:
    target = addresses.check(
        "https://pms.example.com/in?x=1", sandbox=False, lookup=resolving(PUBLIC)
    )
    assert (target.host, target.port, target.address) == ("pms.example.com", 443, PUBLIC)
    assert target.url == f"https://{PUBLIC}:443/in?x=1"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254"),
        "0.0.0.0",  # noqa: S104  refused, never bound to
        *("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "2002:a00:1::"),
        *("64:ff9b::a00:1", "::ffff:169.254.169.254", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_no_address_of_a_network_of_ours_is_told(address: str) -> None:
    with pytest.raises(OmsError) as refused:
        addresses.check("https://pms.example.com/", sandbox=False, lookup=resolving(address))
    assert refused.value.code == "feed_address_refused"


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(OmsError, match="public"):
        addresses.check("https://x.example/", sandbox=False, lookup=resolving(PUBLIC, "10.0.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        *("http://pms.example.com/", "https://pms.example.com:22/", "ftp://pms.example.com/"),
        *("https://user:pass@pms.example.com/", "https://pms.example.com/#x", "https:///x"),
        *("https://pms.example.com\\@inner/", "https://pms.example.com:0/", "nothing"),
        *("https://pms.example.com:99999/", "https://pms.example.com/ x", "https://[::1/"),
        "https://pms.example.com/" + "x" * 300,
        "https://pms\r\n.example.com/",
    ],
)
def test_an_address_of_another_shape_is_refused(url: str) -> None:
    with pytest.raises(OmsError) as refused:
        addresses.check(url, sandbox=False, lookup=resolving(PUBLIC))
    assert refused.value.code == "feed_address_refused"


def test_the_sandbox_tells_this_machine_alone() -> None:
    target = addresses.check("http://localhost:8999/x", sandbox=True, lookup=resolving("127.0.0.1"))
    assert target.url == "http://127.0.0.1:8999/x"
    with pytest.raises(OmsError, match="sandbox"):
        addresses.check("https://pms.example.com/", sandbox=True, lookup=resolving(PUBLIC))


@pytest.mark.parametrize("found", [[], None])
def test_a_name_that_leads_nowhere_is_refused(found: list[str] | None) -> None:
    def lookup(host: str, port: int) -> Sequence[str]:
        if found is None:
            raise OSError("no such host")
        return found

    with pytest.raises(OmsError, match="no"):
        addresses.check("https://x.example/", sandbox=False, lookup=lookup)
