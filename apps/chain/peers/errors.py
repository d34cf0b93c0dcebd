"""Refusals between nodes (codes 1400 to 1449)."""

from dataclasses import dataclass

from protocol.errors import ProtocolError


@dataclass(eq=False)
class BadNodeMessage(ProtocolError):
    """A message that is none of those that nodes send each other."""

    code = 1400
    name = "bad_node_message"
    reason: str

    @property
    def detail(self) -> str:
        return f"That is no message of a node: {self.reason}."


@dataclass(eq=False)
class NodeMessageTooLarge(ProtocolError):
    """A message larger than its kind may be."""

    code = 1401
    name = "node_message_too_large"
    size: int
    limit: int

    @property
    def detail(self) -> str:
        return f"The message has {self.size} bytes, more than the {self.limit} that are allowed here."


@dataclass(eq=False)
class OutOfTurn(ProtocolError):
    """A message that is not due now, or an answer to nothing that was asked."""

    code = 1402
    name = "out_of_turn"
    kind: str

    @property
    def detail(self) -> str:
        return f"A message of the kind {self.kind!r} is not due now."


@dataclass(eq=False)
class OtherNetwork(ProtocolError):
    """A node of another network, or of another chain of that name."""

    code = 1403
    name = "other_network"
    found: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The other node is on {self.found}, this one on {self.expected}."


@dataclass(eq=False)
class OtherVersion(ProtocolError):
    """A node that speaks another version of the messages."""

    code = 1404
    name = "other_version"
    found: int
    expected: int

    @property
    def detail(self) -> str:
        return (
            f"The other node speaks version {self.found} of the messages, this one {self.expected}; "
            "update the older one."
        )


@dataclass(eq=False)
class NodeNotProven(ProtocolError):
    """A node that does not have the key that it says it has."""

    code = 1405
    name = "node_not_proven"

    @property
    def detail(self) -> str:
        return "The signature does not prove the node's key for this connection."


@dataclass(eq=False)
class OwnNode(ProtocolError):
    """The node has called itself."""

    code = 1406
    name = "own_node"

    @property
    def detail(self) -> str:
        return "The other end has this node's own key."


@dataclass(eq=False)
class AlreadyConnected(ProtocolError):
    """There is a connection with this node already."""

    code = 1407
    name = "already_connected"

    @property
    def detail(self) -> str:
        return "These two nodes are connected already."


@dataclass(eq=False)
class NoRoomForPeers(ProtocolError):
    """No more connections are taken."""

    code = 1408
    name = "no_room_for_peers"
    limit: int

    @property
    def detail(self) -> str:
        return f"This node has its {self.limit} inbound connections; try another one."


@dataclass(eq=False)
class PeerBanned(ProtocolError):
    """A node or an address that is banned for now."""

    code = 1409
    name = "peer_banned"
    until: str
    reason: str

    @property
    def detail(self) -> str:
        return f"Banned until {self.until}: {self.reason.rstrip('.')}."


@dataclass(eq=False)
class TooManyNodeMessages(ProtocolError):
    """A flood of messages."""

    code = 1410
    name = "too_many_node_messages"
    limit: int

    @property
    def detail(self) -> str:
        return f"More than {self.limit} messages wait or came within a second."


@dataclass(eq=False)
class TooSlow(ProtocolError):
    """A peer that does not answer, does not read, or never says who it is."""

    code = 1411
    name = "too_slow"
    what: str
    seconds: float

    @property
    def detail(self) -> str:
        return f"No {self.what} within {self.seconds:g} seconds."


@dataclass(eq=False)
class EndlessHeaders(ProtocolError):
    """More headers than a better chain could need, without being better."""

    code = 1412
    name = "endless_headers"
    count: int

    @property
    def detail(self) -> str:
        return f"{self.count} headers led to no chain with more work than this node has."


@dataclass(eq=False)
class HeadersNotLinked(ProtocolError):
    """Headers that do not follow from each other, or from anything known."""

    code = 1413
    name = "headers_not_linked"
    height: int

    @property
    def detail(self) -> str:
        return f"The header at height {self.height} stands on nothing that is known here."


@dataclass(eq=False)
class CheckpointMissed(ProtocolError):
    """A chain that does not go through the pinned block."""

    code = 1414
    name = "checkpoint_missed"
    height: int
    expected: str
    found: str

    @property
    def detail(self) -> str:
        return f"At height {self.height} stands {self.found}; the checkpoint of this node is {self.expected}."


@dataclass(eq=False)
class WrongAnnouncement(ProtocolError):
    """An announced candidate whose reward, path or seal does not fit its header."""

    code = 1415
    name = "wrong_announcement"
    reason: str

    @property
    def detail(self) -> str:
        return f"The announced candidate is none: {self.reason}."


@dataclass(eq=False)
class WrongPiece(ProtocolError):
    """A piece of an object that its id does not prove."""

    code = 1416
    name = "wrong_piece"
    object_id: str
    piece: int

    @property
    def detail(self) -> str:
        return f"Piece {self.piece} of object {self.object_id} is not proven by the object's id."


@dataclass(eq=False)
class WrongBody(ProtocolError):
    """Another block than the one that was asked for."""

    code = 1417
    name = "wrong_body"
    asked: str
    found: str

    @property
    def detail(self) -> str:
        return f"Block {self.asked} was asked for, {self.found} came."


@dataclass(eq=False)
class Equivocation(ProtocolError):
    """More candidates of one miner for a round than a peer may announce."""

    code = 1418
    name = "equivocation"
    miner: str
    limit: int

    @property
    def detail(self) -> str:
        return f"More than {self.limit} candidates of {self.miner} for one parent and round."


@dataclass(eq=False)
class WrongPeerUrl(ProtocolError):
    """A text that is no address of a node."""

    code = 1419
    name = "wrong_peer_url"
    reason: str

    @property
    def detail(self) -> str:
        return f"That is no address of a node: {self.reason}."


@dataclass(eq=False)
class ClockWrong(ProtocolError):
    """The system clock is off, so that nothing may be published."""

    code = 1420
    name = "clock_wrong"
    offset_ms: int
    peers: int

    @property
    def detail(self) -> str:
        ahead = "behind" if self.offset_ms > 0 else "ahead of"
        return (
            f"This machine's clock is {abs(self.offset_ms) / 1000:.1f} seconds {ahead} the median of "
            f"{self.peers} peers; nothing is published until it is set right (run an NTP client)."
        )


@dataclass(eq=False)
class CannotJoin(ProtocolError):
    """No genesis document could be had from the nodes that were named."""

    code = 1421
    name = "cannot_join"
    reason: str

    @property
    def detail(self) -> str:
        return f"The chain cannot be joined: {self.reason.rstrip('.')}."
