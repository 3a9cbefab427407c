"""From a booked leg to what has changed hands: confirm, compare, affirm, instruct, settle.

The worker drives it (`rounds.run`), operations act through `people` and `resending`. Only a
custodian's own message moves settled securities and money.
"""
