"""Sessions of wallets: rows that say in which browsers an address is signed in.

The row decides. The cookie names a Django session, and that names the row; so one session, or all of an
address, end by one update, and nobody can read a cookie out of the list.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction as database
from django.utils import timezone

from apps.wallet.models import WalletSession

SEEN_EVERY = timedelta(minutes=1)
"""`seen_at` is written once a minute at most: reading a page should not write."""
KEEP = timedelta(days=1)
MOST_SESSIONS = 50
"""Sessions of one address; one more ends the one that was seen longest ago."""

# The first that fits: every browser also names those that it wants to be taken for.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "a Python program"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def begin_session(*, address: str, key: str, device: str) -> WalletSession:
    """Write the row of a session that begins now, and clear old ones away."""
    now = timezone.now()
    with database.atomic():
        WalletSession.objects.filter(expires_at__lt=now - KEEP).delete()
        held = WalletSession.objects.filter(address=address, ended_at=None).order_by("-seen_at", "id")
        surplus = list(held.values_list("id", flat=True)[MOST_SESSIONS - 1 :])
        WalletSession.objects.filter(id__in=surplus).update(ended_at=now)
        return WalletSession.objects.create(
            address=address,
            key=key,
            device=device,
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
        )


def find_session(name: object) -> WalletSession | None:
    """The session of this id, if it holds now; notes that it was seen."""
    identity = _read_id(name)
    if identity is None:
        return None
    now = timezone.now()
    session = WalletSession.objects.filter(
        id=identity, ended_at=None, expires_at__gt=now, seen_at__gt=now - _idle_limit()
    ).first()
    if session is not None and session.seen_at < now - SEEN_EVERY:
        WalletSession.objects.filter(id=session.id, seen_at__lt=now - SEEN_EVERY).update(seen_at=now)
        session.seen_at = now
    return session


def list_sessions(address: str) -> Sequence[WalletSession]:
    """The sessions of an address that hold now, the one seen last first."""
    now = timezone.now()
    rows = WalletSession.objects.filter(
        address=address, ended_at=None, expires_at__gt=now, seen_at__gt=now - _idle_limit()
    )
    return list(rows.order_by("-seen_at", "id")[:MOST_SESSIONS])


def end_session(*, address: str, session: object) -> bool:
    """Sign an address out of one session; False when it has no such session."""
    identity = _read_id(session)
    if identity is None:
        return False
    held = WalletSession.objects.filter(id=identity, address=address, ended_at=None)
    return held.update(ended_at=timezone.now()) == 1


def end_all_sessions(*, address: str) -> int:
    """Sign an address out everywhere; returns how many sessions that ended."""
    return WalletSession.objects.filter(address=address, ended_at=None).update(ended_at=timezone.now())


def name_device(user_agent: str) -> str:
    """Browser and system in a few words, such as "Firefox on Linux", from a User-Agent header."""
    browser = next((name for part, name in _BROWSERS if part in user_agent), "Another browser")
    system = next((name for part, name in _SYSTEMS if part in user_agent), "")
    text = f"{browser} on {system}" if system else browser
    return text[0].upper() + text[1:]


def _idle_limit() -> timedelta:
    return timedelta(days=settings.COINAI_SESSION_IDLE_DAYS)


def _read_id(name: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(name))
    except ValueError:
        return None
