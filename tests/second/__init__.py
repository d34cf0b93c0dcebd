"""A second implementation of the protocol, from its text alone, sharing no line with ``protocol/``.

Slow and plain on purpose: it exists to disagree. Two readings of the same text that agree bit for bit on the
shipped vectors and on the blocks of a live node show that the rules are written down and not only coded.
"""
