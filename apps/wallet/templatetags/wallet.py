"""What a page needs to let somebody sign in the browser."""

from typing import Any

from django import template
from django.conf import settings
from django.middleware.csrf import get_token

register = template.Library()


@register.inclusion_tag("components/sign_box.html", takes_context=True)
def sign_box(context: template.Context) -> dict[str, Any]:
    """What static/js/wallet/config.js reads; a page that imports sign_box.js has this in its content."""
    return {
        "network": settings.COINAI_NETWORK,
        "scrypt": settings.COINAI_WALLET_SCRYPT,
        "csrf": get_token(context["request"]),
    }
