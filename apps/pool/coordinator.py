"""The coordinator: one loop that follows the tip, keeps leases queued and publishes the best model."""

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.models import F
from django.utils import timezone

from apps.chain import api as chain
from apps.common.live import publish as publish_live
from apps.pool import alerts, live, selectors, services
from apps.pool.conf import PoolSettings, get_pool_settings
from apps.pool.dispatch import BrokerGoneError, LeaseQueue
from apps.pool.models import Lease, LeaseState, Template
from apps.pool.push import push_cancel, push_open, push_target

MOST_SLEEP = 1.0
TIDY_SECONDS = 60.0
BROKER_BACKOFF = (0.5, 10.0)
UNTAKEN_WARNING_SECONDS = 60.0

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Clock:
    """When the next of several things is due, on the monotonic clock."""

    refresh: float = 0.0
    renewal: float = 0.0
    tidy: float = 0.0
    broker: float = 0.0
    warning: float = 0.0
    payouts: float = 0.0


@dataclass
class Coordinator:
    """One pass of the loop is `step`; it may be killed anywhere, every step is safe to run again."""

    secret: bytes
    key: bytes
    queue: LeaseQueue
    settings: PoolSettings = field(default_factory=get_pool_settings)
    template: Template | None = None
    shown_best: dict[str, object] | None = None
    due: Clock = field(default_factory=Clock)
    backoff: float = 0.0
    step_seconds: float = 0.0  # how long the last step took
    heard_since: float = -math.inf  # since when workers could be heard, on the monotonic clock

    def step(self, now: float | None = None) -> float:
        """Do what is due; returns how many seconds may pass before the next step. Raises OperationalError."""
        began = time.monotonic()
        view = chain.get_round(now)
        self.follow_tip(view)
        self.watch_leases()
        services.settle_publications(now=view.now)
        self.keep_books()
        wait = self.publish(view)
        self.show_best()
        self.dispatch()
        self.tidy()
        self.step_seconds = time.monotonic() - began
        return min(max(0.0, wait - self.step_seconds), MOST_SLEEP)

    def follow_tip(self, view: chain.RoundView) -> None:
        """Void what a new tip made worthless, tell the workers, then open the next template."""
        if not chain.may_publish():
            self.pause()
            return
        parent = view.parent.hash
        voided = services.void_epochs(parent=parent, problem=view.problem, grammar=view.grammar)
        for old in voided.parents:
            push_cancel(parent=old, reason="new_tip")
        if voided.epochs:
            logger.info("voided", epochs=voided.epochs, leases=voided.leases)
            self.template = None
            self.forget_messages()
        if self.template is None or time.monotonic() >= self.due.refresh or self.is_used_up():
            self.open_template(view)
        target = selectors.get_target_error(parent, view.problem, floor=view.floor)
        if services.set_target(parent=parent, target_error=target):
            push_target(parent=parent, target_error=target)

    def pause(self) -> None:
        """Nothing made here now would count: the clock is off, or this node catches up. Let all work rest."""
        voided = services.void_epochs(parent="", problem="", grammar="")
        for old in voided.parents:
            push_cancel(parent=old, reason="paused")
        if voided.epochs:
            logger.warning("paused", leases=voided.leases, hint="/healthz says why")
            self.forget_messages()
        self.template = None

    def note_start(self) -> None:
        """This process begins its work, or goes on after the database was away."""
        self.heard_since = time.monotonic()

    def is_used_up(self) -> bool:
        """Whether all nonces that the template's transactions open are leased (docs/protocol.md §3).

        More come with the next transaction: then one looks for it every second, and not once a round.
        """
        if self.template is None or time.monotonic() < self.due.renewal:
            return False
        self.due.renewal = time.monotonic() + MOST_SLEEP
        return Template.objects.filter(epoch=self.template.epoch, next_nonce__gte=F("nonce_limit")).exists()

    def open_template(self, view: chain.RoundView) -> None:
        """Open a template on the tip, or renew it with the transactions that came in."""
        self.due.refresh = time.monotonic() + view.round_seconds
        template = services.open_template(key=self.key, now=view.now)
        if self.template is None or template.epoch != self.template.epoch:
            logger.info("template", epoch=template.epoch, height=template.height, parent=template.parent[:12])
            # Joined workers get their next leases before they have noticed the end of the last.
            push_open(parent=template.parent)
        self.template = template

    def watch_leases(self) -> None:
        """Expire the leases of silent workers; their ranges are leased anew.

        After the database was away every lease looks silent: workers get the time of a lease to come back,
        else the models that they hold would be refused.
        """
        if time.monotonic() < self.heard_since + self.settings.lease_seconds:
            return
        for lease in services.expire_leases():
            logger.warning("lease_expired", lease=str(lease.id), worker=lease.worker, attempt=lease.attempt)

    def keep_books(self) -> None:
        """Let the books follow the chain, and pay what is due."""
        services.settle_receipts()
        services.renew_payouts(secret=self.secret)
        if time.monotonic() >= self.due.payouts:
            self.due.payouts = time.monotonic() + self.settings.payout_seconds
            services.prepare_payouts(secret=self.secret)
        services.follow_payouts()

    def publish(self, view: chain.RoundView) -> float:
        """Publish near the end of the round; returns the seconds until then."""
        margin = min(self.settings.publish_margin, self.settings.publish_margin_share * view.round_seconds)
        wait = view.ends - margin - view.now
        # On a busy machine one more step might take until the round is over: then rather a little early.
        if wait > self.step_seconds:
            return wait
        row = services.publish(secret=self.secret, key=self.key, now=view.now)
        if row is not None:
            logger.info("published", block=row.block, round=row.round, state=row.state, code=row.refused_code)
        return view.ends - view.now

    def show_best(self) -> None:
        """Tell the live page when the best model, or the round it wins, has changed."""
        best = live.read_pool_best()
        if best != self.shown_best:
            publish_live("pool_best", best)
            self.shown_best = best

    def dispatch(self) -> None:
        """Keep as many leases queued as there are workers, and one more; back off without a broker."""
        if self.template is None or time.monotonic() < self.due.broker:
            return
        try:
            self.find_lost_messages()
            for lease in services.plan_leases(epoch=self.template.epoch):
                self.send(lease)
        except BrokerGoneError as error:
            least, most = BROKER_BACKOFF
            self.backoff = min(most, max(least, 2 * self.backoff))
            self.due.broker = time.monotonic() + self.backoff
            logger.warning("broker_gone", error=str(error), next_try_s=self.backoff)
        else:
            self.backoff = 0.0

    def send(self, lease: UUID) -> None:
        """Send one lease. Raises BrokerGoneError, with the lease waiting for the next attempt."""
        token = services.mark_dispatched(lease=lease)
        if token is None:
            return
        try:
            self.queue.send(lease=str(lease), token=token)
        except BrokerGoneError:
            services.take_back_dispatch(lease=lease)
            raise

    def find_lost_messages(self) -> None:
        """Send leases again whose messages are gone: a worker died with them, or the broker forgot them."""
        now = timezone.now()
        sent = Lease.objects.filter(state=LeaseState.DISPATCHED)
        oldest = sent.order_by("dispatched_at").values_list("dispatched_at", flat=True).first()
        if oldest is None:
            return
        age = (now - oldest).total_seconds()
        is_busy = Lease.objects.filter(state=LeaseState.RUNNING).exists()
        # While workers are busy, one of them may hold the message, fetched ahead, as long as a lease lasts.
        patience = self.settings.redispatch_seconds if is_busy else self.settings.lost_seconds
        if age < patience:
            return
        in_queue = self.queue.count()
        if in_queue < sent.count():
            again = services.requeue_leases(older_than=now - timedelta(seconds=patience))
            logger.warning("messages_lost", in_queue=in_queue, sent_again=again)
        elif age > UNTAKEN_WARNING_SECONDS and time.monotonic() > self.due.warning:
            self.due.warning = time.monotonic() + UNTAKEN_WARNING_SECONDS
            logger.warning("no_worker", hint="leases wait: start a worker for queue `mining`")

    def forget_messages(self) -> None:
        """Drop the messages of void leases; those that stay are refused at hello in milliseconds."""
        try:
            self.queue.purge()
        except BrokerGoneError as error:
            logger.warning("broker_gone", error=str(error))

    def tidy(self) -> None:
        """Prune old rows and files now and then, and see whether a worker has fallen silent."""
        if time.monotonic() < self.due.tidy:
            return
        self.due.tidy = time.monotonic() + TIDY_SECONDS
        alerts.watch_workers()
        pruned = {name: count for name, count in services.prune().items() if count}
        if pruned:
            logger.info("pruned", **pruned)


class Verifier(threading.Thread):
    """Scores models beside the loop, the best claim first, so that a new tip never waits for a score."""

    def __init__(self) -> None:
        super().__init__(name="verifier", daemon=True)  # a score in progress must not hold up the end
        self._wake = threading.Event()
        self._stop_asked = threading.Event()
        self.failure: Exception | None = None

    def wake(self) -> None:
        """Look for models now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the present model."""
        self._stop_asked.set()
        self._wake.set()

    def run(self) -> None:
        """Score until stopped."""
        try:
            while not self._stop_asked.is_set():
                self._wake.wait(MOST_SLEEP)
                self._wake.clear()
                self._score_waiting()
        except Exception as error:  # noqa: BLE001  handed to the loop, which ends the process with it
            self.failure = error
        finally:
            connection.close()

    def _score_waiting(self) -> None:
        try:
            while not self._stop_asked.is_set():
                close_old_connections()
                row = services.verify_next()
                if row is None:
                    return
                logger.info(
                    "scored",
                    model=row.model[:12],
                    claimed=row.claimed_error,
                    error=row.error,
                    state=row.state,
                )
        except (OperationalError, InterfaceError) as error:
            logger.warning("database_gone", error=str(error).strip())
            connection.close()
