"""The explorer's reads for pages and programs, each a constant number of queries on a chain of any length."""

from apps.explorer.histories import (
    AddressView,
    HistoryRow,
    get_active,
    get_address,
    get_content,
    list_contents,
    list_history,
    list_mined,
)
from apps.explorer.leaderboard import (
    CLASS_SIZES,
    ModelView,
    Wanted,
    get_model,
    get_record,
    list_layer_counts,
    list_layers,
    list_models,
)
from apps.explorer.search import Hit, get_only_hit, search
from apps.explorer.statistics import Point, Series, get_series, get_totals

__all__ = [
    "CLASS_SIZES",
    "AddressView",
    "HistoryRow",
    "Hit",
    "ModelView",
    "Point",
    "Series",
    "Wanted",
    "get_active",
    "get_address",
    "get_content",
    "get_model",
    "get_only_hit",
    "get_record",
    "get_series",
    "get_totals",
    "list_contents",
    "list_history",
    "list_layer_counts",
    "list_layers",
    "list_mined",
    "list_models",
    "search",
]
