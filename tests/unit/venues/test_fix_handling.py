"""How an order is to be handled goes out by FIX in every dialect, and the venue's door reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.unit.venues import test_simulator_handling as handled
from tests.unit.venues.test_fix_golden import AT, ORDER, body, raw
from venues import formats
from venues.fix import codec, outgoing
from venues.fix.codec import Message
from venues.formats import Names
from venues.messages import NewOrder, ReplaceRequest
from venues.simulator.exchange import Exchange
from venues.simulator.fix import words

D = Decimal
DIALECTS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")
# MaxFloor(111) until 5.0 gave it another name and number.
SHOWN = {"FIX.4.2": "111", "FIX.4.4": "111", "FIX.5.0SP2": "1138"}
CLOSE = AT + timedelta(hours=1)
# What an order says beside its usual terms, and which fields follow its limit.
GOLDEN: dict[str, tuple[dict[str, Any], str]] = {
    "shown in parts": ({"display_qty": D(25_000)}, "59=0|{shown}=25000"),
    "a least quantity": ({"min_qty": D(40_000)}, "59=0|110=40000"),
    "all or none": ({"exec_inst": "G"}, "59=0|18=G"),
    "post only": ({"exec_inst": "6"}, "59=0|18=6"),
    "both": ({"exec_inst": "G 6", "min_qty": D(5)}, "59=0|18=G 6|110=5"),
    "post only in parts": (
        {"exec_inst": "6", "display_qty": D(1000)},
        "59=0|18=6|{shown}=1000",
    ),
    "at the open": (
        {"time_in_force": "2", "expire_time": CLOSE},
        "59=2|126=20261123-16:00:00.250000",
    ),
    "at the close": (
        {"time_in_force": "7", "expire_time": CLOSE},
        "59=7|126=20261123-16:00:00.250000",
    ),
}


def replacing(one: NewOrder) -> ReplaceRequest:
    """The same terms as an amendment says them."""
    terms = {name: getattr(one, name) for name in one.__struct_fields__}
    terms.pop("cl_ord_id")
    return ReplaceRequest(cl_ord_id="vr-1", orig_cl_ord_id="vo-1", **terms)


def heard(message: Any, dialect: str) -> Any:
    """A request as the simulated venue's FIX door understands our bytes of it."""
    content = formats.read({"dialect": dialect})
    said = outgoing.encode(message, content, Names())
    assert said is not None
    begin = "FIXT.1.1" if dialect == "FIX.5.0SP2" else dialect
    (found,), rest = codec.split(codec.encode(begin, [(35, said[0]), (34, "1")], said[1]))
    assert rest == b""
    assert isinstance(found, Message)
    return words.request(found)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", GOLDEN)
def test_it_goes_out_in_its_fields(name: str, dialect: str) -> None:
    changes, fields = GOLDEN[name]
    wanted = "38=100000|40=2|44=99.5|" + fields.format(shown=SHOWN[dialect])
    one = msgspec.structs.replace(ORDER, **changes)
    for message in (one, replacing(one)):
        assert body(raw(message, dialect=dialect)).endswith(f"|{wanted}")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", GOLDEN)
def test_the_venues_door_understands_what_was_meant(name: str, dialect: str) -> None:
    one = msgspec.structs.replace(ORDER, **GOLDEN[name][0])
    for message in (one, replacing(one)):
        assert heard(message, dialect) == message


def test_a_venue_that_takes_the_newer_field_says_so_in_its_format() -> None:
    one = msgspec.structs.replace(ORDER, display_qty=D(25_000))
    assert body(raw(one, rename={"*": {"111": "1138"}})).endswith("|1138=25000")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "story",
    [
        handled.test_an_iceberg_of_ten_pieces_never_shows_more_than_one_and_fills_whole,
        handled.test_a_renewed_piece_goes_to_the_back_of_its_price,
        handled.test_less_than_the_least_quantity_does_not_trade,
        handled.test_a_market_order_that_is_all_or_none_waits_for_enough,
        handled.test_what_only_waits_is_refused_where_it_would_trade,
        handled.test_the_close_fills_at_its_price_and_the_rest_expires,
        handled.test_a_limit_beyond_the_closing_price_expires_unfilled,
    ],
    ids=lambda story: story.__name__,
)
def test_what_came_by_fix_is_honored_like_anything_else(
    story: Callable[[], None], dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct, told = Exchange.handle, []

    def by_fix(self: Exchange, message: Any, now: Any) -> Any:
        told.append(message)
        return direct(self, heard(message, dialect), now)

    monkeypatch.setattr(Exchange, "handle", by_fix)
    story()
    assert told
