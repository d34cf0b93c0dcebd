"""What other apps hear from the chain, inside the connecting or disconnecting database transaction.

A receiver that raises makes the whole connection of the block fail: it may write its own rows, nothing
else; messages belong into `transaction.on_commit`.
"""

from django.dispatch import Signal

block_connected = Signal()
"""Sent with ``block`` (apps.chain.models.Block), ``contents`` (protocol.blocks.Block) and ``changes`` of
the ledger.
"""

block_disconnected = Signal()
"""Sent with ``block`` (apps.chain.models.Block), ``contents`` (protocol.blocks.Block) and ``changes`` of
the ledger, which are already taken back.
"""

candidate_received = Signal()
"""Sent with ``block`` (apps.chain.models.Block) once its row is written."""
