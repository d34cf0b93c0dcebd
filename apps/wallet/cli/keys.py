"""Commands about keys: none of them needs a site, but for finding accounts that were used."""

import random

from apps.wallet.cli import files
from apps.wallet.cli.accounts import KEY, WATCH, WORDS, WalletFile, get_seed, list_derived, seal_checked
from apps.wallet.cli.errors import BadArgument, Declined
from apps.wallet.cli.session import Result, Session, read_address
from protocol import crypto
from protocol.errors import InvalidKeystore
from protocol.keystore import ListedAccount, Plaintext, open_keystore
from protocol.mnemonic import (
    WORDS as WORD_COUNT,
)
from protocol.mnemonic import (
    derive_account,
    entropy_of,
    generate_words,
    seed_of,
    split_words,
    words_of,
)

ASKED_WORDS = 3
TRIES = 3
GAP = 3
MAX_ACCOUNTS = 100


def new(session: Session) -> Result:
    """Make a wallet: 24 words, shown once, and a keystore."""
    files.check_free(session.path)
    passphrase = session.asker.get_new_passphrase()
    words = generate_words()
    is_checked = session.asker.terminal.is_interactive
    if is_checked:
        session.asker.terminal.say("\n".join(["Write these words down, in order:", *number_words(words)]))
        _check_written_down(session, words)
    account = _create(session, entropy_of(words), passphrase, range(1))[0]
    data = {"wallet": str(session.path), "address": account.address, "words": list(words)}
    lines = [f"New wallet in {session.path}", f"Address: {account.address}"]
    if not is_checked:
        lines += ["Write these words down, in order; whoever has them has the coins:", *number_words(words)]
    return Result(data, lines)


def restore(session: Session) -> Result:
    """Make the keystore again from 24 words."""
    files.check_free(session.path)
    text = session.asker.get_secret(session.options["words_file"], "The 24 words: ", is_hidden=False)
    entropy = entropy_of(split_words(text))
    passphrase = session.asker.get_new_passphrase()
    count = session.options["accounts"]
    if session.options["discover"]:
        count = max(count, _count_used(session, entropy))
    accounts = _create(session, entropy, passphrase, range(count))
    return Result(
        {"wallet": str(session.path), "addresses": [account.address for account in accounts]},
        [f"Wallet in {session.path}", *(f"Address: {account.address}" for account in accounts)],
    )


def backup(session: Session) -> Result:
    """Show the 24 words again."""
    plaintext = open_keystore(session.wallet.keystore, session.asker.get_passphrase())
    if plaintext.entropy is None:
        raise InvalidKeystore("it holds imported keys and no words; `wallet export-key` shows a key")
    words = words_of(plaintext.entropy)
    lines = [*number_words(words)]
    if plaintext.secrets:
        lines.append(f"These words do not hold the {len(plaintext.secrets)} imported keys.")
    return Result({"words": list(words), "imported": len(plaintext.secrets)}, lines)


def address(session: Session) -> Result:
    """The address of an account, and nothing else."""
    found = session.account.address
    return Result({"address": found}, [found])


def list_accounts(session: Session) -> Result:
    """List the accounts; with ``--add``, derive the next one first."""
    wallet = session.wallet
    if session.options["add"] is not None:
        wallet = _add_derived(session)
    rows = [account.to_json() | {"source": account.source} for account in wallet.accounts]
    notes = {WORDS: "", KEY: "imported key", WATCH: "watched only"}
    lines = [
        "  ".join([f"{number:>2}", account.address, account.label, notes[account.source]]).rstrip()
        for number, account in enumerate(wallet.accounts)
    ]
    return Result({"accounts": rows}, lines)


def import_key(session: Session) -> Result:
    """Take a secret key in, into the keystore or into a new one."""
    text = session.asker.get_secret(
        session.options["key_file"], "Secret key (64 hex digits): ", is_hidden=True
    )
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        raise BadArgument("a secret key is 64 hexadecimal digits") from None
    found = crypto.address(crypto.public_key(secret))
    is_new = not session.path.exists()
    passphrase = session.asker.get_new_passphrase() if is_new else session.asker.get_passphrase()
    plaintext = Plaintext() if is_new else open_keystore(session.wallet.keystore, passphrase)
    listed = () if is_new else session.wallet.accounts
    if any(account.address == found and account.source != WATCH for account in listed):
        raise BadArgument(f"the keystore has the key of {found} already")
    kept = tuple(account for account in listed if account.address != found)
    account = ListedAccount(len(plaintext.secrets), found, session.options["label"], KEY)
    grown = Plaintext(plaintext.entropy, (*plaintext.secrets, secret))
    keystore = seal_checked(grown, passphrase, (*kept, account))
    (files.write_new if is_new else files.replace)(session.path, keystore)
    return Result({"address": found, "wallet": str(session.path)}, [f"Imported {found} into {session.path}"])


def export_key(session: Session) -> Result:
    """Show the secret key of an account."""
    account = session.account
    secret = session.get_secret(account)
    data = {"address": account.address, "key": crypto.public_key(secret).hex(), "secret": secret.hex()}
    return Result(data, [secret.hex()])


def watch(session: Session) -> Result:
    """List an address whose secret is elsewhere."""
    found = read_address(session.options["address"])
    if any(account.address == found for account in session.wallet.accounts):
        raise BadArgument(f"the keystore lists {found} already")
    session.wallet.with_account(ListedAccount(0, found, session.options["label"], WATCH))
    return Result({"address": found}, [f"Watching {found}"])


def number_words(words: tuple[str, ...]) -> list[str]:
    """Words in rows of four, each with its number."""
    cells = [f"{number:>2} {word:<9}" for number, word in enumerate(words, start=1)]
    return [" ".join(cells[start : start + 4]).rstrip() for start in range(0, len(cells), 4)]


def _create(session: Session, entropy: bytes, passphrase: str, indices: range) -> tuple[ListedAccount, ...]:
    plaintext = Plaintext(entropy=entropy)
    accounts = list_derived(plaintext, indices, session.options["label"])
    files.write_new(session.path, seal_checked(plaintext, passphrase, accounts))
    return accounts


def _check_written_down(session: Session, words: tuple[str, ...]) -> None:
    terminal = session.asker.terminal
    for _ in range(TRIES):
        places = sorted(random.SystemRandom().sample(range(WORD_COUNT), ASKED_WORDS))
        if all(split_words(terminal.ask(f"Word {place + 1}: ")) == (words[place],) for place in places):
            return
        terminal.say("That is not what stands there. Look again.")
    raise Declined("The words were not written down.")


def _count_used(session: Session, entropy: bytes) -> int:
    """How many accounts there are up to the last that the chain knows; after some unknown ones it stops."""
    seed = seed_of(words_of(entropy))
    used = 1
    for index in range(MAX_ACCOUNTS):
        if index >= used + GAP:
            break
        if session.site.get_address(derive_account(seed, index).address)["transactions"]:
            used = index + 1
    return used


def _add_derived(session: Session) -> WalletFile:
    wallet = session.wallet
    plaintext = open_keystore(wallet.keystore, session.asker.get_passphrase())
    taken = [account.index for account in wallet.accounts if account.source == WORDS]
    index = max(taken, default=-1) + 1
    found = derive_account(get_seed(plaintext), index)
    return wallet.with_account(
        ListedAccount(index, found.address, session.options["add"] or f"Account {index}")
    )
