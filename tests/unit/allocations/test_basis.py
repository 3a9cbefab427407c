"""An allocation request is checked as a whole, and every fault is named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from allocations.accounts import AccountFacts
from allocations.engine import Requested, check_request
from oms_site.firm.policies import GUIDE, PolicyFacts

D = Decimal
POLICY = PolicyFacts(1, 1, "guide", datetime(2026, 1, 1, tzinfo=UTC), GUIDE)


@dataclass
class Ask:
    accounts: list[Requested]
    strategy: str = "fifo_without_averaging"


def facts(account_id: str) -> AccountFacts:
    return AccountFacts(account_id, account_id.upper(), "", "active", "cust_bny", "rg", "USD")


def faults(ask: Ask, *, policy: PolicyFacts = POLICY, known: bool = True) -> list[tuple[str, str]]:
    found = [facts(one.account_id.lower()) if known else None for one in ask.accounts]
    details = check_request(ask, order_qty=D(10_000), policy=policy, accounts=found)
    return [(detail.field, detail.code) for detail in details]


def test_a_good_request_has_no_faults() -> None:
    assert faults(Ask([Requested("a", D(4000), "c1"), Requested("b", D(6000), "c2")])) == []


def test_requests_must_add_up_to_the_order() -> None:
    assert faults(Ask([Requested("a", D(9999))])) == [("allocations", "allocation_sum_mismatch")]


def test_an_account_is_named_once_even_by_id_and_by_code() -> None:
    ask = Ask([Requested("a", D(4000)), Requested("A", D(6000))])
    assert faults(ask) == [("allocations.account_allocations[1].account_id", "duplicate_account")]


def test_an_unknown_account_is_named() -> None:
    assert faults(Ask([Requested("a", D(10_000))]), known=False) == [
        ("allocations.account_allocations[0].account_id", "account_not_found")
    ]


def test_a_client_id_is_used_once() -> None:
    ask = Ask([Requested("a", D(4000), "same"), Requested("b", D(6000), "same")])
    field = "allocations.account_allocations[1].client_account_allocation_id"
    assert faults(ask) == [(field, "duplicate_client_account_allocation_id")]


def test_amounts_are_above_zero() -> None:
    ask = Ask([Requested("a", D(-1000)), Requested("b", D(11_000))])
    field = "allocations.account_allocations[0].requested_amount"
    assert faults(ask) == [(field, "amount_not_positive")]


def test_a_strategy_must_exist_and_be_allowed() -> None:
    ask = Ask([Requested("a", D(10_000))], strategy="best_for_me")
    assert faults(ask) == [("allocations.strategy", "strategy_unknown")]
    rules = {**GUIDE, "allowed_allocation_strategies": ["pro_rata_with_averaging"]}
    strict = PolicyFacts(2, 2, "own", POLICY.effective_at, rules)
    ask = Ask([Requested("a", D(10_000))])
    assert faults(ask, policy=strict) == [("allocations.strategy", "strategy_not_allowed")]


def test_at_least_one_account_is_named() -> None:
    assert faults(Ask([])) == [("allocations.account_allocations", "required")]
