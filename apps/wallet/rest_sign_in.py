"""The API's sign-in: a message to sign, the session of whoever signed it, and its end."""

import re
import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from ninja import Router

from apps.chain.schemas import Problem
from apps.wallet import schemas, sessions
from apps.wallet.access import (
    SESSION_NAME,
    check_next,
    check_origin,
    drop_session,
    get_session,
    put_session,
    require_session,
)
from apps.wallet.errors import BadSignInMessage
from apps.wallet.limits import limit_sign_in
from apps.wallet.models import WalletSession
from apps.wallet.sign_in import make_challenge, sign_in
from apps.wallet.sign_in_message import LIFE

router = Router(tags=["wallet"])
BROWSER_BYTES = 32
MOST_AGENT = 400
REFUSALS = {400: Problem, 403: Problem, 429: Problem}
PROTECTED = {401: Problem, 403: Problem}


@router.post(
    "/session/challenge",
    response={200: schemas.ChallengeOut, **REFUSALS},
    summary="A message to sign in with",
)
def session_challenge(request: HttpRequest, body: schemas.ChallengeIn) -> HttpResponse:
    """A message for the wallet to sign: for ten minutes, once, in the browser that asked (by a cookie)."""
    check_origin(request)
    limit_sign_in(request, "challenge")
    browser = read_browser(request) or secrets.token_hex(BROWSER_BYTES)
    host = request.get_host()
    challenge = make_challenge(
        address=body.address, domain=host, uri=f"{request.scheme}://{host}/wallet/", browser=browser
    )
    answer = JsonResponse(
        {
            "message": challenge.message,
            "nonce": challenge.nonce,
            "expires": int(challenge.expires.timestamp()),
        }
    )
    answer.set_cookie(
        name_browser_cookie(),
        browser,
        max_age=LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return answer


@router.post("/session", response={200: schemas.SignInOut, **REFUSALS}, summary="Sign in")
def session_begin(request: HttpRequest, body: schemas.SignInIn) -> HttpResponse:
    """Sign in with a signed message: the answer sets the session's cookie, a new one whatever there was."""
    check_origin(request)
    if request.content_type != "application/json":  # what a form of another site could send
        raise BadSignInMessage()
    limit_sign_in(request, "sign-in", body.key)
    following = check_next(body.next)
    before = get_session_quietly(request)
    session = sign_in(
        key=body.key,
        message=body.message,
        signature=body.signature,
        domain=request.get_host(),
        browser=read_browser(request),
        device=sessions.name_device(request.headers.get("User-Agent", "")[:MOST_AGENT]),
    )
    if before is not None:
        sessions.end_session(address=before.address, session=before.id)
    put_session(request, session)
    answer = JsonResponse(session_json(session, request) | {"next": following})
    answer.delete_cookie(name_browser_cookie(), samesite="Strict")
    return answer


@router.get("/session", response={200: schemas.SessionOut}, summary="Who is signed in here")
def session_show(request: HttpRequest) -> HttpResponse:
    """The address that is signed in with this cookie, and the token that changes need."""
    return JsonResponse(session_json(get_session(request), request))


@router.delete("/session", response={200: schemas.EndedOut, **PROTECTED}, summary="Sign out here")
def session_end(request: HttpRequest) -> HttpResponse:
    """End the session of this cookie."""
    session = require_session(request)
    sessions.end_session(address=session.address, session=session.id)
    drop_session(request)
    return JsonResponse({"ended": 1})


@router.get("/sessions", response={200: schemas.SessionPage, **PROTECTED}, summary="Where one is signed in")
def session_list(request: HttpRequest) -> HttpResponse:
    """The browsers in which the signed-in address is signed in, the one seen last first."""
    current = require_session(request)
    rows = sessions.list_sessions(current.address)
    return JsonResponse({"items": [open_session_json(row, current) for row in rows], "next": None})


@router.delete("/sessions", response={200: schemas.EndedOut, **PROTECTED}, summary="Sign out everywhere")
def sessions_end(request: HttpRequest) -> HttpResponse:
    """End all sessions of the signed-in address, this one included."""
    ended = sessions.end_all_sessions(address=require_session(request).address)
    drop_session(request)
    return JsonResponse({"ended": ended})


@router.delete(
    "/sessions/{session}", response={200: schemas.EndedOut, **PROTECTED}, summary="Sign out of one session"
)
def session_end_other(request: HttpRequest, session: str) -> HttpResponse:
    """End one session of the signed-in address; one that has ended already is no error."""
    current = require_session(request)
    ended = sessions.end_session(address=current.address, session=session)
    if session == str(current.id):
        drop_session(request)
    return JsonResponse({"ended": int(ended)})


def session_json(session: WalletSession | None, request: HttpRequest) -> dict[str, Any]:
    """Who is signed in, as the API says it."""
    return {
        "address": None if session is None else session.address,
        "expires": None if session is None else int(session.expires_at.timestamp()),
        "csrf": get_token(request),
    }


def open_session_json(row: WalletSession, current: WalletSession) -> dict[str, Any]:
    """One of the sessions of an address."""
    return {
        "id": str(row.id),
        "device": row.device,
        "created": int(row.created_at.timestamp()),
        "seen": int(row.seen_at.timestamp()),
        "expires": int(row.expires_at.timestamp()),
        "current": row.id == current.id,
    }


def get_session_quietly(request: HttpRequest) -> WalletSession | None:
    """The session that a new sign-in replaces; its own check against other sites stands in for the token."""
    return sessions.find_session(request.session.get(SESSION_NAME))


def name_browser_cookie() -> str:
    """The cookie that binds a message to the browser which asked for it."""
    return ("__Host-" if settings.SESSION_COOKIE_SECURE else "") + "coinai-sign-in"


def read_browser(request: HttpRequest) -> str:
    """The browser's secret from its cookie; empty without a good one."""
    text = request.COOKIES.get(name_browser_cookie(), "")
    return text if re.fullmatch(rf"[0-9a-f]{{{2 * BROWSER_BYTES}}}", text) else ""
