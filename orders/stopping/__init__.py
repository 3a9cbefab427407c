"""Asking many orders to stop, for kill switches and mass cancels: together or alone.

selecting     -> which open orders a scope or a filter means
at_once.ask   -> what works at venues and has nothing pending, by one set-based statement
asking.ask    -> everything else and every part of an order, one by one
"""
