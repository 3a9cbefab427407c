"""The desk: every command on orders, each for a sequence of them, one being the special case.

submit(requests)              -> a result per request
release(...) / refuse(...)    -> decisions on flagged orders
cancel(...)                   -> cancel requests
execute(...)                  -> execution orders on staged orders
report_trade(...)             -> trades made elsewhere
"""

from orders.desk.allocating import cancel_allocation
from orders.desk.canceling import cancel, cancel_execution
from orders.desk.executing import execute
from orders.desk.external import report_trade
from orders.desk.reviewing import decide
from orders.desk.submitting import preview, submit
from orders.requests import Result

__all__ = [
    "Result",
    "cancel",
    "cancel_allocation",
    "cancel_execution",
    "decide",
    "execute",
    "preview",
    "report_trade",
    "submit",
]
