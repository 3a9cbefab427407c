"""The states of a confirmation and of a settlement instruction, and every legal step, as data."""

from __future__ import annotations

from enum import StrEnum


class ConfirmStatus(StrEnum):
    """Where a confirmation stands with the other side: MatchStatus(573) and AffirmStatus(940)."""

    UNMATCHED = "unmatched"
    MATCHED = "matched"
    MISMATCHED = "mismatched"
    DISPUTED = "disputed"
    AFFIRMED = "affirmed"
    CANCELED = "canceled"


class InstructionStatus(StrEnum):
    """A delivery against payment on its way to having changed hands."""

    PENDING = "pending"
    INSTRUCTED = "instructed"
    FAILED = "failed"
    BOUGHT_IN = "bought_in"
    SETTLED = "settled"
    CANCELED = "canceled"


C, S = ConfirmStatus, InstructionStatus
CONFIRM_STEPS: dict[str, tuple[frozenset[str], str]] = {
    # The other side may say something else at any time before it is affirmed.
    "confirm_match": (frozenset({C.UNMATCHED, C.MISMATCHED, C.DISPUTED}), C.MATCHED),
    "confirm_mismatch": (
        frozenset({C.UNMATCHED, C.MATCHED, C.MISMATCHED, C.DISPUTED}),
        C.MISMATCHED,
    ),
    # An affirmed one may still be disputed while nothing has changed hands.
    "confirm_dispute": (
        frozenset({C.UNMATCHED, C.MATCHED, C.MISMATCHED, C.AFFIRMED}),
        C.DISPUTED,
    ),
    "confirm_affirm": (frozenset({C.MATCHED}), C.AFFIRMED),
    # Two people take a difference as it is; their adjustment says why.
    "confirm_accept": (frozenset({C.UNMATCHED, C.MISMATCHED, C.DISPUTED}), C.AFFIRMED),
    "confirm_cancel": (
        frozenset({C.UNMATCHED, C.MATCHED, C.MISMATCHED, C.DISPUTED, C.AFFIRMED}),
        C.CANCELED,
    ),
}
INSTRUCTION_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "instruction_accept": (frozenset({S.PENDING}), S.INSTRUCTED),
    "instruction_fail": (frozenset({S.PENDING, S.INSTRUCTED}), S.FAILED),
    "instruction_buy_in": (frozenset({S.FAILED}), S.BOUGHT_IN),
    # The custodian's word counts in every open state: what has changed hands has changed hands.
    "instruction_settle": (
        frozenset({S.PENDING, S.INSTRUCTED, S.FAILED, S.BOUGHT_IN}),
        S.SETTLED,
    ),
    "instruction_cancel": (
        frozenset({S.PENDING, S.INSTRUCTED, S.FAILED, S.BOUGHT_IN}),
        S.CANCELED,
    ),
}
OPEN_INSTRUCTION = frozenset({S.PENDING, S.INSTRUCTED, S.FAILED, S.BOUGHT_IN})
EXCEPTIONS = frozenset({C.UNMATCHED, C.MISMATCHED, C.DISPUTED})
