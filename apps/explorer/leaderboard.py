"""Models by quality: lists that cost the same however long the chain is."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.explorer.models import SIZE_CLASSES, ModelRecord, ModelReport
from apps.explorer.projections import build_record, get_size_class
from protocol.architecture import layers_to_json, parse_architecture
from protocol.errors import ObjectMissing, ProtocolError

MOST_PARAMETERS = 2**53

# One short search in each class of sizes, then the best of all: an order by error alone would be read from
# its good end, where the small networks are not.
BY_CLASS = """
SELECT record.* FROM (
    SELECT found.height FROM unnest(%s::smallint[]) AS class CROSS JOIN LATERAL (
        SELECT error, height FROM explorer_modelrecord
        WHERE problem = %s AND size_class = class AND parameters BETWEEN %s AND %s {layers} {after}
        ORDER BY error, height LIMIT %s
    ) AS found ORDER BY error, height LIMIT %s
) AS best JOIN explorer_modelrecord AS record ON record.height = best.height
ORDER BY record.error, record.height
"""
IN_ORDER = """
SELECT record.* FROM (
    SELECT height FROM explorer_modelrecord
    WHERE problem = %s {miner} {layers} {size} {after}
    ORDER BY error, height LIMIT %s
) AS best JOIN explorer_modelrecord AS record ON record.height = best.height
ORDER BY record.error, record.height
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models a list shows; None does not choose."""

    problem: str
    layers: int | None = None
    min_parameters: int | None = None
    max_parameters: int | None = None
    miner: str | None = None


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model: the blocks that carry it, lowest first, its network, and its report.

    The blocks are of the best chain. Where none of that carries it, they are evaluated ones beside it,
    and ``is_in_chain`` is False. ``report`` is None until it was computed.
    """

    model: str
    records: Sequence[ModelRecord]
    layers: Sequence[dict[str, Any]]
    report: ModelReport | None
    is_in_chain: bool

    @property
    def record(self) -> ModelRecord:
        """The first block that carries it."""
        return self.records[0]


def list_models(
    wanted: Wanted, *, after: tuple[int, int] | None = None, limit: int = 50
) -> Sequence[ModelRecord]:
    """Models of one problem, the lowest error first, then the oldest; behind ``after`` (error, height)."""
    conditions = {
        "after": "" if after is None else "AND (error, height) > (%s, %s)",
        "layers": "" if wanted.layers is None else "AND layers = %s",
        "miner": "" if wanted.miner is None else "AND miner = %s",
        "size": "",
    }
    layers = [] if wanted.layers is None else [wanted.layers]
    place = [] if after is None else list(after)
    has_size = wanted.min_parameters is not None or wanted.max_parameters is not None
    least, most = _get_sizes(wanted)
    if wanted.miner is None and (layers or has_size):
        classes = list(range(get_size_class(least), get_size_class(most) + 1))
        given = [classes, wanted.problem, least, most, *layers, *place, limit, limit]
        return list(ModelRecord.objects.raw(BY_CLASS.format(**conditions), given))
    miner = [] if wanted.miner is None else [wanted.miner]
    size: list[int] = []
    if has_size:
        conditions["size"], size = "AND parameters BETWEEN %s AND %s", [least, most]
    given = [wanted.problem, *miner, *layers, *size, *place, limit]
    return list(ModelRecord.objects.raw(IN_ORDER.format(**conditions), given))


def get_model(model: str) -> ModelView:
    """A model of a block, also of one beside the best chain. Raises NotFound."""
    records = list(ModelRecord.objects.filter(model=model).order_by("height")[:100])
    is_in_chain = bool(records)
    if not is_in_chain:
        records = list_outside(model)
    if not records:
        raise NotFound("model of this id")
    report = ModelReport.objects.filter(model=model, problem=records[0].problem).first()
    return ModelView(model, records, list_layers(records[0]), report, is_in_chain)


def list_outside(model: str) -> list[ModelRecord]:
    """Records, which are kept nowhere, of the evaluated blocks beside the best chain that carry a model."""
    found = chain.list_blocks_of_model(model)
    blocks = [row for row in found if not row.canonical and row.status == chain.Block.Status.VALID]
    parents = {row.hash: row.timestamp for row in _find_parents(blocks)}
    return [build_record(row, parents.get(row.previous, row.timestamp)) for row in blocks]


def _find_parents(blocks: Sequence[chain.Block]) -> Iterable[chain.Block]:
    if not blocks:
        return []
    return chain.Block.objects.filter(hash__in={row.previous for row in blocks}).only("hash", "timestamp")


def get_record(model: str) -> ModelRecord:
    """The first block that carries a model, of the best chain if one of it does. Raises NotFound."""
    record = ModelRecord.objects.filter(model=model).order_by("height").first()
    if record is not None:
        return record
    outside = list_outside(model)
    if not outside:
        raise NotFound("model of this id")
    return outside[0]


def list_layers(record: ModelRecord) -> list[dict[str, Any]]:
    """The layers of a record's network as in the API; empty when its problem is not here."""
    try:
        problem = chain.get_problem(record.problem)
        return _read_layers(record.text, problem.shape, problem.classes)
    except (ObjectMissing, ProtocolError):
        return []


@functools.lru_cache(maxsize=2000)  # lists show the same networks again and again; nobody changes them
def _read_layers(text: str, shape: tuple[int, int, int], classes: int) -> list[dict[str, Any]]:
    network = parse_architecture(text, shape, classes)
    return layers_to_json(network)  # type: ignore[return-value]  # a list of objects


def list_layer_counts(problem: str) -> Sequence[int]:
    """The numbers of layers that models of a problem have, ascending, for a filter."""
    # A loose index scan: one step for each number that occurs, not one for each model.
    rows = ModelRecord.objects.raw(
        """
        WITH RECURSIVE step AS (
            SELECT min(layers) AS layers FROM explorer_modelrecord WHERE problem = %s
            UNION ALL
            SELECT (SELECT min(layers) FROM explorer_modelrecord WHERE problem = %s AND layers > step.layers)
            FROM step WHERE step.layers IS NOT NULL
        )
        SELECT layers AS height, layers FROM step WHERE layers IS NOT NULL ORDER BY layers
        """,
        [problem, problem],
    )
    return [row.layers for row in rows]


def _get_sizes(wanted: Wanted) -> tuple[int, int]:
    least = 0 if wanted.min_parameters is None else wanted.min_parameters
    most = MOST_PARAMETERS if wanted.max_parameters is None else wanted.max_parameters
    return least, max(least, min(most, MOST_PARAMETERS))


CLASS_SIZES = [2**n for n in range(SIZE_CLASSES)]
"""Where the classes of sizes begin: filters with these bounds are the quickest."""
