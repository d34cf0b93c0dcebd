"""/ws/node/: another node calls this one."""

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from apps.chain.peers.errors import BadNodeMessage
from apps.chain.peers.hub import get_hub
from apps.chain.peers.session import Session


class NodeConsumer(AsyncWebsocketConsumer):
    """An inbound connection; all that is said on it is the session's."""

    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session: Session | None = None

    async def connect(self) -> None:
        """Accept: who it is, is said in the first messages."""
        await self.accept()
        hub = get_hub()
        client = self.scope.get("client") or ("", 0)
        self.session = Session(
            hub, send=self._send, close=self._close, address=str(client[0]), is_caller=False
        )
        hub.add(self.session)
        await self.session.guard(self.session.start())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        """The other node is gone."""
        if self.session is not None:
            await self.session.end()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """One message; the next is read only when this one has been dealt with."""
        if self.session is None:
            return
        if text_data is None:
            await self.session.refuse(BadNodeMessage("it is not text"))
            return
        await self.session.hear(text_data)

    async def _send(self, text: str) -> None:
        await self.send(text_data=text)

    async def _close(self, code: int) -> None:
        await self.close(code)
