"""Workers: what trains, submits and verifies. They know ``protocol`` and a site's address; no Django, no
database.
"""

VERSION = "0.1.0"
