"""Telling central counterparties and clearing brokers of each trade, once (TradeCaptureReport).

`orders.street` says which trades there are; the worker drives `rounds.run`; operations act through
`people`. A bust is told as a cancel of the report that it refers to, a correction as a replacement.
"""
