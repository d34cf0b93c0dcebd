"""Commands that talk to a site: balance, history, sending, worker keys."""

import time
from typing import Any

from apps.wallet.cli import payments
from apps.wallet.cli.errors import WatchOnly
from apps.wallet.cli.session import Result, Session, read_address
from protocol import crypto
from protocol.amounts import format_amount
from protocol.delegation import sign_revocation, sign_statement
from protocol.encoding import encode

DAY = 24 * 3600
COLUMNS = ("time", "height", "role", "change", "fee", "txid")


def balance(session: Session) -> Result:
    """What addresses have: the one named, else all of the keystore."""
    named = session.options["address"]
    if named is not None:
        addresses = [(read_address(named), "")]
    elif session.options["account"]:
        addresses = [(session.account.address, session.account.label)]
    else:
        addresses = [(account.address, account.label) for account in session.wallet.accounts]
    rows = [_balance_of(session, found) | {"label": label} for found, label in addresses]
    lines = [_balance_line(row) for row in rows]
    if len(rows) > 1:
        lines.append(f"{format_amount(sum(row['balance'] for row in rows))} CAI in all")
    return Result({"accounts": rows}, lines)


def history(session: Session) -> Result:
    """The last transactions of an account, newest first."""
    named = session.options["address"]
    found = read_address(named) if named is not None else session.account.address
    rows = session.site.list_history(found, limit=session.options["limit"])
    pending = session.site.list_pending(found)
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(["-", "-", "waits", "", format_amount(row["fee"]), row["txid"]]) for row in pending]
    lines += ["\t".join(_history_cells(row)) for row in rows]
    return Result({"address": found, "pending": pending, "items": rows}, lines)


def send(session: Session) -> Result:
    """Pay one or many, after a review in plain words."""
    options, account, site = session.options, session.account, session.site
    if account.source == "watch":
        raise WatchOnly(account.address)
    transfer = payments.build_transfer(options["to"])
    standing = payments.get_standing(site, account.address, sequence=options["sequence"])
    fee = payments.choose_fee(options, site.get_fees(), transfer, standing)
    payments.check_funds(transfer, fee, standing)
    session.asker.terminal.say("\n".join(payments.describe(transfer, fee, standing, account.address)))
    session.asker.confirm("Sign and send?", is_given=options["yes"])
    signed = payments.sign_transfer(session.get_secret(account), transfer, standing, fee)
    site.send(encode(signed.to_json()))
    data: dict[str, Any] = {
        "txid": signed.txid,
        "network": signed.network,
        "sequence": signed.sequence,
        "fee": fee,
        "amount": transfer.amount,
        "transaction": signed.to_json(),
    }
    lines = [signed.txid]
    if options["wait"]:
        found = payments.wait_for_block(site, signed.txid, options["wait"])
        data |= {"block": found["block"], "height": found["height"]}
        lines.append(f"In block {found['height']}.")
    return Result(data, lines)


def delegate(session: Session) -> Result:
    """Let a worker key mine for an account: one that is named, or the fresh key of a join token."""
    options, account = session.options, session.account
    token = None if options["worker"] else crypto.random_bytes(32)
    worker = options["worker"] if token is None else crypto.public_key(token).hex()
    network = options["network"] or session.site.get_network()
    created = int(time.time())
    statement, signature = sign_statement(
        session.get_secret(account),
        network=network,
        worker=worker,
        label=options["label"],
        created=created,
        expires=created + options["days"] * DAY,
    )
    if not options["offline"]:
        session.site.register_worker_key(dict(statement.to_json()), signature)
    data: dict[str, Any] = {"statement": statement.to_json(), "signature": signature, "worker": worker}
    ends = time.strftime("%Y-%m-%d", time.gmtime(statement.expires))
    lines = [f"{worker} may mine for {account.address} until {ends}."]
    if token is not None:
        data["token"] = token.hex()
        lines += ["Join token, for one worker:", token.hex()]
    if options["offline"]:
        lines += ["Statement, to be handed in:", encode(statement.to_json()).decode(), signature]
    return Result(data, lines)


def revoke(session: Session) -> Result:
    """Take a worker key back, for good."""
    account, worker = session.account, session.options["worker"]
    network = session.site.get_network()
    statement, signature = sign_revocation(
        session.get_secret(account), network=network, worker=worker, revoked=int(time.time())
    )
    session.site.revoke_worker_key(worker, dict(statement.to_json()), signature)
    data = {"statement": statement.to_json(), "signature": signature}
    return Result(data, [f"{worker} no longer mines for {account.address}."])


def _balance_of(session: Session, address: str) -> dict[str, Any]:
    view = session.site.get_address(address)
    standing = {name: view[name] for name in ("address", "balance", "locked", "sequence")}
    pending = session.site.list_pending(address)
    return standing | {"leaving": sum(row["amount"] + row["fee"] for row in pending)}


def _balance_line(row: dict[str, Any]) -> str:
    parts = [row["address"], f"{format_amount(row['balance'])} CAI"]
    if row["locked"]:
        parts.append(f"{format_amount(row['locked'])} CAI locked")
    if row["leaving"]:
        parts.append(f"{format_amount(row['leaving'])} CAI on their way out")
    if row["label"]:
        parts.append(f"({row['label']})")
    return "  ".join(parts)


def _history_cells(row: dict[str, Any]) -> list[str]:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row["timestamp"]))
    sign = "-" if row["change"] < 0 else "+"
    change = sign + format_amount(abs(row["change"]))
    return [when, str(row["height"]), row["role"], change, format_amount(row["fee"]), row["txid"]]
