"""Proof that the books are right: every row against its events, its neighbors and the outside.

`manage.py check_books` calls `running.run`, and so does the end of every test that breaks things.
It reads one snapshot, decides nothing, repairs nothing and writes nothing that stays.
"""
