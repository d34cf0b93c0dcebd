"""Nodes that are killed and cut off while two miners compete end on one chain; `make bench-network` goes on
for hours.
"""

from pathlib import Path

import pytest

from benchmarks.network import soak

pytestmark = pytest.mark.network


def test_through_churn_all_nodes_end_with_the_same_commitment_at_every_height(tmp_path: Path) -> None:
    *_, rows = soak.measure(tmp_path, seconds=12, nodes=3)
    row = dict(zip(soak.HEADER, rows[0], strict=True))
    assert int(str(row["blocks"])) >= 3
    assert int(str(row["kills"])) + int(str(row["cuts"])) >= 1
