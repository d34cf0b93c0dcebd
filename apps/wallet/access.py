"""Who is signed in, seen from a request: the session behind its cookie, and what protects it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from ninja.utils import check_csrf

from apps.common.errors import wants_json
from apps.wallet.errors import CsrfRefused, ForeignOrigin, SignInRequired, UnsafeNext
from apps.wallet.models import WalletSession
from apps.wallet.sessions import find_session

SESSION_NAME = "wallet_session"
WALLET_PAGE = "/wallet/"
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]


def get_session(request: HttpRequest) -> WalletSession | None:
    """The session of this request, if it has one that holds.

    Raises: CsrfRefused in the API when a request that changes something lacks the token: whoever reads the
    session there is protected without asking. Pages are protected by Django's middleware before.
    """
    if not hasattr(request, "_wallet_session"):
        session = find_session(request.session.get(SESSION_NAME)) if SESSION_NAME in request.session else None
        if session is not None and wants_json(request) and request.method not in SAFE:
            _require_csrf(request)
        request._wallet_session = session  # type: ignore[attr-defined]
    return cast(WalletSession | None, request._wallet_session)  # type: ignore[attr-defined]


def get_signed_in_address(request: HttpRequest) -> str | None:
    """The address that is signed in, or None. Raises: CsrfRefused, as `get_session`."""
    session = get_session(request)
    return None if session is None else session.address


def require_session(request: HttpRequest) -> WalletSession:
    """The session of this request. Raises: SignInRequired, CsrfRefused."""
    session = get_session(request)
    if session is None:
        raise SignInRequired()
    return session


def sign_in_required(view: View[Arguments]) -> View[Arguments]:
    """A view for signed-in addresses only: others go to the wallet and come back afterwards.

    In the API, and for what changes something, it raises SignInRequired instead.
    """

    @wraps(view)
    def wrapped(
        request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> HttpResponseBase:
        if get_signed_in_address(request) is None:
            if wants_json(request):
                raise SignInRequired()
            back = f"?{urlencode({'next': request.get_full_path()})}" if request.method in SAFE else ""
            return redirect(WALLET_PAGE + back)
        return view(request, *args, **kwargs)

    return wrapped


def put_session(request: HttpRequest, session: WalletSession) -> None:
    """Sign the browser of this request in: a fresh cookie and a fresh token, whatever it had before."""
    request.session.flush()  # closes session fixation: nothing that an attacker may have planted lives on
    request.session[SESSION_NAME] = str(session.id)
    request.session.set_expiry(settings.SESSION_COOKIE_AGE)
    request._wallet_session = session  # type: ignore[attr-defined]
    rotate_token(request)


def drop_session(request: HttpRequest) -> None:
    """Take the cookie's session away; the row of the session is the caller's."""
    request.session.flush()
    request._wallet_session = None  # type: ignore[attr-defined]


def check_origin(request: HttpRequest) -> None:
    """Let only this site's own pages, and programs that are no browser, sign in. Raises: ForeignOrigin.

    Closes login CSRF: a foreign page that signs a visitor in as somebody else.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin not in settings.CSRF_TRUSTED_ORIGINS:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or parts.netloc != request.get_host():
            raise ForeignOrigin(origin)
    relation = request.headers.get("Sec-Fetch-Site", "same-origin")
    if relation not in ("same-origin", "none"):
        raise ForeignOrigin(relation)


def check_next(address: str) -> str:
    """A page of this site to go on to, as a path; empty stays empty. Raises: UnsafeNext."""
    if address and not (
        address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    ):
        raise UnsafeNext(address)
    return address


def get_safe_next(request: HttpRequest, default: str = "") -> str:
    """The page that ``?next=`` names if it is one of this site, else ``default``: never another site's."""
    try:
        return check_next(request.GET.get("next", "")) or default
    except UnsafeNext:
        return default


def _require_csrf(request: HttpRequest) -> None:
    refusal: HttpResponse | None = check_csrf(request)
    if refusal is not None:
        raise CsrfRefused()
