"""A second implementation of the protocol, written from its text alone and sharing no line with ``protocol/``.

Slow and plain on purpose: it exists to disagree. Two readings of the same text that agree bit for bit on the shipped
vectors and on blocks of a live node are the evidence that the rules are written down and not only coded.
"""
