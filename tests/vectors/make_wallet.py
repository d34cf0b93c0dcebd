"""Write wallet.json, on which the wallets of browser and command line agree (formats: README.md).

python -m tests.vectors.make_wallet
"""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from protocol import crypto
from protocol.address_check import check_address
from protocol.amounts import format_amount, parse_amount
from protocol.delegation import sign_revocation, sign_statement
from protocol.encoding import JsonValue, encode
from protocol.errors import InvalidAmount, InvalidMnemonic, ProtocolError
from protocol.keystore import LEAST_COST, Keystore, ListedAccount, Plaintext, open_keystore, parse_keystore
from protocol.mnemonic import derive_account, entropy_of, seed_of, split_words, words_of
from tests.protocol.cast import ALICE, BOB, CHARLIE
from tests.vectors.make import FOLDER, dump

ENTROPIES: Final = (bytes(32), bytes(range(32)), crypto.sha3_256(b"coinai/testing/words"))
GOOD: Final = " ".join(words_of(ENTROPIES[2]))
TYPED: Final = (
    GOOD,
    GOOD.upper().replace(" ", "\n "),
    GOOD.rsplit(" ", 1)[0],
    GOOD + " abandon",
    GOOD.replace(GOOD.split()[6], "bitcoin"),
    " ".join(reversed(GOOD.split())),
    "abandon " * 11 + "about",
    "",
)
BODIES: Final[tuple[tuple[str, dict[str, JsonValue]], ...]] = (
    ("transfer", {"outputs": [{"to": BOB.address, "amount": 1}]}),
    ("transfer", {"outputs": [{"to": BOB.address, "amount": 2**53 - 1}, {"to": ALICE.address, "amount": 5}]}),
    ("support", {"proposal": 64 * "a", "amount": 7}),
    ("keeper", {"capacity": 2**30, "endpoint": "https://keeper.example/", "bond": 10**8}),
    ("leave", {}),
    ("propose", {"subject": "grammar", "content": '<a> ::= "" # ü 😀\n'}),
)
TEXTS: Final = ("", "Pay at noon.", "ü €\n\t\x00😀")
READ: Final = ("0", "1", "12.5", "00.50", "0.00000001", "1 000 000", "1\u202f234\u00a0567.25", " 7 \n")
MOST: Final = "90071992.54740991"
UNREAD: Final = (
    "",
    ".5",
    "1.",
    "1,5",
    "1e5",
    "-1",
    "+1",
    "0x1",
    "1.123456789",
    "1 00",
    "10 00 000",
    "١",
    "CAI 5",
)
TOO_MUCH: Final = ("90071992.54740992", "99999999999999999999", "1\u3000000", "1.0.0")
AMOUNTS: Final = (*READ, MOST, *UNREAD, *TOO_MUCH)
STATEMENT: Final[dict[str, Any]] = {
    "network": "testing",
    "worker": BOB.key,
    "label": "Desk 1",
    "created": 10**9,
    "expires": 10**9 + 3600,
}


def make_words() -> list[dict[str, Any]]:
    """What typed words are."""
    return [{"typed": typed, **_words(typed)} for typed in TYPED]


def make_accounts() -> list[dict[str, Any]]:
    """Accounts of wallets."""
    rows = []
    for entropy in ENTROPIES:
        words = words_of(entropy)
        for index in (0, 1, 2**31 - 1):
            account = derive_account(seed_of(words), index)
            rows.append(
                {
                    "words": " ".join(words),
                    "entropy": entropy.hex(),
                    "index": index,
                    "path": account.path,
                    "secret": account.secret.hex(),
                    "key": account.key,
                    "address": account.address,
                }
            )
    return rows


def make_transactions() -> list[dict[str, Any]]:
    """Signed transactions of several kinds."""
    rows = []
    for number, (kind, body) in enumerate(BODIES):
        fields: dict[str, JsonValue] = {
            "network": "testing",
            "kind": kind,
            "key": ALICE.key,
            "sequence": number,
            "fee": 370 * number,
            "body": body,
        }
        signature = crypto.sign(ALICE.secret, b"coinai/1/sign\n" + encode(fields)).hex()
        signed: dict[str, JsonValue] = {**fields, "signature": signature}
        rows.append(
            {
                "secret": ALICE.secret.hex(),
                "fields": fields,
                "signature": signature,
                "txid": crypto.digest("transaction", signed),
                "raw": encode(signed).decode(),
                "size": len(encode(signed)),
            }
        )
    return rows


