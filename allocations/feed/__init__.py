"""The valuation feed: portfolio systems are told of every change of a client's position (N13).

The database queues a delivery with each movement; `sending` makes it; `people` says where to.
Delivered at least once, under one id, signed; what nobody takes is set aside for a person.
"""
