"""Kill switches and trading halts: what stops orders, from being engaged until it is released.

over(...), part(...), actor(...)     -> what stands over an order, a part of it, who acts on it
engage(...), trip(...)               -> stop a scope: by one person, by a breaker or a regulator
request_release(...), release(...)   -> two persons give it back
lift(...)                            -> what ends by itself is over
settle(...)                          -> how far the orders in it have come
"""

from controls.halts.giving_back import lift, release, request_release
from controls.halts.memory import Over, actor, capacity, names, over, part, venues
from controls.halts.scopes import ENGAGE, HOUSE, RELEASE, SCOPES, Target
from controls.halts.stopping import engage, settle, standing, system, trip

__all__ = [
    "ENGAGE",
    "HOUSE",
    "RELEASE",
    "SCOPES",
    "Over",
    "Target",
    "actor",
    "capacity",
    "engage",
    "lift",
    "names",
    "over",
    "part",
    "release",
    "request_release",
    "settle",
    "standing",
    "system",
    "trip",
    "venues",
]
