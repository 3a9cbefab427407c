"""Tables of the client side."""

from allocations.models.account import Account, Custodian, IntroducingBroker, RiskGroup
from allocations.models.allocation import AccountAllocation, Allocation, BookingLeg
from allocations.models.arrangement import BookingConfiguration, ReleaseRule
from allocations.models.clearing import (
    ClearingArrangement,
    ClearingDue,
    ClearingParty,
    ClearingReport,
)
from allocations.models.client_ids import ClientAllocationId
from allocations.models.confirming import (
    ConfirmAdjustment,
    CounterpartyTrade,
    MatchVerdict,
    TradeConfirm,
)
from allocations.models.feed import FeedDelivery, FeedEndpoint
from allocations.models.give_up import DroppedAccount, GiveUp
from allocations.models.holding import (
    CashBalance,
    LotChoice,
    Movement,
    PastPrice,
    Position,
    TaxLot,
    Transaction,
)
from allocations.models.matching import MatchingMessage, MatchingRoute, MatchingService
from allocations.models.notice import MovementNotice
from allocations.models.post_trade import PostTradeEntry
from allocations.models.repair import Repair, Template, TemplateShare
from allocations.models.settlement import (
    CustodianMessage,
    SettlementDue,
    SettlementFact,
    SettlementInstruction,
    StandingInstruction,
)
from allocations.models.treasury import CorporateAction, FxRate, MarginCall, MarginRate

__all__ = [
    "Account",
    "AccountAllocation",
    "Allocation",
    "BookingConfiguration",
    "BookingLeg",
    "CashBalance",
    "ClearingArrangement",
    "ClearingDue",
    "ClearingParty",
    "ClearingReport",
    "ClientAllocationId",
    "ConfirmAdjustment",
    "CorporateAction",
    "CounterpartyTrade",
    "Custodian",
    "CustodianMessage",
    "DroppedAccount",
    "FeedDelivery",
    "FeedEndpoint",
    "FxRate",
    "GiveUp",
    "IntroducingBroker",
    "LotChoice",
    "MarginCall",
    "MarginRate",
    "MatchVerdict",
    "MatchingMessage",
    "MatchingRoute",
    "MatchingService",
    "Movement",
    "MovementNotice",
    "PastPrice",
    "Position",
    "PostTradeEntry",
    "ReleaseRule",
    "Repair",
    "RiskGroup",
    "SettlementDue",
    "SettlementFact",
    "SettlementInstruction",
    "StandingInstruction",
    "TaxLot",
    "Template",
    "TemplateShare",
    "TradeConfirm",
    "Transaction",
]
