"""Orders that a venue knows and we never sent: in suspense until two people adopt them.

What is adopted becomes executions of an order of ours under the venue's own ids, so that nothing
can be counted twice.
"""
