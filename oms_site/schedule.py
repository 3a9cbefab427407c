"""The beat timetable, by task name: what is swept again whether or not a bell was heard."""

from __future__ import annotations

TIMETABLE: dict[str, dict[str, object]] = {
    "route what is due": {"task": "orders.tasks.route", "schedule": 1.0},
    "move what would trade elsewhere": {"task": "orders.tasks.reroute", "schedule": 2.0},
    "release what is triggered": {"task": "orders.tasks.trigger", "schedule": 1.0},
    "work what is scheduled": {"task": "orders.tasks.run_schedules", "schedule": 1.0},
    "settle lists of orders": {"task": "orders.tasks.settle_lists", "schedule": 1.0},
    "drain what is halted": {"task": "orders.tasks.drain_halts", "schedule": 1.0},
    "drain order groups": {"task": "orders.tasks.drain_order_groups", "schedule": 1.0},
    "go on with amendments": {"task": "orders.tasks.resume_replacing", "schedule": 1.0},
    "ask about replacements": {"task": "orders.tasks.ask_replacing", "schedule": 15.0},
    "look at circuit breakers": {"task": "orders.tasks.look_at_breakers", "schedule": 1.0},
    "ask what is mass canceled": {"task": "orders.tasks.drain_mass_cancels", "schedule": 1.0},
    "expire what is over": {"task": "orders.tasks.expire", "schedule": 1.0},
    "calculate what was filled": {"task": "orders.tasks.allocate", "schedule": 1.0},
    "clear what was traded": {"task": "orders.tasks.clear", "schedule": 1.0},
    "look at quotes": {"task": "orders.tasks.quote", "schedule": 1.0},
    "book what is queued": {"task": "allocations.tasks.book", "schedule": 1.0},
    "settle what is booked": {"task": "allocations.tasks.settle", "schedule": 1.0},
    "tell of positions": {"task": "allocations.tasks.feed", "schedule": 1.0},
    "pay what bonds pay": {"task": "orders.tasks.corporate_actions", "schedule": 300.0},
    "watch margin": {"task": "allocations.tasks.watch_margin", "schedule": 30.0},
    "compare with the outside": {"task": "orders.tasks.compare", "schedule": 900.0},
    "reconcile with venues": {"task": "orders.tasks.reconcile", "schedule": 300.0},
}
for _entry in TIMETABLE.values():
    # A bell nobody answered in time is worth nothing: the next one says the same.
    _entry["options"] = {"expires": 10}
