"""The order stream: nothing lost, nothing twice, nothing of others, nothing for revoked keys."""

from __future__ import annotations

import time

import pytest
from websockets.exceptions import InvalidStatus

from tests.journeys.stage import APPROVED, Desk, Stream, fresh, on_stage
from tests.product import Product, until

_ISSUE = """
from oms_site.firm.models import ApiKey, User, digest
from oms_site.kit import clock
ApiKey.objects.create(
    user=User.objects.get(username="alpha_auditor"), digest=digest("oems_test_{0}"),
    prefix="{0}", sandbox=True, created_at=clock.machine_now())
"""
_REVOKE = """
from oms_site.firm import api_keys
from oms_site.firm.models import ApiKey, digest
assert api_keys.revoke(ApiKey.objects.get(digest=digest("oems_test_{0}")))
"""


def _staged(desk: Desk, count: int) -> list[str]:
    return [str(desk.submit(bypass_auto_execution=True)["id"]) for _ in range(count)]


def test_a_client_that_was_cut_off_goes_on_without_a_hole_or_a_repeat(product: Product) -> None:
    with Desk(product) as desk:
        with Stream(product) as before:
            early = _staged(desk, 3)
            before.wait(early[-1], "approve")
            before.cut()
        missed = _staged(desk, 5)
        seen = before.frames[-1]["msg_number"]
        with Stream(product, after=seen) as after:
            live = _staged(desk, 3)
            after.wait(live[-1], "approve")
        # The stage refuses a hole or a repeat; here: also none where the two streams meet.
        both = [f["msg_number"] for f in [*before.frames, *after.frames]]
        assert both == sorted(set(both))
        assert int(both[-1]) - int(both[0]) == len(both) - 1
        for order_id in [*missed, *live]:
            assert after.words(order_id) == APPROVED
        # The events API tells the same, word for word.
        first = int(after.frames[0]["msg_number"]) - 1
        _, page = desk("GET", f"trading/event/?after={first}&limit={len(after.frames)}")
        assert page["events"] == after.frames


def test_a_replay_from_the_beginning_is_complete(product: Product) -> None:
    with Desk(product) as desk:
        (last,) = _staged(desk, 1)
        with Stream(product, after="0") as stream:
            stream.wait(last, "approve", seconds=60)
        assert int(stream.frames[0]["msg_number"]) % 10**10 == 0
        assert len({f["event_id"] for f in stream.frames}) == len(stream.frames)


def test_two_firms_never_see_each_other(product: Product) -> None:
    with on_stage(product) as (alpha, ours), on_stage(product, "beta_trader") as (beta, theirs):
        mine = alpha.submit(bypass_auto_execution=True, client_order_id="the same")
        yours = beta.submit(
            bypass_auto_execution=True, client_order_id="the same", account_id="beta-001"
        )
        assert mine["id"] != yours["id"]
        ours.wait(mine["id"], "approve")
        theirs.wait(yours["id"], "approve")
        marker = beta.submit(bypass_auto_execution=True, account_id="beta-001")
        theirs.wait(marker["id"], "approve")
        ours.catch_up(alpha)
        assert ours.words(yours["id"]) == []
        assert theirs.words(mine["id"]) == []
        for desk, order_id in ((alpha, yours["id"]), (beta, mine["id"])):
            for method, path in (
                ("GET", f"trading/order/{order_id}/"),
                ("DELETE", f"trading/order/{order_id}/"),
                ("GET", f"trading/order/{order_id}/execution/"),
            ):
                assert desk(method, path)[0] == 404
            assert desk("GET", f"trading/event/?order_id={order_id}")[1]["events"] == []


def test_a_quiet_stream_beats(product: Product) -> None:
    with Stream(product, "beta_auditor") as stream:
        began = time.monotonic()
        stream.read_until(lambda: stream.heartbeats, seconds=20, what="a heartbeat")
        assert 10 < time.monotonic() - began <= 16.5


def test_nobody_listens_without_a_key(product: Product) -> None:
    with pytest.raises(InvalidStatus) as refused, Stream(product, "nobody"):
        pass
    assert refused.value.response.status_code == 403


def test_a_number_nobody_can_read_is_refused(product: Product) -> None:
    with Stream(product, after="yesterday") as stream:
        assert stream.next() == {"msg_type": "error", "msg": "replay_unavailable"}
        until(stream.is_over, what="the server to close the stream")
        assert stream.close_code == 4410


@pytest.mark.parametrize("busy", [False, True], ids=["quiet", "busy"])
def test_a_revoked_key_is_cut_off(product: Product, busy: bool) -> None:
    name = fresh("key")[:24]
    product.manage("shell", "-c", _ISSUE.format(name))
    with Desk(product) as desk, Stream(product, name) as stream:
        stream.catch_up(desk)
        product.manage("shell", "-c", _REVOKE.format(name))
        began = time.monotonic()

        def closed() -> bool:
            if busy:
                _staged(desk, 1)
            return stream.is_over(seconds=0.1)

        until(closed, seconds=12, what="the stream to be closed")
        assert time.monotonic() - began < 10
        assert stream.close_code == 4401
