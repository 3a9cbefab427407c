"""What happens to kill switches and trading halts."""

from __future__ import annotations

from orders.events.kinds import SYSTEM, Kind

_HALT = ("halt_id", "scope", "target", "target_name", "status")
HALTS = (
    Kind(
        "trading_halt",
        SYSTEM,
        "halt",
        "A kill switch was engaged or a breaker tripped: nothing new passes in it, cancels do.",
        (*_HALT, "reason", "cancels", "mode"),
        ("Halt.engage",),
    ),
    Kind(
        "halt_drain",
        SYSTEM,
        "halt",
        "Orders in its scope have been asked to stop; `alive` of them are not proven gone.",
        (*_HALT, "alive"),
        ("Halt.drain",),
    ),
    Kind(
        "halt_flat",
        SYSTEM,
        "halt",
        "Every order in its scope is proven gone.",
        (*_HALT, "alive"),
        ("Halt.confirm_flat",),
    ),
    Kind(
        "halt_release_request",
        SYSTEM,
        "halt",
        "One person asked to trade again; a second one has to agree.",
        (*_HALT, "reason"),
        ("Halt.request_release",),
    ),
    Kind(
        "trading_resume",
        SYSTEM,
        "halt",
        "It was released by a second person, or its cause has gone.",
        (*_HALT, "reason"),
        ("Halt.release", "Halt.lift"),
    ),
)
_GROUP = ("order_group_id", "client_order_group_id", "name", "status")
ORDER_GROUPS = (
    Kind(
        "order_group_create",
        SYSTEM,
        "order group",
        "A group was made: at most `limit_qty` of its orders may be filled within `window_s`.",
        (*_GROUP, "limit_qty", "window_s"),
    ),
    Kind(
        "order_group_lock",
        SYSTEM,
        "order group",
        "More than that was filled: its orders are asked to stop and it takes no new one.",
        (*_GROUP, "filled_qty", "limit_qty", "window_s"),
        ("OrderGroup.lock",),
    ),
    Kind(
        "order_group_reset",
        SYSTEM,
        "order group",
        "A person lets it trade again, with nothing counted.",
        _GROUP,
        ("OrderGroup.reset",),
    ),
)
_OVERRIDE = ("override_id", "asked_for", "status", "controls")
OVERRIDES = (
    Kind(
        "override_request",
        SYSTEM,
        "override",
        "Somebody asks that the rejected order `asked_for` may be entered again and pass once.",
        (*_OVERRIDE, "reason"),
    ),
    Kind(
        "override_grant",
        SYSTEM,
        "override",
        "A second person agrees: an order on the same terms passes the `controls`, once.",
        (*_OVERRIDE, "reason"),
        ("Override.grant",),
    ),
    Kind(
        "override_refuse",
        SYSTEM,
        "override",
        "It was refused, withdrawn, or taken back before any order has used it.",
        (*_OVERRIDE, "reason"),
        ("Override.refuse",),
    ),
    Kind(
        "override_use",
        SYSTEM,
        "override",
        "The order `used_by` has passed by it; no other will.",
        (*_OVERRIDE, "used_by"),
        ("Override.use",),
    ),
)
_MASS = ("mass_cancel_id", "client_mass_cancel_id", "orders")
MASS_CANCELS = (
    Kind(
        "mass_cancel_request",
        SYSTEM,
        "mass cancel",
        "Somebody asked all open orders that fit `wanted` to stop; each answers for itself.",
        (*_MASS, "wanted", "leaves_qty", "notional", "reason"),
    ),
    Kind(
        "mass_cancel_done",
        SYSTEM,
        "mass cancel",
        "Every one of its orders has been asked; venues may still have to answer.",
        (*_MASS, "pending", "canceled", "nothing"),
    ),
)
_FLATTEN = ("flatten_id", "halt_id", "lines")
FLATTENS = (
    Kind(
        "flatten_propose",
        SYSTEM,
        "flatten",
        "One person proposed to close out what is held under a reducing halt; `orders` of its lines"
        " would be ordered, `collar` percent behind the reference, null at the market.",
        (*_FLATTEN, "reason", "orders", "collar"),
    ),
    Kind(
        "flatten_approve",
        SYSTEM,
        "flatten",
        "A second person agreed to what was proposed: its orders go out.",
        (*_FLATTEN, "reason"),
    ),
    Kind(
        "flatten_refuse",
        SYSTEM,
        "flatten",
        "A second person refused it, or who proposed it took it back.",
        (*_FLATTEN, "reason"),
    ),
    Kind(
        "flatten_done",
        SYSTEM,
        "flatten",
        "Something has become of every line: ordered, refused by a control that holds for every"
        " order, waiting for a review, or nothing was left.",
        (*_FLATTEN, "due", "nothing", "ordered", "refused", "review"),
    ),
)
