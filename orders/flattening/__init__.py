"""Closing positions out under a halt that lets only reducing orders pass.

sizing     -> what there is, what is open, and the order that would lessen it; nothing is changed
proposing  -> one person proposes what he has seen
deciding   -> a second one agrees to just that, or somebody refuses it
working    -> the orders go through the ordinary door, batch by batch, each once
views      -> how it is told
"""
