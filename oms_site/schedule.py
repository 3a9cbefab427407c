"""The beat timetable, by task name: what is swept again whether or not a bell was heard."""

from __future__ import annotations

TIMETABLE: dict[str, dict[str, object]] = {
    "route what is due": {"task": "orders.tasks.route", "schedule": 1.0},
    "move what would trade elsewhere": {"task": "orders.tasks.reroute", "schedule": 2.0},
    "release what is triggered": {"task": "orders.tasks.trigger", "schedule": 1.0},
    "look round": {"task": "orders.tasks.look_round", "schedule": 1.0},
    "ask about replacements": {"task": "orders.tasks.ask_replacing", "schedule": 15.0},
    "clear what was traded": {"task": "orders.tasks.clear", "schedule": 1.0},
    "book what is queued": {"task": "allocations.tasks.book", "schedule": 1.0},
    "settle what is booked": {"task": "allocations.tasks.settle", "schedule": 1.0},
    "tell of positions": {"task": "allocations.tasks.feed", "schedule": 1.0},
    "pay what bonds pay": {"task": "orders.tasks.corporate_actions", "schedule": 300.0},
    "note the words of orders": {"task": "orders.tasks.note_words", "schedule": 1.0},
    "remove old files": {"task": "allocations.tasks.prune_files", "schedule": 3600.0},
    "watch margin": {"task": "allocations.tasks.watch_margin", "schedule": 30.0},
    "compare with the outside": {"task": "orders.tasks.compare", "schedule": 900.0},
    "reconcile with venues": {"task": "orders.tasks.reconcile", "schedule": 300.0},
}
for _entry in TIMETABLE.values():
    # A bell nobody answered in time is worth nothing: the next one says the same.
    _entry["options"] = {"expires": 10}
