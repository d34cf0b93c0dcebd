"""Other nodes: connections over /ws/node/, what is said on them, synchronisation, scores and bans.

``session`` is the one state machine of a connection, inbound (in a web process, ``consumers``) or outbound
(in the node's process, ``calling``). A ``hub`` holds the sessions of a process. All that they learn they
write as rows, and the node's loop does the rest; docs/decisions/0027 says why.
"""
