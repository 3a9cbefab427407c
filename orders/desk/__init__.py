"""The desk: every command on orders, each for a sequence of them, one being the special case.

submit(requests)              -> a result per request
release(...) / refuse(...)    -> decisions on flagged orders
cancel(...)                   -> cancel requests
execute(...), execute_all(...) -> execution orders on staged orders
report_trade(...)             -> trades made elsewhere
replace(...)                  -> requests to change terms
ask(...), counter(...), cancel_rfq(...) -> requests for quotes
"""

from orders.desk.allocating import cancel_allocation
from orders.desk.canceling import cancel, cancel_execution, stop
from orders.desk.deciding_reports import decide_report
from orders.desk.executing import execute, execute_all
from orders.desk.external import report_trade
from orders.desk.inquiring import ask, cancel_rfq, counter
from orders.desk.replacing import replace
from orders.desk.reviewing import claim, decide
from orders.desk.submitting import preview, submit
from orders.requests import Result

__all__ = [
    "Result",
    "ask",
    "cancel",
    "cancel_allocation",
    "cancel_execution",
    "cancel_rfq",
    "claim",
    "counter",
    "decide",
    "decide_report",
    "execute",
    "execute_all",
    "preview",
    "replace",
    "report_trade",
    "stop",
    "submit",
]
