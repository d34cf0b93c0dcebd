"""Making room: the chunk that pays least goes, always the end of a sender's chain, so that no gap is left."""

from apps.chain.errors import Evicted
from apps.chain.mempool.chains import Chain, load_chains, save_rates
from apps.chain.mempool.limits import Limits
from apps.chain.mempool.rows import PENDING, Drop, drop
from apps.chain.mempool.state import count_out, is_over, raise_floor
from apps.chain.models import MempoolState, Transaction
from apps.chain.rates import split_chunks


def make_room(state: MempoolState, limits: Limits) -> list[Drop]:
    """Evict the worst until the limits are kept; returns what went. The caller saves ``state``."""
    gone: list[Drop] = []
    while is_over(state, limits):
        chain = _find_worst()
        if chain is None:
            return gone
        chosen = _choose_end(chain)
        gone += drop(chosen)
        count_out(state, [item.row for item in chosen])
        raise_floor(state, limits, max(0, chosen[0].row.effective))
        save_rates(chain.rate())
    return gone


def _find_worst() -> Chain | None:
    """The chain at whose end the lowest rate is; of several the one that came last."""
    order = ("effective", "-queued_at", "-sender", "-sequence")
    row = Transaction.objects.filter(status=PENDING).defer("raw").order_by(*order).first()
    return None if row is None else load_chains([row.sender])[0]


def _choose_end(chain: Chain) -> list[Drop]:
    """Take the last chunk off the chain; of what cannot follow anyway, the last one."""
    ready = chain.ready
    count = 1
    if len(ready) == len(chain.rows):
        count = split_chunks([(row.fee, row.size) for row in ready])[-1].count
    end = chain.rows[-count:]
    del chain.rows[-count:]
    return [Drop(row, Evicted(max(0, row.effective))) for row in end]
