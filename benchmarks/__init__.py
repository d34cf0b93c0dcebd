"""What README's performance tables are made by: ``python -m benchmarks``. Each file measures one thing.

Ratios are measured side by side in one run, interleaved, as CPU time of the process: seconds depend on the
machine and on who else uses it, ratios hardly do.
"""
