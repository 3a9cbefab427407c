"""Rounds of negotiation: what we asked a dealer for instead of its quote, and what it answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django_fsm import transition

from oms_site.firm.models import person
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow
from orders.models.quote import Quote, Rfq
from orders.states import ROUND_STEPS, RoundState
from venues.models import Dealer


def _step(name: str) -> dict[str, Any]:
    sources, target = ROUND_STEPS[f"round_{name}"]
    return {"source": list(sources), "target": target}


class QuoteRound(LedgerRow):
    """A counter (QuoteRespType(694)=2) and its answer. Its terms never change.

    `price` is what we asked for as our client would see it, `street_price` what the dealer was
    told; `number` is the round that the answer opens.
    """

    rfq = models.ForeignKey(Rfq, on_delete=models.PROTECT, related_name="rounds")
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="asked_for")
    dealer = models.ForeignKey(Dealer, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveSmallIntegerField()
    price = models.DecimalField(max_digits=18, decimal_places=8)
    street_price = models.DecimalField(max_digits=18, decimal_places=8)
    asked_by = person(constraint=False)
    asked_at = models.DateTimeField()

    status = StateField(default=RoundState.ASKED.value, max_length=10)
    answer = models.OneToOneField(
        Quote, null=True, blank=True, on_delete=models.PROTECT, related_name="answers"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("status", "answer_id", "answered_at", "reason")

    class Meta:
        verbose_name = "negotiation round"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in RoundState]), name="round_status_known"
            ),
            models.CheckConstraint(
                condition=Q(price__gt=0) & Q(street_price__gt=0) & Q(number__gt=1),
                name="round_terms",
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether its dealer has not answered."""
        return str(self.status) == RoundState.ASKED.value

    @transition(field=status, **_step("accept"))
    def accept(self, *, answer_id: str, at: datetime) -> None:
        """The dealer's new quote is at our price or better."""
        self._answer(answer_id, at)

    @transition(field=status, **_step("improve"))
    def improve(self, *, answer_id: str, at: datetime) -> None:
        """The dealer's new quote is better than its last, and not our price."""
        self._answer(answer_id, at)

    @transition(field=status, **_step("hold"))
    def hold(self, *, answer_id: str, at: datetime) -> None:
        """The dealer quotes the same price again."""
        self._answer(answer_id, at)

    @transition(field=status, **_step("worsen"))
    def worsen(self, *, answer_id: str, at: datetime) -> None:
        """The dealer's new quote is worse than its last."""
        self._answer(answer_id, at)

    @transition(field=status, **_step("withdraw"))
    def withdraw(self, *, at: datetime, reason: str) -> None:
        """The dealer quotes no more."""
        self.answered_at, self.reason = at, reason[:300]

    @transition(field=status, **_step("lapse"))
    def lapse(self, *, at: datetime, reason: str) -> None:
        """The quote or the inquiry ended without an answer."""
        self.answered_at, self.reason = at, reason[:300]

    def _answer(self, answer_id: str, at: datetime) -> None:
        self.answer_id, self.answered_at = answer_id, at
