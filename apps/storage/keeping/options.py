"""What the operator says about a keeper, read strictly."""

import ipaddress
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.common.key_file import KeyFileError, load_or_create_secret
from apps.storage.errors import BadKeeperSetting
from apps.storage.keeping.sending import Offer
from protocol.crypto import address, public_key
from protocol.endpoints import is_public, parse_endpoint
from protocol.errors import ProtocolError
from protocol.errors.storage import UnusableEndpoint
from protocol.keystore import ListedAccount, Plaintext, open_keystore, parse_keystore
from protocol.mnemonic import derive_account, seed_of, words_of
from protocol.transactions.storage import MAX_ENDPOINT

MAX_KEYSTORE_BYTES = 4 * 2**20
NO_PASSPHRASE = "-"  # noqa: S105  the absence of one
_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Options:
    """A keeper as it is asked for."""

    capacity: int
    """Bytes that it offers to the chain."""
    quota: int
    """Bytes that its folder may take: never less than it offers."""
    folder: Path
    listen: tuple[str, int]
    endpoint: str
    """Empty: where it listens."""
    bond: int
    """Base units; 0: the least that the rule asks."""
    key: Path
    """A file with a secret key in hex, made at the first start, or a keystore of a wallet."""
    account: int
    passphrase_file: str

    def make_offer(self, port: int, *, allow_private: bool = True) -> Offer:
        """What is registered, once it is known on which port it listens: nothing that nobody can reach.
        Private addresses are right on some networks. Raises: BadKeeperSetting.
        """
        host = f"[{self.listen[0]}]" if ":" in self.listen[0] else self.listen[0]
        text = self.endpoint or f"http://{host}:{port}"
        try:
            host = parse_endpoint(text).host
        except UnusableEndpoint as error:
            raise BadKeeperSetting("endpoint", error.reason) from None
        if not _is_reachable(host, allow_private=allow_private):
            raise BadKeeperSetting(
                "endpoint", f"nobody reaches {host}; set COINAI_KEEPER_ENDPOINT to an address that others can"
            )
        if len(text) > MAX_ENDPOINT:
            raise BadKeeperSetting("endpoint", f"it has more than {MAX_ENDPOINT} characters")
        return Offer(self.capacity, text, self.bond or None)


def read_options(options: Mapping[str, Any]) -> Options:
    """The options of the command, checked. Raises: BadKeeperSetting."""
    capacity = int(options["capacity"])
    if capacity < 1:
        raise BadKeeperSetting("capacity", "it offers nothing; set COINAI_KEEPER or --capacity, as in 5GiB")
    quota = int(options["quota"]) or capacity + capacity // 8
    if quota < capacity:
        raise BadKeeperSetting("quota", f"its {quota} bytes are less than the capacity of {capacity}")
    return Options(
        capacity=capacity,
        quota=quota,
        folder=Path(options["folder"]).expanduser().absolute(),
        listen=_read_listen(str(options["listen"])),
        endpoint=str(options["endpoint"] or ""),
        bond=int(options["bond"]),
        key=Path(options["key"]).expanduser(),
        account=int(options["account"]),
        passphrase_file=str(options["passphrase_file"]),
    )


def bind(listen: tuple[str, int]) -> socket.socket:
    """A socket that is bound, so that a port in use is known before anything is registered. Raises:
    BadKeeperSetting.
    """
    host, port = listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise BadKeeperSetting(
            "listen address", f"{host} port {port} cannot be used ({error.strerror})"
        ) from None
    listener.set_inheritable(True)
    return listener


def load_secret(options: Options) -> bytes:
    """The key that signs. Raises: BadKeeperSetting, WrongPassphrase, InvalidKeystore."""
    if options.passphrase_file == NO_PASSPHRASE:
        try:
            return load_or_create_secret(options.key)
        except KeyFileError as error:
            raise BadKeeperSetting("key", str(error).rstrip(".")) from None
        except OSError as error:
            raise BadKeeperSetting("key", f"{options.key}: {error.strerror}") from None
    try:
        passphrase = Path(options.passphrase_file).expanduser().read_text().rstrip("\r\n")
        with options.key.open("rb") as file:
            value = json.loads(file.read(MAX_KEYSTORE_BYTES))
    except OSError as error:
        raise BadKeeperSetting("keystore or its passphrase", f"{error.filename}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadKeeperSetting("keystore", f"{options.key} is not JSON") from None
    keystore = parse_keystore(value)
    if not 0 <= options.account < len(keystore.accounts):
        raise BadKeeperSetting("account", f"{options.key} lists {len(keystore.accounts)} accounts")
    listed = keystore.accounts[options.account]
    return _choose_secret(open_keystore(keystore, passphrase), listed)


def _is_reachable(host: str, *, allow_private: bool) -> bool:
    """Whether others may reach a host: an address that says no is refused, a name is believed."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return allow_private or host != "localhost"
    return not found.is_unspecified and (allow_private or is_public(found))


def _choose_secret(plaintext: Plaintext, listed: ListedAccount) -> bytes:
    secret = b""
    try:
        if listed.source == "words" and plaintext.entropy is not None:
            secret = derive_account(seed_of(words_of(plaintext.entropy)), listed.index).secret
        elif listed.source == "key":
            secret = plaintext.secrets[listed.index]
    except (IndexError, ProtocolError):
        secret = b""
    if not secret or address(public_key(secret)) != listed.address:
        raise BadKeeperSetting("account", f"the keystore holds no key of {listed.address}")
    return secret


def _read_listen(text: str) -> tuple[str, int]:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise BadKeeperSetting("listen address", "write HOST:PORT, as in 0.0.0.0:8100")
    return match[1] or match[2], int(match[3])
