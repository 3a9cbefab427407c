"""What happens after a booking: confirming it, matching it, settling it."""

from __future__ import annotations

from orders.events.kinds import AUDIT, WHY, Kind

CONFIRM = ("order_id", "confirm_id", "booking_id", "custodian_id", "account_id")
INSTRUCTION = (*CONFIRM, "instruction_id")
_VERDICT = (*CONFIRM, "verdict_id", "policy_version", "differences")
_HANDS = (*INSTRUCTION, "reference", "amount", "net_money")
_TERMS = ("side", "amount", "net_money", "settlement_date", "has_ssi")


def _kind(name: str, meaning: str, fields: tuple[str, ...], *moves: str) -> Kind:
    subject = "settlement instruction" if name.startswith("settlement") else "confirmation"
    return Kind(name, AUDIT, subject, meaning, fields, moves)


SETTLEMENTS = (
    _kind(
        "confirm_generate",
        "A booked leg got its confirmation and its settlement instruction.",
        (*INSTRUCTION, *_TERMS),
    ),
    _kind("confirm_sent", "About to be told to the other side.", (*CONFIRM, "ask", "attempt")),
    _kind("confirm_received", "The other side has heard it.", (*CONFIRM, "ask")),
    _kind(
        "confirm_deferred",
        "The other side could not be told; tried again at `due_at`.",
        (*CONFIRM, "code", "due_at"),
    ),
    _kind(
        "confirm_refused",
        "The other side's desk did not take it; a person must look.",
        (*CONFIRM, *WHY),
    ),
    _kind(
        "confirm_match",
        "The other side's version is within every tolerance of the policy version named.",
        _VERDICT,
        "TradeConfirm.match",
    ),
    _kind(
        "confirm_mismatch",
        "The other side's version differs; a person must look.",
        _VERDICT,
        "TradeConfirm.mismatch",
    ),
    _kind(
        "confirm_state",
        "The other side said something about what is agreed or taken back; kept, nothing moved.",
        _VERDICT,
    ),
    _kind(
        "confirm_answer",
        "The other side's word on our confirmation: AffirmStatus(940).",
        (*CONFIRM, "affirm_status", *WHY),
    ),
    _kind(
        "confirm_affirm",
        "Agreed by a person or by the rules; its instruction goes to the custodian.",
        INSTRUCTION,
        "TradeConfirm.affirm",
    ),
    _kind(
        "confirm_accept",
        "Two people took the difference as it is, by an adjustment.",
        INSTRUCTION,
        "TradeConfirm.accept",
    ),
    _kind(
        "confirm_dispute",
        "One side says that it is not so; what was not instructed yet is held.",
        (*CONFIRM, *WHY),
        "TradeConfirm.dispute",
    ),
    _kind("confirm_assign", "Somebody took the exception.", (*CONFIRM, "owner")),
    _kind(
        "confirm_propose",
        "Somebody said why a difference may be taken; another person has to agree.",
        (*CONFIRM, "reason_code", "text"),
    ),
    _kind("confirm_send_back", "Another person did not agree.", CONFIRM),
    _kind("confirm_resend", "Somebody had it told again.", (*CONFIRM, "ask")),
    _kind(
        "confirm_cancel",
        "What it confirms was taken back.",
        (*CONFIRM, "reason"),
        "TradeConfirm.cancel",
    ),
    _kind(
        "confirm_withdraw",
        "Its matching service is to take back what was taken back here.",
        (*CONFIRM, "ask"),
    ),
    _kind(
        "settlement_sent",
        "The custodian is about to be told; `ask` says what.",
        (*INSTRUCTION, "ask", "attempt"),
    ),
    _kind(
        "settlement_accept",
        "The custodian has the instruction.",
        (*INSTRUCTION, "ref"),
        "SettlementInstruction.accept",
    ),
    _kind(
        "settlement_refused",
        "The custodian will not, or cannot be reached any more; a person must look.",
        (*INSTRUCTION, *WHY),
    ),
    _kind(
        "settlement_deferred",
        "No answer yet, or facts are on their way; asked again at `due_at`.",
        (*INSTRUCTION, "code", "due_at"),
    ),
    _kind("settlement_ask", "The custodian is to be told something else.", (*INSTRUCTION, "ask")),
    _kind("settlement_notice", "The custodian has the notice of a buy-in.", (*INSTRUCTION, "ask")),
    _kind(
        "settlement_part",
        "A part has changed hands, by the custodian's own word.",
        (*_HANDS, "left"),
    ),
    _kind(
        "settlement_settle",
        "All of it has changed hands, by the custodian's own word.",
        (*_HANDS, "late"),
        "SettlementInstruction.settle",
    ),
    _kind(
        "settlement_fail",
        "Its day is over and it has not settled.",
        (*INSTRUCTION, *WHY, "on"),
        "SettlementInstruction.fail",
    ),
    _kind(
        "settlement_buy_in",
        "It has failed for as long as the policy bears and is bought in.",
        (*INSTRUCTION, "on", "left", "failed_on"),
        "SettlementInstruction.buy_in",
    ),
    _kind(
        "settlement_cancel",
        "Nothing more of it will change hands.",
        (*INSTRUCTION, "reason", "settled"),
        "SettlementInstruction.cancel",
    ),
)
