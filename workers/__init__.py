"""Workers: what trains, submits and verifies. They know ``protocol`` and a site's address; no Django, no
database.
"""

import os

# As the site has it: one thread for NumPy's products (docs/decisions/0036).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

VERSION = "0.1.0"
