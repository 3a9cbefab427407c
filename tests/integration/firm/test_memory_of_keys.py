"""A busy key is read again by one request; the others do not wait, and never for over a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from oms_site.firm import principals
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.throttling import tiers
from tests.statements import watched

KEY = "oems_test_alpha_trader"
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Moves the clock that ages are measured by to so many seconds after the start."""
    began = clock.monotonic()
    principals.forget()
    tiers.forget()
    monkeypatch.setattr(clock, "monotonic", lambda: began)
    yield lambda seconds: monkeypatch.setattr(clock, "monotonic", lambda: began + seconds)
    principals.forget()
    tiers.forget()


def test_only_the_first_who_comes_late_reads_a_key_again(later: Callable[[float], None]) -> None:
    assert principals.cached(KEY) == (False, None)
    read = principals.of_api_key(KEY)
    assert read is not None
    later(0.6)
    assert principals.cached(KEY) == (True, read)
    later(0.8)
    assert [principals.cached(KEY)[0] for _ in range(3)] == [False, True, True]
    with watched() as seen:
        principals.of_api_key(KEY)
    assert len(seen) == 1
    later(1.4)
    assert principals.cached(KEY) == (True, read)


def test_what_nobody_could_read_again_is_believed_for_a_second_and_no_longer(
    later: Callable[[float], None],
) -> None:
    principals.of_api_key(KEY)
    later(0.8)
    assert [principals.cached(KEY)[0] for _ in range(2)] == [False, True]
    later(1.0)
    assert [principals.cached(KEY)[0] for _ in range(2)] == [False, False]


def test_only_the_first_who_comes_late_reads_the_limits_again(
    later: Callable[[float], None], caller: Callable[[str], Principal]
) -> None:
    who = caller("alpha_trader")
    held = tiers.of(who)
    later(0.8)
    assert [tiers.known(who) for _ in range(3)] == [None, held, held]
    with watched() as seen:
        fresh = tiers.of(who)
    assert seen
    assert tiers.known(who) is fresh
    later(1.8)
    assert [tiers.known(who) for _ in range(2)] == [None, None]
