"""The sandbox's clients. Running it again adds what is missing and leaves people's changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from allocations.clearing import sandbox as clearing
from allocations.matching import sandbox as matching
from allocations.models import (
    Account,
    Custodian,
    IntroducingBroker,
    RiskGroup,
    StandingInstruction,
)

LPL, BNY, PERSHING = "cust_lpl", "cust_bny", "cust_pershing"
# This one is spoken to by files.
NORTHERN = "cust_northern"
CUSTODIANS = ((LPL, "LPL Financial"), (BNY, "BNY"), (PERSHING, "Pershing"))
_ROUND = (LPL, BNY, PERSHING)
_COMMISSION: dict[str, Any] = {
    "fee_schedule_id": "fs_sandbox",
    "fee_schedule_asset_level_id": "fsal_sandbox",
    "recipient_id": "firm",
    "fee_type": "commission",
    "fee_amount_type": "percentage_of_par",
    # Stored JSON keeps decimals as text, so that no reader ever turns them into floats.
    "fee_amount": "0.05",
    "max_fee_amount": "250.00",
}


@dataclass(frozen=True, kw_only=True)
class House:
    """One organization's side of the sandbox: brokers, risk groups with fees, accounts."""

    brokers: tuple[tuple[str, str], ...]
    risk_groups: tuple[tuple[str, str, tuple[dict[str, Any], ...]], ...]
    # id, code, custodian, risk group
    accounts: tuple[tuple[str, str, str, str], ...]
    # id, code, the account that it is a part of
    sleeves: tuple[tuple[str, str, str], ...] = ()
    suspended: frozenset[str] = field(default_factory=frozenset)


# Both sample requests of the guide name these, so both must resolve.
_GUIDE_BROKER = "01K4BRMF8MCV09YXYE1TT4S2TB"
_GUIDE_GROUP = "01K4BRMRH4ERKRYFCJKCQYKR26"
_PAYING = "rg_alpha_commission"


# What becomes of a trade after it is booked, by the end of its account's code.
_TROUBLES = ("net", "px", "dk", "disp", "late", "part", "stuck", "hold", "twice", "nossi")
_WITHOUT_PLACE = "alpha-nossi"


def _numbered(name: str, count: int, group: str) -> tuple[tuple[str, str, str, str], ...]:
    codes = [f"{name}-{n:03d}" for n in range(2, count + 1)]
    return tuple(
        (code, code.upper(), _ROUND[n % len(_ROUND)], group) for n, code in enumerate(codes)
    )


HOUSES: dict[str, House] = {
    "alpha": House(
        brokers=((_GUIDE_BROKER, "Alpha Introducing"), ("ib_alpha_west", "Alpha West")),
        risk_groups=(
            (_GUIDE_GROUP, "Alpha clients", ()),
            (_PAYING, "Alpha clients with commission", (_COMMISSION,)),
        ),
        accounts=(
            ("eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4", "ALPHA-001", LPL, _GUIDE_GROUP),
            ("myaccount", "myaccount", LPL, _GUIDE_GROUP),
            *_numbered("alpha", 20, _GUIDE_GROUP),
            ("alpha-fee", "ALPHA-FEE", BNY, _PAYING),
            ("alpha-suspended", "ALPHA-SUSPENDED", LPL, _GUIDE_GROUP),
            # The ends of these codes make the simulated custodian misbehave on purpose.
            ("alpha-rej", "ALPHA-REJ", BNY, _GUIDE_GROUP),
            ("alpha-fail", "ALPHA-FAIL", BNY, _GUIDE_GROUP),
            ("alpha-slow", "ALPHA-SLOW", PERSHING, _GUIDE_GROUP),
            ("alpha-down", "ALPHA-DOWN", PERSHING, _GUIDE_GROUP),
            *((f"alpha-{end}", f"ALPHA-{end.upper()}", BNY, _GUIDE_GROUP) for end in _TROUBLES),
            ("alpha-files", "ALPHA-FILES", NORTHERN, _GUIDE_GROUP),
            ("alpha-whole", "ALPHA-WHOLE", LPL, _GUIDE_GROUP),
        ),
        sleeves=(
            ("alpha-core", "ALPHA-CORE", "alpha-whole"),
            ("alpha-income", "ALPHA-INCOME", "alpha-whole"),
        ),
        suspended=frozenset({"alpha-suspended"}),
    ),
    "beta": House(
        brokers=(("ib_beta", "Beta Introducing"),),
        risk_groups=(("rg_beta", "Beta clients", ()),),
        accounts=(
            ("beta-001", "BETA-001", PERSHING, "rg_beta"),
            *_numbered("beta", 5, "rg_beta"),
        ),
    ),
}


