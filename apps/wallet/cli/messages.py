"""Commands that sign and check texts: they show who holds a key and move nothing."""

from apps.wallet.cli.errors import BadArgument, WrongMessageSignature
from apps.wallet.cli.session import Result, Session, read_address
from protocol import crypto

PREFIX = b"coinai/1/message\n"
"""Before what is signed, so that no such signature can stand for a transaction or a sign-in."""


def sign(session: Session) -> Result:
    """Sign a text with an account's key."""
    account, text = session.account, session.options["text"]
    secret = session.get_secret(account)
    signature = crypto.sign(secret, _signed_bytes(text)).hex()
    key = crypto.public_key(secret).hex()
    data = {"address": account.address, "key": key, "message": text, "signature": signature}
    return Result(data, [f"address: {account.address}", f"key: {key}", f"signature: {signature}"])


def verify(session: Session) -> Result:
    """Check a text's signature by a public key, and by its address where one is named."""
    key = _read_hex(session.options["key"], 32, "a public key is 64 hexadecimal digits")
    signature = _read_hex(session.options["signature"], 64, "a signature is 128 hexadecimal digits")
    crypto.check_public_key(key)
    found = crypto.address(key)
    expected = session.options["address"]
    is_right = crypto.is_valid_signature(key, _signed_bytes(session.options["text"]), signature)
    if not is_right or (expected is not None and read_address(expected) != found):
        raise WrongMessageSignature
    return Result({"valid": True, "address": found}, [f"Signed by {found}."])


def _signed_bytes(text: str) -> bytes:
    try:
        return PREFIX + text.encode()
    except UnicodeEncodeError:
        raise BadArgument("the text is not UTF-8") from None


def _read_hex(text: str, size: int, says: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise BadArgument(says) from None
    if len(found) != size:
        raise BadArgument(says)
    return found