def make_messages() -> list[dict[str, str]]:
    """Signed texts, each for either use."""
    return [
        {
            "secret": CHARLIE.secret.hex(),
            "key": CHARLIE.key,
            "text": text,
            "message": crypto.sign(CHARLIE.secret, b"coinai/1/message\n" + text.encode()).hex(),
            "sign_in": crypto.sign(CHARLIE.secret, b"coinai/1/sign-in\n" + text.encode()).hex(),
        }
        for text in TEXTS
    ]


def make_statements() -> dict[str, Any]:
    """Worker keys: a statement, its revocation, and statements that are refused."""
    statement, signature = sign_statement(ALICE.secret, **STATEMENT)
    revocation, revoking = sign_revocation(ALICE.secret, network="testing", worker=BOB.key, revoked=10**9 + 5)
    changes: tuple[dict[str, Any], ...] = (
        {"label": ""},
        {"label": "x" * 65},
        {"label": "a\nb"},
        {"label": "a\u2028b"},
        {"label": "a\u00a0b"},
        {"worker": ALICE.key},
        {"worker": 64 * "0"},
        {"expires": STATEMENT["created"]},
        {"expires": STATEMENT["created"] + 400 * 86400 + 1},
    )
    for change in changes:
        _refusal(partial(sign_statement, ALICE.secret, **{**STATEMENT, **change}))
    return {
        "secret": ALICE.secret.hex(),
        "statement": statement.to_json(),
        "signature": signature,
        "revocation": revocation.to_json(),
        "revocation_signature": revoking,
        "refused": [{**STATEMENT, **change} for change in changes],
    }


def make_keystores() -> dict[str, Any]:
    """Keystores that open, and files that are none."""
    accounts = (
        ListedAccount(0, ALICE.address, "Savings"),
        ListedAccount(0, BOB.address, "", "key"),
        ListedAccount(0, CHARLIE.address, "Ü", "watch"),
    )
    plaintexts = (
        Plaintext(entropy=ENTROPIES[2]),
        Plaintext(secrets=(ALICE.secret, BOB.secret)),
        Plaintext(entropy=ENTROPIES[1], secrets=(CHARLIE.secret,)),
    )
    # The second passphrase is composed here and decomposed in the file that was typed: NFKC makes them one.
    passphrases = (("correct horse battery", "correct horse battery"), ("Köpenick ﬁn", "Ko\u0308penick fin"))
    rows = []
    for number, plaintext in enumerate(plaintexts):
        sealed_with, opened_with = passphrases[number % 2]
        keystore = _seal(plaintext, sealed_with, number, accounts)
        if open_keystore(parse_keystore(keystore.to_json()), opened_with) != plaintext:
            raise AssertionError("a keystore holds something else")
        rows.append(
            {"keystore": keystore.to_json(), "passphrase": opened_with, "plaintext": plaintext.to_json()}
        )
    good: dict[str, Any] = rows[0]["keystore"]  # type: ignore[assignment]
    refused = _broken(good)
    for row in refused:
        _refusal(partial(parse_keystore, row))
    return {
        "open": rows,
        "wrong_passphrase": {"keystore": good, "passphrase": "correct horse"},
        "refused": refused,
    }


def make_addresses() -> list[dict[str, Any]]:
    """Typed addresses, and where they are wrong."""
    good = ALICE.address
    texts = [
        good,
        f"  {good}\n",
        "",
        " \t",
        "c",
        "cai",
        "cai1",
        good[:-1],
        good + "q",
        good + "qq",
        good.upper(),
        good[:20] + good[20:].upper(),
        "bc1" + good[4:],
        "tai1" + good[4:],
        "CAJ1" + good[4:].upper(),
        good[:7] + "b" + good[8:20] + "o" + good[21:],
        good[:7] + "😀" + good[8:],
        good[:7] + "é" + good[8:-1],
        good[:30] + " " + good[31:],
    ]
    texts += [_swap(good, (place,)) for place in range(4, len(good), 3)]
    texts += [_swap(good, pair) for pair in ((4, 5), (4, 41), (12, 30), (40, 41), (6, 37), (20, 21))]
    texts += ["  " + _swap(good, (12, 30)) + " ", _swap(good, (8, 19, 33)), _swap(good, (8, 19, 33, 40))]
    rows = []
    for text in texts:
        found = check_address(text)
        rows.append({"text": text, "reason": found.reason, "positions": list(found.positions)})
    return rows


