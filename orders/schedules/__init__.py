"""Execution schedules: an order worked in slices over time, by TWAP, VWAP or shortfall.

planning.plan(...)                    -> when how much is due: plain arithmetic, made once and kept
starting.start(...)                   -> a schedule of an order, in the unit of work of its caller
commands.start / pause / resume / cancel -> the same for people
sending.drain()                       -> due slices become execution orders; beat rings it
"""
