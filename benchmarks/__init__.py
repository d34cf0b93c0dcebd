"""What README's performance tables are made by: ``python -m benchmarks``. Each file measures one thing.

Ratios are measured side by side in one run, interleaved, as CPU time of the process: seconds depend on the
machine and on who else uses it, ratios hardly do.
"""

import os

# NumPy's idle threads spin, which counts as CPU time; everything here is measured on one core. Must be
# set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