def make_amounts() -> list[dict[str, Any]]:
    """Typed amounts; ``units`` null where they are refused."""
    return [{"text": text, **_amount(text)} for text in AMOUNTS]


def make_wallet() -> dict[str, Any]:
    """wallet.json"""
    return {
        "words": make_words(),
        "accounts": make_accounts(),
        "transactions": make_transactions(),
        "messages": make_messages(),
        "statements": make_statements(),
        "keystores": make_keystores(),
        "addresses": make_addresses(),
        "amounts": make_amounts(),
    }


def _words(typed: str) -> dict[str, Any]:
    try:
        return {"entropy": entropy_of(split_words(typed)).hex(), "reason": None, "word": -1}
    except InvalidMnemonic as error:
        return {"entropy": None, "reason": error.reason, "word": error.word}


def _amount(text: str) -> dict[str, Any]:
    try:
        units = parse_amount(text)
    except InvalidAmount:
        return {"units": None, "formatted": None}
    return {"units": units, "formatted": format_amount(units)}


def _seal(
    plaintext: Plaintext, passphrase: str, number: int, accounts: tuple[ListedAccount, ...]
) -> Keystore:
    """As `seal`, with salt and nonce that are the same every time."""
    salt, nonce = crypto.sha3_256(bytes([number])), crypto.sha3_256(bytes([number, 1]))[:12]
    key = crypto.derive_passphrase_key(unicodedata.normalize("NFKC", passphrase).encode(), salt, LEAST_COST)
    sealed = crypto.seal_bytes(key, nonce, encode(plaintext.to_json()))
    return Keystore(LEAST_COST, salt, nonce, sealed, accounts)


def _broken(good: dict[str, Any]) -> list[Any]:
    account = good["accounts"][0]
    return [
        {},
        [],
        {**good, "format": "keystore"},
        {**good, "version": 2},
        {**good, "surplus": 0},
        {name: value for name, value in good.items() if name != "accounts"},
        {**good, "kdf": {**good["kdf"], "name": "argon2id"}},
        {**good, "kdf": {**good["kdf"], "n": 2**13}},
        {**good, "kdf": {**good["kdf"], "n": 2**21}},
        {**good, "kdf": {**good["kdf"], "n": 2**14 + 1}},
        {**good, "kdf": {**good["kdf"], "r": 1}},
        {**good, "kdf": {**good["kdf"], "p": 2}},
        {**good, "kdf": {**good["kdf"], "salt": "00"}},
        {**good, "cipher": {**good["cipher"], "name": "aes-128-gcm"}},
        {**good, "cipher": {**good["cipher"], "nonce": good["cipher"]["nonce"].upper()}},
        {**good, "ciphertext": ""},
        {**good, "ciphertext": good["ciphertext"][:-1]},
        {**good, "ciphertext": "z" * 40},
        {**good, "accounts": [{**account, "index": "0"}]},
        {**good, "accounts": [{**account, "index": -1}]},
        {**good, "accounts": [{**account, "index": 1.5}]},
        {**good, "accounts": [{**account, "source": "server"}]},
        {**good, "accounts": [{**account, "secret": ""}]},
        {**good, "accounts": ["x"]},
    ]


def _swap(text: str, places: tuple[int, ...]) -> str:
    signs = list(text)
    for place in places:
        number = crypto.ADDRESS_SIGNS.index(signs[place])
        signs[place] = crypto.ADDRESS_SIGNS[(number + 11 + place) % 32]
    return "".join(signs)


def _refusal(run: Callable[[], object]) -> None:
    try:
        run()
    except ProtocolError:
        return
    raise AssertionError("something should have been refused")


def main() -> None:
    (FOLDER / "wallet.json").write_text(dump(make_wallet()), encoding="utf-8")


if __name__ == "__main__":
    main()
