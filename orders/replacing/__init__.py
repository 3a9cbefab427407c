"""Replacing an order's terms: what is asked of which venue, and what each answer means.

`planning` says what would have to change, `sending` asks the venues, `answers` takes what they say;
the terms that come into force are `orders.revisions`'s. The desk asks, the reports answer.
"""
