"""Central matching: services that stand between us and the other side of a trade.

Which trades go there is data; how each is spoken to is one folder of `services`.
"""