def seed(at: datetime) -> None:
    """Add the custodians, and the clients of both sandbox organizations, which exist already.

    None of these rows is dated; `at` is there because every seed takes it.
    """
    Custodian.objects.bulk_create(
        [
            *(Custodian(id=key, name=name, adapter="simulated") for key, name in CUSTODIANS),
            Custodian(id=NORTHERN, name="Northern Trust", adapter="files"),
        ],
        ignore_conflicts=True,
    )
    for organization_id, house in HOUSES.items():
        _seed_house(organization_id, house)
        clearing.seed(organization_id)
        matching.seed(organization_id)


def open_desk(custodian_id: str, venue_id: str) -> None:
    """Say that a custodian executes, and where; one that was given a desk before keeps it."""
    Custodian.objects.filter(id=custodian_id, desk=None).update(desk_id=venue_id)


def _seed_house(organization_id: str, house: House) -> None:
    IntroducingBroker.objects.bulk_create(
        [
            IntroducingBroker(
                id=key,
                organization_id=organization_id,
                name=name,
                # The first is the firm, the others are its branches.
                parent_id=house.brokers[0][0] if number else None,
            )
            for number, (key, name) in enumerate(house.brokers)
        ],
        ignore_conflicts=True,
    )
    RiskGroup.objects.bulk_create(
        [
            RiskGroup(id=key, organization_id=organization_id, name=name, fees=list(fees))
            for key, name, fees in house.risk_groups
        ],
        ignore_conflicts=True,
    )
    Account.objects.bulk_create(
        [
            Account(
                id=key,
                organization_id=organization_id,
                code=code,
                name=f"Client {code}",
                custodian_id=custodian_id,
                risk_group_id=risk_group_id,
                status=(
                    Account.Status.SUSPENDED if key in house.suspended else Account.Status.ACTIVE
                ),
            )
            for key, code, custodian_id, risk_group_id in house.accounts
        ],
        ignore_conflicts=True,
    )
    _seed_sleeves(organization_id, house)
    _seed_places(organization_id, house)


def _seed_sleeves(organization_id: str, house: House) -> None:
    """Parts of accounts, with what the database has of the whole by now."""
    whole = Account.objects.in_bulk([above for _, _, above in house.sleeves])
    Account.objects.bulk_create(
        [
            Account(
                id=key,
                organization_id=organization_id,
                code=code,
                name=f"Sleeve {code}",
                sleeve_of_id=above,
                custodian_id=whole[above].custodian_id,
                risk_group_id=whole[above].risk_group_id,
                currency=whole[above].currency,
                currencies=whole[above].currencies,
            )
            for key, code, above in house.sleeves
        ],
        ignore_conflicts=True,
    )


def _seed_places(organization_id: str, house: House) -> None:
    """Where trades change hands: one place per custodian, and an account that has none."""
    StandingInstruction.objects.bulk_create(
        [
            *(
                StandingInstruction(
                    organization_id=organization_id, custodian_id=key, participant=f"{number:04d}"
                )
                for number, key in enumerate((*dict(CUSTODIANS), NORTHERN), start=901)
            ),
            *(
                StandingInstruction(
                    organization_id=organization_id,
                    custodian_id=custodian_id,
                    account_id=key,
                    participant="none",
                    active=False,
                )
                for key, _, custodian_id, _ in house.accounts
                if key == _WITHOUT_PLACE
            ),
        ],
        ignore_conflicts=True,
    )
