"""Which examples are learnt from and which judge: the same for the same data, whoever converts it."""

import hashlib
from typing import Final

import numpy as np

from apps.governance.conversion.examples import Inputs, Labels, Mask

PPM: Final = 1_000_000


def choose_validation(keys: list[bytes], labels: Labels, share_ppm: int) -> Mask:
    """Return bool [N]: of each class its share, by the order of SHA3-256 over what the example says.

    Examples with the same key come to the same side, so that none judges that was learnt from. ``keys`` is
    what tells examples apart, before any conversion that depends on the choice.
    """
    digests = [hashlib.sha3_256(key).digest() for key in keys]
    chosen: set[bytes] = set()
    barred: set[bytes] = set()
    result = np.zeros(len(keys), dtype=np.bool_)
    for label in np.unique(labels):
        members = [int(number) for number in np.flatnonzero(labels == label)]
        wanted = max(1, len(members) * share_ppm // PPM)
        groups: dict[bytes, list[int]] = {}
        for number in members:
            groups.setdefault(digests[number], []).append(number)
        taken = sum(len(group) for digest, group in groups.items() if digest in chosen)
        for digest in sorted(groups):
            if digest in chosen or digest in barred:
                continue
            fits = taken < wanted and taken + len(groups[digest]) < len(members)
            (chosen if fits else barred).add(digest)
            taken += len(groups[digest]) if fits else 0
    for number, digest in enumerate(digests):
        result[number] = digest in chosen
    return result


def get_keys(inputs: Inputs) -> list[bytes]:
    """The bytes of every example."""
    return [row.tobytes() for row in inputs.reshape(len(inputs), -1)]
