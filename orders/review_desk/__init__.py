"""The review desk: what compliance sees of flagged orders, as rows, as one picture, and live.

Reads only. Decisions and claims go over the REST API to `orders.desk`.
"""
