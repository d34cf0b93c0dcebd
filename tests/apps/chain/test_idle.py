"""Whoever stands still in the middle of a transaction is cut off, so that it does not stop the chain."""

import os
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db import transaction as database

from apps.chain.models import Block
from apps.chain.store import lock_tip
from coinai_web.environment import read_database

pytestmark = pytest.mark.django_db(transaction=True)


def connect(idle_seconds: int) -> psycopg.Connection[Any]:
    """A connection as a process of the site opens it, to the database of the tests."""
    options = read_database("DATABASE_URL", pooled=False, idle_seconds=idle_seconds)["OPTIONS"]["options"]
    name = connection.settings_dict["NAME"]
    return psycopg.connect(os.environ["DATABASE_URL"], dbname=name, options=options)


def test_the_ledger_is_free_again_when_its_holder_stands_still(genesis: Block) -> None:
    with connect(idle_seconds=1) as stopped:
        stopped.execute("SELECT 1 FROM chain_ledgertip FOR UPDATE")
        with database.atomic():
            assert lock_tip().block_id == genesis.hash
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            stopped.execute("SELECT 1")


def test_it_is_not_where_that_is_switched_off(genesis: Block) -> None:
    with connect(idle_seconds=0) as slow:
        slow.execute("SELECT 1 FROM chain_ledgertip FOR UPDATE")
        with pytest.raises(OperationalError, match="lock timeout"):
            wait_for_tip(milliseconds=1500)
        slow.execute("SELECT 1")


@database.atomic
def wait_for_tip(*, milliseconds: int) -> None:
    """Take the tip's lock, if it comes within that time."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {milliseconds}")
    lock_tip()
