"""The chain's part of the HTTP API (documented at /api/docs)."""

from ninja import Router

router = Router(tags=["chain"])
