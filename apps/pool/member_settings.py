"""What members may set about themselves: read from forms and from the API, checked, changed."""

from typing import Any

from django.http import HttpRequest

from apps.pool import alerts, services
from apps.pool.conf import get_pool_settings
from apps.pool.errors import BadMemberSettings, NotYourMember
from apps.pool.models import AlertSettings, Member, MemberMode
from apps.wallet.api import require_session
from protocol.amounts import format_amount, parse_amount

MOST_MINIMUM = 10**6 * 10**8
"""Base units: nobody wants to wait for more."""


def require_owner(request: HttpRequest, address: str) -> None:
    """Let only the wallet of this address pass. Raises: SignInRequired, CsrfRefused, NotYourMember."""
    if require_session(request).address != address:
        raise NotYourMember(address)


def parse_minimum(text: str) -> int | None:
    """A payout's minimum in CAI as typed, in base units; nothing is None. Raises: InvalidAmount."""
    return parse_amount(text) if text.strip() else None


def parse_minutes(text: str) -> int:
    """Minutes of silence as typed. Raises: BadMemberSettings."""
    clean = text.strip()
    if not (clean.isascii() and clean.isdecimal() and len(clean) < 6):
        raise BadMemberSettings("minutes", "it must be a whole number of minutes")
    return int(clean)


def change_member(*, address: str, mode: str, payout_minimum: int | None) -> Member:
    """How a member is paid from its next lease on. Raises: BadMemberSettings, InvalidAddress."""
    if mode not in MemberMode.values:
        raise BadMemberSettings("mode", f"it must be one of {', '.join(MemberMode.values)}")
    least = get_pool_settings().payout_least
    if payout_minimum is not None and not least <= payout_minimum <= MOST_MINIMUM:
        raise BadMemberSettings(
            "payout_minimum", f"it must be {format_amount(least)} to {format_amount(MOST_MINIMUM)} CAI"
        )
    return services.change_member(address=address, mode=MemberMode(mode), payout_minimum=payout_minimum)


def change_alerts(*, address: str, is_on: bool, minutes: int, webhook: str) -> AlertSettings:
    """When and where a member is told of silent workers. Raises: BadWebhook, BadMemberSettings."""
    member = services.ensure_member(address=address)
    return alerts.save_settings(member=member, is_on=is_on, minutes=minutes, webhook=webhook.strip())


def get_alert_settings(address: str) -> AlertSettings | None:
    """What a member has set, None before it has."""
    return AlertSettings.objects.filter(member__address=address).first()


def alert_settings_to_json(row: AlertSettings | None) -> dict[str, Any]:
    """A member's alert settings, for itself alone: the secret is in them."""
    if row is None:
        return {"on": False, "minutes": 10, "webhook": "", "secret": ""}
    return {"on": row.is_on, "minutes": row.minutes, "webhook": row.webhook, "secret": row.secret}
