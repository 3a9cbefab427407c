"""Tables of the client side."""

from allocations.models.account import Account, Custodian, IntroducingBroker, RiskGroup
from allocations.models.allocation import AccountAllocation, Allocation, BookingLeg
from allocations.models.holding import (
    CashBalance,
    LotChoice,
    Movement,
    Position,
    TaxLot,
    Transaction,
)
from allocations.models.repair import Repair, Template, TemplateShare

__all__ = [
    "Account",
    "AccountAllocation",
    "Allocation",
    "BookingLeg",
    "CashBalance",
    "Custodian",
    "IntroducingBroker",
    "LotChoice",
    "Movement",
    "Position",
    "Repair",
    "RiskGroup",
    "TaxLot",
    "Template",
    "TemplateShare",
    "Transaction",
]
