"""Requests for quotes: asking dealers, hearing them, hitting one, by hand or by criteria.

Called by the desk, by the reports and by the sweep. Every change of an inquiry happens under the
lock of its order; a hit moves nothing but pending facts until the dealer's execution report.
"""
