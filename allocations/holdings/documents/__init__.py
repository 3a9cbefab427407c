"""Papers for people: statements of accounts and confirms of trades, as PDF and CSV.

The same facts give the same bytes: nothing in a paper depends on when it was printed.
"""
