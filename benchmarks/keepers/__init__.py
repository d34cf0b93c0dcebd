"""A thousand keepers that come, go, die, sleep and rot over a year of blocks, on the rules of the ledger.

``python -m benchmarks.keepers`` plays scenarios and writes a table and plots (docs/storage.md shows them).
What is real: every transition is `protocol.ledger.apply_block` with the parameters of the main network,
and every answer is a chunk with its path, which the rules check against the object's id. What is left out:
networks and disks (times are drawn), signatures, the commitment to the state, and training.
"""
