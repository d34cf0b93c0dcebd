"""The wallet's public face: the only module of this app that other apps import."""

__all__: list[str] = []
