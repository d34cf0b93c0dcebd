"""A valid chain, one thing broken at a time (docs/protocol.md §3 to §7)."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest

from protocol import errors
from protocol.blocks import Block, encode_block, parse_block
from protocol.errors import ProtocolError
from protocol.errors.storage import PrivateEndpoint, UnusableEndpoint
from protocol.ledger import ActiveContents
from protocol.params import MAIN, TESTING
from protocol.problem import parse_problem
from protocol.transactions import Reward
from protocol.validation import (
    CHECKS,
    check_block_form,
    check_error,
    check_header,
    check_model,
    check_not_from_future,
    check_unsigned_form,
    get_seed,
    validate_block,
)
from tests.protocol.cast import ALICE, BOB, transfer
from tests.vectors.broken import BROKEN, HEIGHT, Broken, Case, load_case
from tests.vectors.chain import Replay
from tests.vectors.genesis import GENESIS, PROBLEM
from tests.vectors.make import load


@lru_cache(maxsize=1)
def load_chain() -> Any:
    return load("chain")


@lru_cache(maxsize=1)
def load_valid_case() -> Case:
    return load_case(load_chain())


@pytest.fixture
def case() -> Case:
    return load_valid_case().copy()


def test_the_chain_is_valid(case: Case) -> None:
    valid = case.replay.connect(case.raw)
    assert valid.block.header.height == HEIGHT
    for block in load_chain()["blocks"][HEIGHT:]:
        case.replay.connect(block["raw"].encode())
    assert case.replay.parent.height == 5


@pytest.mark.parametrize("broken", BROKEN, ids=[f"{item.error.name}: {item.name}" for item in BROKEN])
def test_a_block_with_one_thing_broken_is_refused_for_it(case: Case, broken: Broken) -> None:
    raw = broken.make(case)
    assert raw != case.raw
    with pytest.raises(ProtocolError) as refused:
        case.replay.check(raw)
    assert type(refused.value) is broken.error


def test_every_check_has_a_test() -> None:
    elsewhere = {
        # too long for a vector, or impossible with the parameters and the grammar of the testing network
        errors.EncodingTooLarge,
        errors.TooManyTransactions,
        errors.NonceOutOfRange,
        errors.AmountOverflow,
        errors.FromTheFuture,
        errors.ObjectMissing,
        errors.WrongModel,
        errors.WrongModelLength,
        # the work of the tests of architectures and models
        errors.DerivationTooLong,
        errors.TrivialArchitecture,
        errors.TooManyParameters,
        errors.ModelTooLarge,
        errors.ModelSumTooLarge,
        # the work of the tests of grammars, problems, governance and storage
        *(errors.GrammarSyntax, errors.GrammarTooLarge, errors.UndefinedName, errors.UnreachableName),
        *(errors.UnproductiveName, errors.DuplicateRule, errors.InvalidProblem, errors.ProblemExceedsLimits),
        *(error for code, error in errors.ERRORS.items() if 800 <= code < 1000),
    } - {UnusableEndpoint, PrivateEndpoint}  # refusals of those who fetch, not of a block
    listed = {error for check in CHECKS for error in check.errors}
    assert listed == {broken.error for broken in BROKEN} | elsewhere


def test_checks_are_numbered_and_say_what_holds() -> None:
    assert [check.number for check in CHECKS] == list(range(1, len(CHECKS) + 1))
    assert all(check.rule.endswith(".") and check.errors for check in CHECKS)


def test_a_block_may_not_be_larger_than_the_limit(case: Case) -> None:
    limit = len(case.raw)
    assert check_block_form(replace(TESTING, max_block_bytes=limit), case.raw) == case.block
    with pytest.raises(errors.EncodingTooLarge):
        check_block_form(replace(TESTING, max_block_bytes=limit - 1), case.raw)


def test_a_block_may_not_have_more_transactions_than_the_limit(case: Case) -> None:
    assert check_block_form(replace(TESTING, max_transactions=2), case.raw) == case.block
    with pytest.raises(errors.TooManyTransactions) as refused:
        check_block_form(replace(TESTING, max_transactions=1), case.raw)
    assert (refused.value.count, refused.value.limit) == (2, 1)


def test_transactions_open_nonces(case: Case) -> None:
    nonce = case.header.nonce
    for each in (1, nonce // 3, nonce // 3 + 1, nonce + 1):
        params = replace(TESTING, nonces_per_transaction=each)
        if nonce < 3 * each:  # two transfers and one
            check_block_form(params, case.raw)
        elif each > 0:
            with pytest.raises(errors.NonceOutOfRange):
                check_block_form(params, case.raw)


def test_the_largest_nonce_is_fine_where_nothing_bounds_it(case: Case) -> None:
    raw = case.change(nonce=2**53 - 1)
    assert check_block_form(TESTING, raw).header.nonce == 2**53 - 1
    with pytest.raises(errors.NonceOutOfRange):
        check_block_form(replace(TESTING, nonces_per_transaction=65536), raw)


def test_it_refuses_a_block_from_the_future(case: Case) -> None:
    timestamp = case.header.timestamp
    with pytest.raises(errors.FromTheFuture):
        case.replay.check(case.raw, now=timestamp - 1)
    case.replay.check(case.raw, now=timestamp)
    check_not_from_future(case.header, timestamp)


@pytest.mark.parametrize("what", ["problem", "grammar", "data set", "model"])
def test_a_block_is_undecided_while_something_is_missing(case: Case, what: str) -> None:
    data_set = next(key for key, data in case.replay.objects.files.items() if len(data) > 100_000)
    missing = {
        "problem": GENESIS.problem,
        "grammar": GENESIS.grammar,
        "data set": data_set,
        "model": case.header.model,
    }[what]
    del case.replay.objects.files[missing]
    with pytest.raises(errors.ObjectMissing) as refused:
        case.replay.check(case.raw)
    assert (refused.value.object, refused.value.what) == (missing, what)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda model: model[:-1], errors.WrongModelLength),
        (lambda model: model + b"\0", errors.WrongModelLength),
        (lambda model: b"", errors.WrongModelLength),
        (lambda model: model[:-1] + bytes([model[-1] ^ 1]), errors.WrongModel),
    ],
)
def test_bytes_that_are_not_the_model_are_refused(
    case: Case, change: Callable[[bytes], bytes], error: type[ProtocolError]
) -> None:
    valid = case.replay.check(case.raw)
    with pytest.raises(error):
        check_model(case.header, get_seed(case.header), valid.architecture, change(case.model))


def test_a_model_that_somebody_else_trained_is_worth_nothing(case: Case) -> None:
    # The thief's address changes the seed, and with it layers or wires: here the nonce is sought where only
    # wires differ.
    stolen = case.replay.check(case.raw)
    thief = Reward(network="testing", height=HEIGHT, key=ALICE.key)
    raw = case.with_transactions(thief, *case.block.transactions[1:])
    header = parse_block(raw, TESTING).header
    with pytest.raises((errors.ModelIgnoresWiring, errors.WrongModelLength)):
        check_model(header, get_seed(header), stolen.architecture, case.model)
    with pytest.raises(errors.ModelIgnoresWiring):
        check_model(case.header, get_seed(header), stolen.architecture, case.model)


def test_an_error_that_another_process_computed_is_compared_exactly(case: Case) -> None:
    problem = parse_problem(PROBLEM, TESTING)
    check_error(case.header, problem, case.header.error)
    for computed in (case.header.error - 1, case.header.error + 1):
        with pytest.raises(errors.FalseClaim):
            check_error(case.header, problem, computed)


def test_a_stalled_block_needs_no_quality(case: Case) -> None:
    round = TESTING.stall_rounds
    contents = ActiveContents(GENESIS.problem, GENESIS.grammar)
    parent = case.replay.parent
    stalled = replace(
        case.header, round=round, timestamp=parent.timestamp + round + 1, threshold=0, error=1_000_000
    )
    check_header(TESTING, stalled, parent, contents=contents, floor=514)
    with pytest.raises(errors.WrongThreshold):
        check_header(TESTING, replace(stalled, threshold=514), parent, contents=contents, floor=514)


def test_a_stalled_block_is_valid_and_the_next_opens_at_the_floor(case: Case) -> None:
    round = TESTING.stall_rounds
    raw = case.change(round=round, timestamp=case.replay.parent.timestamp + round + 1, threshold=0)
    valid = case.replay.connect(raw)  # nonce and model do not depend on the round
    assert valid.block.header.threshold == 0
    assert case.replay.compute_threshold(0) == 514


def test_a_block_works_on_what_was_voted_until_a_stall(case: Case) -> None:
    case.replay.state.entries["active/grammar"] = {"proposal": 64 * "1", "content": 64 * "2", "since": 1}
    with pytest.raises(errors.ObjectMissing):
        case.replay.check(case.raw)
    case.replay.objects.files[64 * "2"] = b"<net> ::= conv 4 3 relu flatten\n"
    with pytest.raises(errors.WrongContents):
        case.replay.check(case.raw)


def test_a_block_of_another_network_is_refused_before_its_signatures(case: Case) -> None:
    with pytest.raises(errors.WrongNetwork):
        check_block_form(replace(MAIN, nonces_per_transaction=0), case.raw)


def test_a_genesis_block_is_never_taken_from_outside() -> None:
    raw = load_chain()["genesis_block"]["raw"].encode()
    assert parse_block(raw, TESTING).hash == load_chain()["genesis_block"]["hash"]
    with pytest.raises(errors.UnexpectedGenesis):
        check_block_form(TESTING, raw)


def test_signatures_are_checked_with_the_form_but_after_the_seal(case: Case) -> None:
    forged = replace(transfer(ALICE, (BOB, 1)), fee=1)
    raw = case.with_transfers(forged)
    assert check_unsigned_form(TESTING, raw).signed == (forged,)
    with pytest.raises(errors.InvalidSignature):
        check_block_form(TESTING, raw)


def test_a_valid_block_does_not_fit_another_place() -> None:
    replay = Replay()
    chain = load_chain()["blocks"]
    with pytest.raises(errors.WrongParent):
        replay.check(chain[1]["raw"].encode())
    first = chain[0]["raw"].encode()
    model = load_case(load_chain(), 1).replay.objects.files
    replay.objects.files.update(model)
    replay.connect(first)
    with pytest.raises(errors.WrongParent):
        replay.check(first)


def test_a_block_is_not_valid_for_another_genesis(case: Case) -> None:
    with pytest.raises(errors.WrongContents):
        validate_block(
            TESTING,
            replace(GENESIS, problem=64 * "1"),
            case.change(round=30, timestamp=case.replay.parent.timestamp + 31, threshold=0),
            parent=case.replay.parent,
            reader=case.replay.state,
            accumulator=case.replay.accumulator,
            objects=_Anything(case),
            now=2**53,
        )


class _Anything:
    """Gives the shipped problem under every id."""

    def __init__(self, case: Case) -> None:
        self.files = case.replay.objects.files

    def read(self, object_id: str, /) -> bytes | None:
        return self.files.get(object_id, self.files[GENESIS.problem])


def test_blocks_can_be_read_back(case: Case) -> None:
    assert encode_block(case.block) == case.raw
    assert case.block.reward.key == BOB.key
    assert len(case.block.signed) == 2
    with pytest.raises(errors.MissingReward):
        _ = Block(case.header, ()).reward
