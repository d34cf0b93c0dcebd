"""A peer by script, for tests and benchmarks: it shakes hands as it should, then says whatever it is told.

`ScriptedPeer` speaks and listens (raw texts, or messages); `MinerPeer` has a chain from the desk and answers
for it as an honest node does.
"""

import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from apps.chain.peers import limits, messages
from apps.chain.peers.handshake import sign_proof
from apps.chain.peers.messages import Message, encode_message, parse_message
from apps.chain.peers.pieces import compute_path
from protocol.blocks import Block
from protocol.crypto import public_key
from protocol.encoding import decode, encode
from protocol.merkle import inclusion_path, object_id
from tests.network.desk import Desk


class ScriptedPeer:
    """One connection to a node's /ws/node/, proven with a key of its own."""

    def __init__(self, url: str, desk: Desk, *, secret: bytes | None = None, clock: float = 0.0) -> None:
        self.url = "ws" + url.removeprefix("http") + "/ws/node/"
        self.desk = desk
        self.secret = secret or secrets.token_bytes(32)
        self.key = public_key(self.secret).hex()
        self.heard: queue.Queue[Message] = queue.Queue()
        self.refused: messages.Refused | None = None
        self.hello: messages.Hello | None = None
        self._clock = clock
        self._socket: ClientConnection | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._nonce = secrets.token_hex(32)
        self._shaking = threading.Lock()
        self._has_said_hello = False

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ── speaking

    def open(self) -> None:
        """Open the socket and say nothing."""
        self._socket = connect(self.url, max_size=8 * 2**20, open_timeout=20, compression=None)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def connect(self, *, seconds: float = 20) -> None:
        """Open and shake hands. Raises AssertionError when the node refuses."""
        self.open()
        self.say_hello()
        assert self._ready.wait(seconds) or self.refused, "no handshake"
        assert self.refused is None, self.refused

    def say_hello(self, **changed: Any) -> None:
        """Begin the handshake; the proof follows when the node has said hello, too."""
        self.send(self.build_hello(**changed))
        with self._shaking:
            self._has_said_hello = True
        self._prove()

    def _prove(self) -> None:
        with self._shaking:
            if self.hello is None or not self._has_said_hello:
                return
            self._has_said_hello = False  # once
        self.send(messages.Proof(self.sign(self.hello)))

    def build_hello(self, **changed: Any) -> messages.Hello:
        """What an honest node would say; change what the test is about."""
        tip = self.desk.tip
        terms: dict[str, Any] = {
            "protocol": limits.PROTOCOL,
            "network": self.desk.genesis.network,
            "genesis": self.desk.blocks[0].hash,
            "key": self.key,
            "nonce": self._nonce,
            "url": "",
            "agent": "script/1",
            "clock": self.read_clock(),
            "tip": tip.hash,
            "height": tip.height,
            "work": self.desk.work,
        }
        return messages.Hello(**(terms | changed))

    def read_clock(self) -> int:
        """Unix milliseconds, as far off as was asked for."""
        return int((time.time() + self._clock) * 1000)

    def send(self, message: Message) -> None:
        """Say something."""
        self.send_text(encode_message(message))

    def send_text(self, text: str | bytes) -> None:
        """Say anything; what the other end no longer hears is dropped."""
        assert self._socket is not None
        with contextlib.suppress(ConnectionClosed):
            self._socket.send(text)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        if self._thread is not None:
            self._thread.join(timeout=10)

    @property
    def is_open(self) -> bool:
        """Whether the node still holds the connection."""
        return self._thread is not None and self._thread.is_alive()

    # ── listening

    def wait_for(self, kind: type[Message], *, seconds: float = 20) -> Any:
        """The next message of a kind; others are skipped."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.heard.get(timeout=max(0.01, deadline - time.monotonic()))
            if isinstance(message, kind):
                return message

    def wait_until_refused(self, *, seconds: float = 30) -> messages.Refused:
        """Why the node ended the connection."""
        assert self._thread is not None
        self._thread.join(timeout=seconds)
        assert not self._thread.is_alive(), "the node still holds the connection"
        assert self.refused is not None, "it ended without a reason"
        return self.refused

    def answer(self, message: Message) -> None:
        """Do something about a message; the honest least by default."""
        if isinstance(message, messages.Ping):
            self.send(messages.Pong(message.id, self.read_clock()))

    def _listen(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(ConnectionClosed, OSError):
            for text in self._socket:
                self._take(parse_message(str(text), max_bytes=8 * 2**20))

    def _take(self, message: Message) -> None:
        if isinstance(message, messages.Refused):
            self.refused = message
            self._ready.set()
        elif isinstance(message, messages.Hello):
            self.hello = message
            self._prove()
        elif isinstance(message, messages.Proof):
            self._ready.set()
        else:
            self.answer(message)
            self.heard.put(message)

    def sign(self, hello: messages.Hello) -> str:
        """The proof that the node asks for."""
        return sign_proof(
            self.secret,
            genesis=self.desk.blocks[0].hash,
            nonce=hello.nonce,
            signer=self.key,
            other=hello.key,
            is_caller=True,
        )


class MinerPeer(ScriptedPeer):
    """Has the desk's chain, announces what is mined on it, and gives all that a node asks for."""

    def __init__(self, url: str, desk: Desk, **terms: Any) -> None:
        super().__init__(url, desk, **terms)
        self.pending: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def announce(self, block: Block) -> None:
        """Tell of a block as of a candidate that this peer has evaluated."""
        self.send(to_candidate(block))
        self.send(messages.HaveBlocks((block.hash,)))

    def tell_tip(self) -> None:
        """The desk's chain is this peer's best."""
        self.send(messages.Tip(self.desk.tip.hash, self.desk.tip.height, self.desk.work))

    def answer(self, message: Message) -> None:
        """As an honest node does, from the desk."""
        match message:
            case messages.GetHeaders():
                self.send(messages.Headers(message.id, self._list_headers(message.locator)))
            case messages.GetBlock():
                self.send(self._find_block(message))
            case messages.GetPiece():
                self.send(self._find_piece(message))
            case messages.GetTransactions():
                self.send(messages.Transactions(message.id, ()))
            case messages.GetAddresses():
                self.send(messages.Addresses(message.id, ()))
            case _:
                super().answer(message)

    def _list_headers(self, locator: tuple[str, ...]) -> tuple[Any, ...]:
        heights = {block.hash: height for height, block in enumerate(self.desk.blocks)}
        begin = next((heights[name] for name in locator if name in heights), 0)
        found = self.desk.blocks[begin + 1 : begin + 1 + limits.MAX_HEADERS]
        return tuple(dict(block.header.to_json()) for block in found)

    def _find_block(self, message: messages.GetBlock) -> Message:
        for block in reversed(self.desk.blocks):
            if block.hash == message.hash:
                return messages.BlockMessage(message.id, to_json(block))
        return messages.Missing(message.id)

    def _find_piece(self, message: messages.GetPiece) -> Message:
        data = self.desk.models.get(message.object)
        if data is None:
            return messages.Missing(message.id)
        return make_piece(data, message)


def to_json(block: Block) -> dict[str, Any]:
    """A block as an object."""
    value = decode(
        encode(
            {
                "header": block.header.to_json(),
                "transactions": [item.to_json() for item in block.transactions],
            }
        )
    )
    assert isinstance(value, dict)
    return value


def to_candidate(block: Block) -> messages.Candidate:
    """A block's announcement."""
    leaves = [bytes.fromhex(item.txid) for item in block.transactions]
    path = tuple(node.hex() for node in inclusion_path(leaves, 0))
    content = to_json(block)
    return messages.Candidate(content["header"], content["transactions"][0], path, len(leaves))


def make_piece(data: bytes, message: messages.GetPiece) -> messages.Piece:
    """The piece of an object that is asked for."""
    size = limits.PIECE_BYTES
    parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    roots = [bytes.fromhex(object_id(part)) for part in parts]
    path = tuple(node.hex() for node in compute_path(roots, message.piece))
    return messages.Piece(message.id, len(data), parts[message.piece], path)


Speaker = Callable[[ScriptedPeer], None]
