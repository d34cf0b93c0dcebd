"""A chain that nobody mined, to see what the site does with a million blocks.

`plan` decides what each block is like, `economy` who pays whom, `blocks` makes the rows of both, `load`
brings them into the database, and `make` does it all. Headers follow the rules of thresholds and rounds,
architectures are derived, amounts add up to the ledger at the end; signatures are random bytes, and most
models were never made.
"""
