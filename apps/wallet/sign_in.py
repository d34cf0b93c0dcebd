"""Signing in with a wallet: a message to sign, then a session for whoever signed it. No passwords."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from django.db import transaction as database
from django.utils import timezone

from apps.chain import api as chain
from apps.wallet.errors import (
    ChallengeExpired,
    ChallengeOfAnotherBrowser,
    ChallengeUsed,
    SignInAltered,
    SignInElsewhere,
    SignInOfAnotherAddress,
    UnknownChallenge,
    WrongSignInSignature,
)
from apps.wallet.models import SignInChallenge, WalletSession
from apps.wallet.sessions import begin_session
from apps.wallet.sign_in_message import (
    LIFE,
    NONCE_BYTES,
    SignInMessage,
    parse_message,
    signed_bytes,
)
from protocol import crypto
from protocol.encoding import require_hex
from protocol.errors import WrongNetwork

KEEP = timedelta(hours=1)
"""How long a challenge is kept once it has expired, so that a replay is named as what it is."""
FORGET_AT_ONCE = 200
SITE_NAME = "Coin.AI"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser gets to sign."""

    message: str
    nonce: str
    expires: datetime


def make_challenge(*, address: str, domain: str, uri: str, browser: str) -> Challenge:
    """Make a message for ``address`` to sign at the site ``domain``, in the browser with the secret
    ``browser``. Nonce and secret are stored hashed. Raises: InvalidAddress.
    """
    crypto.parse_address(address)
    now = timezone.now().replace(microsecond=0)
    message = SignInMessage(
        domain=domain,
        address=address,
        site=SITE_NAME,
        uri=uri,
        network=chain.get_params().network,
        nonce=secrets.token_hex(NONCE_BYTES),
        issued=now,
        expires=now + LIFE,
    )
    text = message.to_text()
    _forget_old(now)
    SignInChallenge.objects.create(
        nonce_hash=_hash(message.nonce),
        browser_hash=_hash(browser),
        message_hash=_hash(text),
        created_at=now,
        expires_at=message.expires,
    )
    return Challenge(text, message.nonce, message.expires)


def sign_in(
    *, key: str, message: str, signature: str, domain: str, browser: str, device: str
) -> WalletSession:
    """Begin a session for the address that signed ``message`` at the site ``domain``.

    Raises: BadSignInMessage, SignInElsewhere, WrongNetwork, UnknownChallenge, ChallengeOfAnotherBrowser,
    ChallengeUsed, ChallengeExpired, SignInAltered, WrongType, InvalidPublicKey, SignInOfAnotherAddress,
    WrongSignInSignature.
    """
    contents = parse_message(message)
    if contents.domain != domain:
        raise SignInElsewhere(contents.domain, domain)
    network = chain.get_params().network
    if contents.network != network:
        raise WrongNetwork(contents.network, network)
    challenge = _find_challenge(contents, message, browser)
    _check_signature(contents, key, message, signature)
    with database.atomic():
        # Closes the race between two sign-ins with one message: one of them changes the row.
        unused = SignInChallenge.objects.filter(nonce_hash=challenge.nonce_hash, used_at=None)
        if unused.update(used_at=timezone.now()) != 1:
            raise ChallengeUsed()
        return begin_session(address=contents.address, key=key, device=device)


def _find_challenge(contents: SignInMessage, message: str, browser: str) -> SignInChallenge:
    challenge = SignInChallenge.objects.filter(nonce_hash=_hash(contents.nonce)).first()
    if challenge is None:
        raise UnknownChallenge()
    if not compare_digest(challenge.browser_hash, _hash(browser)):
        raise ChallengeOfAnotherBrowser()
    if challenge.used_at is not None:
        raise ChallengeUsed()
    if challenge.expires_at <= timezone.now():
        raise ChallengeExpired()
    if not compare_digest(challenge.message_hash, _hash(message)):
        raise SignInAltered()
    return challenge


def _check_signature(contents: SignInMessage, key: str, message: str, signature: str) -> None:
    public_key = bytes.fromhex(require_hex(key, "key", 32))
    crypto.check_public_key(public_key)
    address = crypto.address(public_key)
    if not compare_digest(address, contents.address):
        raise SignInOfAnotherAddress(address, contents.address)
    signed = bytes.fromhex(require_hex(signature, "signature", 64))
    if not crypto.is_valid_signature(public_key, signed_bytes(message), signed):
        raise WrongSignInSignature()


def _hash(text: str) -> str:
    return crypto.sha3_256(text.encode("utf-8", "surrogatepass")).hex()


def _forget_old(now: datetime) -> None:
    """Every new challenge clears some old ones away: the table never grows beyond an hour of them."""
    old = SignInChallenge.objects.filter(expires_at__lt=now - KEEP)
    with database.atomic():
        # Two sweeps at once delete what the other has left: no row is waited for.
        rows = old.select_for_update(skip_locked=True).values_list("nonce_hash", flat=True)
        chosen = list(rows[:FORGET_AT_ONCE])
        if chosen:
            SignInChallenge.objects.filter(nonce_hash__in=chosen).delete()
