"""A request on its way through a batch, and what a block goes on without. Made by `drafts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from controls.models import Override
from controls.screening import Verdict
from controls.ticket import Ticket
from orders.models import Order
from orders.requests import AccountAsk, SubmitRequest
from orders.terms import Terms


class Dropped(NamedTuple):
    """One account that the block went on without, and its place in the request."""

    account_id: str
    ask: AccountAsk
    position: int
    code: str
    reason: str


class Refused(NamedTuple):
    """The look at the whole block, and whom it was about."""

    ticket: Ticket
    verdict: Verdict
    accounts: tuple[Dropped, ...]


@dataclass(slots=True)
class Draft:
    """One request with what has become of it so far."""

    request: SubmitRequest
    terms: Terms
    order: Order
    economics: int
    verdict: Verdict | None = None
    ticket: Ticket | None = None
    # The look at the whole block, where it goes on without some of its accounts.
    refused: Refused | None = None
    # What two people have granted for its very terms, used up if it passes by it.
    override: Override | None = None
