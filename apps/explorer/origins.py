"""How a block's network came about, from hash to layers, as a part of its page.

It follows from the block's hash alone, and it is most of what the page costs: it is kept, rendered.
"""

import functools

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from apps.chain import api as chain
from apps.explorer.diagram import build_diagram
from apps.explorer.walk import build_walk
from apps.explorer.walk_html import write_bites, write_rules, write_step_rows, write_tree
from protocol.errors import ObjectMissing
from protocol.grammar import compute_seed

MOST_KEPT = 128
"""Networks in the memory of each web process, some 30 kB each."""


def render_origin(block: chain.Block) -> str:
    """Drawing and walk of a block's network; empty for genesis, and without its grammar."""
    if block.height == 0:
        return ""
    try:
        return _render(block.previous, block.transactions_root, block.nonce, block.problem, block.grammar)
    except ObjectMissing:  # not kept: it may arrive
        return ""


def forget_origins() -> None:
    """Keep nothing: tests use networks of several parameters in one process."""
    _render.cache_clear()


@functools.lru_cache(maxsize=MOST_KEPT)
def _render(previous: str, transactions: str, nonce: int, problem: str, grammar_id: str) -> SafeString:
    derivation, architecture = chain.derive_nonce(previous, transactions, nonce, problem, grammar_id)
    seed = compute_seed(previous, transactions, nonce)
    walk = build_walk(derivation, chain.get_grammar(grammar_id), architecture, seed)
    context = {
        "network": architecture,
        "walk": walk,
        "pieces": build_diagram(architecture, walk.layer_steps),
        "bites": write_bites(walk.steps),
        "rules": write_rules(walk.rules),
        "tree": write_tree(walk.rows),
        "step_rows": write_step_rows(walk.steps),
    }
    return render_to_string("explorer/_origin.html", context)
