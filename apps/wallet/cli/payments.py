"""A transfer from the command line: what it takes, what it says before it is signed, how it is sent."""

import time
from dataclasses import dataclass
from typing import Any

from apps.wallet.cli.errors import BadArgument, NotEnough, NotIncluded
from apps.wallet.cli.session import read_address
from apps.wallet.cli.site import Fees, Site
from protocol.amounts import format_amount, parse_amount
from protocol.encoding import encode
from protocol.errors import WrongOutputCount
from protocol.transactions import Output, SignedTransaction, Transfer, sign_transaction

MAX_OUTPUTS = 256
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the sender stands, with what waits in the mempool counted as gone."""

    network: str
    available: int
    sequence: int
    pending: int


def read_payment(text: str) -> Output:
    """``ADDRESS=AMOUNT``, the amount in CAI. Raises: BadArgument, InvalidAddress, InvalidAmount."""
    address, sign, amount = text.partition("=")
    if not sign:
        raise BadArgument(f"{text!a} is no payment; write ADDRESS=AMOUNT, as in cai1…=12.5")
    units = parse_amount(amount)
    if units == 0:
        raise BadArgument("a payment of nothing cannot be sent")
    return Output(read_address(address), units)


def build_transfer(payments: list[str]) -> Transfer:
    """The transfer of all payments. Raises: as `read_payment`, WrongOutputCount."""
    if not 1 <= len(payments) <= MAX_OUTPUTS:
        raise WrongOutputCount(len(payments), MAX_OUTPUTS)
    return Transfer(tuple(read_payment(payment) for payment in payments))


def get_standing(site: Site, address: str, *, sequence: int | None = None) -> Standing:
    """What the address can spend and its next sequence; with ``sequence`` as if that one were not yet sent,
    for replacing it. Raises: SiteRefused, SiteUnreachable.
    """
    view = site.get_address(address)
    pending = [row for row in site.list_pending(address) if row["sequence"] != sequence]
    spent = sum(row["amount"] + row["fee"] for row in pending)
    if sequence is None:
        sequence = max([view["sequence"], *(row["sequence"] + 1 for row in pending)])
    return Standing(site.get_network(), max(0, view["balance"] - spent), sequence, len(pending))


def sign_transfer(secret: bytes, transfer: Transfer, standing: Standing, fee: int) -> SignedTransaction:
    """Sign. Raises: InvalidSecretKey."""
    return sign_transaction(
        secret,
        network=standing.network,
        kind=Transfer.kind,
        sequence=standing.sequence,
        fee=fee,
        body=transfer,
    )


def estimate_size(transfer: Transfer, standing: Standing, fee: int) -> int:
    """Bytes of the transfer once it is signed; every key and signature is as long."""
    unsigned = SignedTransaction(
        network=standing.network,
        kind=Transfer.kind,
        key=64 * "0",
        sequence=standing.sequence,
        fee=fee,
        body=transfer,
        signature=128 * "0",
    )
    return len(encode(unsigned.to_json()))


def compute_fee(rate: int, transfer: Transfer, standing: Standing) -> int:
    """The fee at ``rate`` base units per 1000 bytes, rounded up; a larger fee has more digits to pay for."""
    fee = 0
    while True:
        following = -(-estimate_size(transfer, standing, fee) * rate // 1000)
        if following <= fee:
            return fee
        fee = following


def choose_fee(options: dict[str, Any], fees: Fees, transfer: Transfer, standing: Standing) -> int:
    """The fee that was asked for, else the site's suggestion. Raises: InvalidAmount."""
    if options["fee"] is not None:
        return parse_amount(options["fee"])
    return compute_fee(fees.rate_for(options["blocks"]), transfer, standing)


def check_funds(transfer: Transfer, fee: int, standing: Standing) -> None:
    """Refuse what the ledger would refuse. Raises: NotEnough."""
    if transfer.amount + fee > standing.available:
        raise NotEnough(standing.available, transfer.amount + fee)


def describe(transfer: Transfer, fee: int, standing: Standing, sender: str) -> list[str]:
    """The transfer in plain words, before it is signed."""
    total = transfer.amount + fee
    lines = [f"From {sender} on the network {standing.network}:"]
    lines += [f"  {format_amount(output.amount)} CAI to {output.to}" for output in transfer.outputs]
    lines.append(f"Fee: {format_amount(fee)} CAI for {estimate_size(transfer, standing, fee)} bytes.")
    left = format_amount(standing.available - total)
    lines.append(f"Together {format_amount(total)} CAI; {left} CAI stay.")
    if standing.pending:
        lines.append(f"{standing.pending} earlier transactions of this address wait in the mempool.")
    return lines


def wait_for_block(site: Site, txid: str, seconds: float) -> dict[str, Any]:
    """Ask until a block holds the transaction. Raises: NotIncluded after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = site.get_transaction(txid)
        if found["block"] is not None:
            return found
        if time.monotonic() >= deadline:
            raise NotIncluded(txid, str(found["status"]))
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
