"""The accounts of a keystore file: found by number, label or address, opened only to sign something."""

from dataclasses import dataclass
from pathlib import Path

from apps.wallet.cli import files
from apps.wallet.cli.errors import UnknownAccount, WatchOnly
from protocol import crypto
from protocol.errors import InvalidKeystore
from protocol.keystore import Keystore, ListedAccount, Plaintext, open_keystore, seal
from protocol.mnemonic import derive_account, seed_of, words_of

WORDS = "words"
KEY = "key"
WATCH = "watch"


@dataclass(frozen=True, slots=True)
class WalletFile:
    """A keystore and where it lies."""

    path: Path
    keystore: Keystore

    @property
    def accounts(self) -> tuple[ListedAccount, ...]:
        """What it lists."""
        return self.keystore.accounts

    def find(self, which: str) -> ListedAccount:
        """An account by its place in the list, its label or its address. Raises: UnknownAccount."""
        if which.isascii() and which.isdigit() and int(which) < len(self.accounts):
            return self.accounts[int(which)]
        found = [account for account in self.accounts if which in (account.label, account.address)]
        if len(found) != 1:
            raise UnknownAccount(which)
        return found[0]

    def with_account(self, account: ListedAccount) -> "WalletFile":
        """The same secrets with a further account, written. Raises: UnreadableFile."""
        keystore = self.keystore.with_accounts((*self.accounts, account))
        files.replace(self.path, keystore)
        return WalletFile(self.path, keystore)


def load(path: Path) -> WalletFile:
    """Read a wallet. Raises: UnreadableFile, InvalidKeystore."""
    return WalletFile(path, files.read_keystore(path))


def get_seed(plaintext: Plaintext) -> bytes:
    """The seed of the wallet's words. Raises: InvalidKeystore when it has none."""
    if plaintext.entropy is None:
        raise InvalidKeystore("it holds imported keys and no words")
    return seed_of(words_of(plaintext.entropy))


def get_secret(wallet: WalletFile, account: ListedAccount, passphrase: str) -> bytes:
    """The secret of an account. Raises: WatchOnly, WrongPassphrase, InvalidKeystore.

    The list is not sealed: an account whose address is not that of its secret was changed by somebody.
    """
    if account.source == WATCH:
        raise WatchOnly(account.address)
    plaintext = open_keystore(wallet.keystore, passphrase)
    secret = _secret_of(plaintext, account)
    if crypto.address(crypto.public_key(secret)) != account.address:
        raise InvalidKeystore(
            f"the account {account.address} is not one of its secrets; somebody changed the list"
        )
    return secret


def list_derived(plaintext: Plaintext, indices: range, label: str) -> tuple[ListedAccount, ...]:
    """Accounts of the words; the first takes the label, the others are numbered behind it."""
    seed = get_seed(plaintext)
    return tuple(
        ListedAccount(index, derive_account(seed, index).address, label if index == 0 else f"{label} {index}")
        for index in indices
    )


def seal_checked(plaintext: Plaintext, passphrase: str, accounts: tuple[ListedAccount, ...]) -> Keystore:
    """Seal, and open again before anything is written. Raises: WeakPassphrase, InvalidKeystore."""
    keystore = seal(plaintext, passphrase, accounts)
    if open_keystore(keystore, passphrase) != plaintext:
        raise InvalidKeystore("what was sealed does not open; nothing was written")
    return keystore


def _secret_of(plaintext: Plaintext, account: ListedAccount) -> bytes:
    if account.source == WORDS:
        return derive_account(get_seed(plaintext), account.index).secret
    if account.index >= len(plaintext.secrets):
        raise InvalidKeystore(f"it has no imported key number {account.index}")
    return plaintext.secrets[account.index]
