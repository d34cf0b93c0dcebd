"""`manage.py put_object FILE`: give this node a model or data set that no peer has."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.chain.models import WantedObject
from apps.chain.peers.fetching import finish_object
from apps.chain.selectors import get_params
from apps.common import object_store
from protocol.errors import ProtocolError


class Command(BaseCommand):
    """Put a file into the object store; what waited for it is looked at again."""

    help = "Put a file into the object store. Blocks that waited for it go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and what it should be."""
        parser.add_argument("file", type=Path, help="a model, data set, problem manifest or grammar")
        parser.add_argument("--expected", help="object id; any other file is refused")

    def handle(self, *_: Any, file: Path, expected: str | None, **__: Any) -> None:
        """Store it under its id."""
        params = get_params()
        most = max(params.max_data_bytes, params.max_model_bytes)
        try:
            with file.open("rb") as source:
                pieces = iter(partial(source.read, object_store.PIECE_BYTES), b"")
                object_id, size = object_store.put_stream(pieces, max_bytes=most, expected=expected)
        except (OSError, ProtocolError) as error:
            raise CommandError(str(error)) from None
        wanted = WantedObject.objects.filter(object_id=object_id).first()
        finish_object(object_id=object_id)
        if wanted is None:
            self.stdout.write(f"{object_id}: {size} bytes are here; no block waits for them now.")
        else:
            self.stdout.write(f"{object_id}: {size} bytes, the {wanted.kind} of block {wanted.height}.")
