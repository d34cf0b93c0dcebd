"""Somebody who uploads through the API."""

from typing import Any

from django.test import Client

from apps.governance import services
from apps.governance.models import Upload


class Sender:
    """Somebody who uploads through the API."""

    def __init__(self, client: Client, size: int, filename: str = "flowers.csv") -> None:
        self.client = client
        answer = client.post(
            "/api/v1/uploads", {"filename": filename, "bytes": size}, content_type="application/json"
        )
        assert answer.status_code == 201, answer.content
        self.id, self.token = answer.json()["id"], answer.json()["token"]

    def put(self, data: bytes, offset: int, token: str | None = None) -> Any:
        """Send a piece."""
        return self.client.put(
            f"/api/v1/uploads/{self.id}/pieces?offset={offset}",
            data=data,
            content_type="application/octet-stream",
            headers={"Authorization": f"Bearer {token or self.token}"},
        )

    def ask(self, method: str = "post", token: str | None = None, **options: Any) -> Any:
        """Ask for the conversion, or have the upload dropped."""
        path = f"/api/v1/uploads/{self.id}" + ("/conversion" if method == "post" else "")
        return getattr(self.client, method)(
            path,
            options,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token or self.token}"},
        )

    def convert(self, **options: Any) -> dict[str, Any]:
        """Have it converted as the site's worker does, and return its state."""
        assert self.ask(**options).status_code == 202
        services.convert_upload(upload=Upload.objects.get(id=self.id).id)
        return self.state()

    def state(self) -> dict[str, Any]:
        """What the API says of it."""
        return dict(self.client.get(f"/api/v1/uploads/{self.id}").json())


def send(client: Client, content: bytes, filename: str = "flowers.csv") -> Sender:
    """Upload a file in one piece."""
    sender = Sender(client, len(content), filename)
    assert sender.put(content, 0).json()["received"] == len(content)
    return sender
