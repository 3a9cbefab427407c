"""The bytes between a web process and the desk's."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from oms_site.firm.principals import Principal
from orders.api import frames
from orders.api.taking import Answered, Asked

TEXTS = st.text(max_size=20)
PRINCIPALS = st.builds(
    Principal,
    user_id=st.integers(1, 2**31),
    username=TEXTS,
    organization_id=TEXTS,
    entitlements=st.frozensets(TEXTS, max_size=4),
    via=TEXTS,
    api_key_id=st.none() | st.integers(1, 2**31),
)
ASKED = st.builds(
    Asked,
    principal=PRINCIPALS,
    received_at=st.datetimes(datetime(1970, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
    correlation_id=TEXTS,
    idempotency_key=TEXTS,
    body=st.binary(max_size=200),
)


@given(st.lists(ASKED, max_size=6), st.lists(st.integers(1, 60), min_size=1))
def test_requests_arrive_as_they_were_sent_however_the_bytes_are_cut(
    asked: list[Asked], cuts: list[int]
) -> None:
    data = b"".join(frames.of_request(n, one) for n, one in enumerate(asked))
    splitter, found, start, turn = frames.Splitter(), [], 0, 0
    while start < len(data):
        size = cuts[turn % len(cuts)]
        found += [frames.request(frame) for frame in splitter.feed(data[start : start + size])]
        start, turn = start + size, turn + 1
    assert found == list(enumerate(asked))


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2**40),
            st.builds(
                Answered,
                status=st.sampled_from([200, 201, 422, 503]),
                content=st.binary(max_size=100),
                headers=st.dictionaries(TEXTS, TEXTS, max_size=2),
            ),
        )
    )
)
def test_answers_arrive_as_they_were_sent(answers: list[tuple[int, Answered]]) -> None:
    (frame,) = frames.Splitter().feed(frames.of_answers(answers))
    assert frames.answers(frame) == answers
