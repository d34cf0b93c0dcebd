"""What a node gives and takes: every bound of the messages and of what is kept for them.

All are a policy of this node; only ``PROTOCOL`` and the sizes of requests are agreed (docs/protocol.md §11).
"""

from typing import Final

PROTOCOL: Final = 1
AGENT: Final = "coinai/0.1"

# ── Messages
HELLO_BYTES: Final = 8192
"""Before a node has proven its key, a message may be no longer."""
ENVELOPE_BYTES: Final = 65_536
"""What a message may have besides a block."""
LEAST_MESSAGE_BYTES: Final = 2**20
"""A message may always have so many: 500 headers take 600 kB."""
MAX_HEADERS: Final = 500
MAX_LOCATOR: Final = 64
MAX_TXIDS: Final = 500
MAX_TRANSACTIONS: Final = 100
TRANSACTIONS_BYTES: Final = 512 * 1024
"""An answer with transactions ends here; the rest is asked for again."""
MAX_HASHES: Final = 64
MAX_ADDRESSES: Final = 100
MAX_PATH: Final = 32
PIECE_BYTES: Final = 128 * 1024
"""An object travels in pieces of so many bytes: 128 chunks, a whole subtree each."""

# ── Rates: a bucket a connection; whoever is over it is read more slowly
MESSAGES_A_SECOND: Final = 200.0
MESSAGES_AT_ONCE: Final = 1000
BYTES_A_SECOND: Final = 8.0 * 2**20
BYTES_AT_ONCE: Final = 32 * 2**20
FLOOD_SECONDS: Final = 20.0
"""Nobody is kept waiting for longer than this before its next message is read."""
OWN_QUESTIONS_A_SECOND: Final = 150.0
OWN_QUESTIONS_AT_ONCE: Final = 500
"""This node's own pace, below the rate that it reads others at: whoever is over that does not mean well."""
EXCESS_MESSAGES: Final = 2000
"""Questions beyond the rate, which are answered late, or for what is not here; one more is a flood."""
NEWS_A_SECOND: Final = 50.0
NEWS_AT_ONCE: Final = 1000
EXCESS_NEWS: Final = 1000
"""News beyond their rate that are dropped; one more is a flood."""
FORGIVEN_A_SECOND: Final = 5.0
"""So much of either excess is forgotten again."""
CANDIDATES_A_ROUND: Final = 64
"""Announcements of candidates on one parent and round that a peer may send."""
TWINS: Final = 4
"""Those of one miner among them, and bodies of one peer that are fetched."""
RELAYED_A_ROUND: Final = 32
RELAYED_TWINS: Final = 2
"""What this node relays of the two: half, so that nobody can make it seem to flood others."""
LATE_CANDIDATES: Final = 256
"""Candidates of rounds long over that are kept of one peer."""

# ── Patience, in seconds
HANDSHAKE_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 20.0
PING_SECONDS: Final = 15.0
SILENCE_SECONDS: Final = 60.0
SEND_SECONDS: Final = 30.0
CLAIM_SECONDS: Final = 30.0
"""An object that is being fetched is nobody else's for so long …"""
PIECES_SECONDS: Final = 10.0
"""… and again, if the next few pieces came within this time."""
BODY_SECONDS: Final = 6.0
"""After so long another peer is asked for a body, too: one who keeps silent holds nobody up."""
FRESH_SECONDS: Final = 30.0
"""A peer's row that was not refreshed for so long is a connection lost."""
REFRESH_SECONDS: Final = 3.0

# ── Queues
OUTBOX_MESSAGES: Final = 2000
OUTBOX_BYTES: Final = 16 * 2**20
KNOWN: Final = 20_000
"""Hashes kept a connection, of what the other end has or lacks."""
BODIES_AT_ONCE: Final = 16
OBJECTS_AT_ONCE: Final = 4
PIECES_AT_ONCE: Final = 4

# ── Headers and bodies ahead of the chain
HEADERS_AHEAD: Final = 20_000
BODIES_AHEAD: Final = 256
LOOSE_HEADERS: Final = 256
"""Announced candidates of one peer that stand on nothing known."""
OPEN_HEADERS: Final = 60_000
"""Kept of all peers together, besides those of the blocks that are here."""
ORPHAN_SECONDS: Final = 600.0
"""Headers of a peer that is gone are kept for so long, when there are too many."""
INBOX_SECONDS: Final = 300.0
"""A body whose parent does not come is kept for so long."""
RIVAL_HEIGHTS: Final = 20
"""Candidates so far below the tip, on which nothing stands, are forgotten."""
MAX_TRIES: Final = 12
"""So often a body is asked for in vain; then it waits to be announced again."""
LACKS_SECONDS: Final = 30.0
LONGEST_LACKS_SECONDS: Final = 1800.0
"""A peer that did not have something is asked again after so long, then after twice as long, up to this."""
MISSING_TRIES: Final = 3
"""After so many tries in vain the node says that something is missing."""
LATE_ANSWERS: Final = 1000
"""Questions that were given up, and whose answers may still come."""
KEPT_HEIGHTS: Final = 500
"""Headers so far below the tip are forgotten."""

# ── Addresses
BOOK_NEW: Final = 1000
BOOK_A_GROUP: Final = 8
BOOK_A_SOURCE: Final = 64
FORGET_DAYS: Final = 30
