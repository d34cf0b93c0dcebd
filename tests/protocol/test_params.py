"""Chain parameters (docs/protocol.md, appendix)."""

from dataclasses import fields
from typing import Any

import pytest

from protocol.blocks import Genesis, check_genesis
from protocol.encoding import decode, encode
from protocol.errors import InvalidParameter, WrongFields, WrongType
from protocol.params import CAI, DEVNET, MAIN, PARAMETERS, TESTING, ChainParams


@pytest.mark.parametrize("params", PARAMETERS.values(), ids=str)
def test_parameters_can_be_read_back(params: ChainParams) -> None:
    raw = encode(params.to_json())
    assert ChainParams.from_json(decode(raw), network=params.network) == params


@pytest.mark.parametrize("params", PARAMETERS.values(), ids=str)
def test_every_network_can_begin(params: ChainParams) -> None:
    check_genesis(Genesis(params.network, params, 0, {}, 64 * "1", 64 * "2"))


def test_the_networks_have_the_numbers_of_the_specification() -> None:
    table = {
        "round_seconds": (120, 10, 1),
        "raise_": (250, 250, 250),
        "fall": (100, 100, 100),
        "late_seconds": (2, 2, 1),
        "max_reorg": (100, 100, 20),
        "stall_rounds": (200, 60480, 30),
        "max_transactions": (2000, 500, 50),
        "max_block_bytes": (2 * 2**20, 2**20, 256 * 2**10),
        "nonces_per_transaction": (65536, 0, 0),
        "max_choices": (512, 512, 512),
        "max_data_bytes": (2**30, 256 * 2**20, 8 * 2**20),
        "max_model_bytes": (16 * 2**20, 8 * 2**20, 2**20),
        "max_parameters": (5 * 10**6, 2 * 10**6, 2 * 10**6),
        "max_macs": (5 * 10**7, 5 * 10**6, 5 * 10**6),
        "max_evaluation_macs": (3 * 10**10, 3 * 10**9, 3 * 10**9),
        "initial_subsidy": (50 * CAI, 50 * CAI, 50 * CAI),
        "halving_blocks": (210000, 210000, 210000),
        "keeper_share_ppm": (100000, 100000, 100000),
        "maturity_blocks": (100, 5, 2),
        "epoch_blocks": (720, 10, 4),
        "min_active_blocks": (2160, 20, 4),
        "quorum_ppm": (50000, 10000, 10000),
        "proposal_blocks": (50000, 500, 40),
        "beacon_blocks": (128, 5, 2),
        "switch_delay": (100, 2, 2),
        "proposal_deposit": (CAI, CAI, CAI),
        "proposal_deposit_per_mib": (CAI // 100, CAI // 100, CAI // 100),
        "model_replicas": (5, 3, 2),
        "data_replicas": (10, 0, 2),
        "audits_per_block": (32, 8, 4),
        "proof_blocks": (20, 10, 4),
        "slash_ppm": (20000, 20000, 50000),
        "max_misses": (3, 3, 2),
        "unbond_blocks": (2000, 50, 8),
        "topup_per_block": (64, 16, 8),
        "bond_per_gib": (CAI, CAI // 100, CAI // 100),
    }
    for name, expected in table.items():
        assert tuple(getattr(params, name) for params in (MAIN, DEVNET, TESTING)) == expected, name


def test_the_word_that_python_reserves_keeps_its_name_in_json() -> None:
    content = TESTING.to_json()
    assert content["raise"] == 250
    assert "raise_" not in content
    assert "network" not in content
    assert len(content) == len(fields(TESTING)) - 1


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("fall", 0, InvalidParameter),
        ("round_seconds", 0, InvalidParameter),
        ("halving_blocks", 0, InvalidParameter),
        ("keeper_share_ppm", 10**6 + 1, InvalidParameter),
        ("beacon_blocks", 257, InvalidParameter),
        ("derivation", "other", InvalidParameter),
        ("selection", "", InvalidParameter),
        ("selection", 1, WrongType),
        ("fall", "100", WrongType),
        ("fall", True, WrongType),
        ("fall", -1, WrongType),
        ("raise_", 1, WrongFields),
        ("surplus", 1, WrongFields),
    ],
)
def test_it_refuses_parameters_that_make_no_sense(name: str, value: Any, error: type[Exception]) -> None:
    content: dict[str, Any] = {**TESTING.to_json(), name: value}
    with pytest.raises(error):
        ChainParams.from_json(content, network="testing")


@pytest.mark.parametrize("name", TESTING.to_json())
def test_it_refuses_documents_that_leave_a_parameter_out(name: str) -> None:
    content = dict(TESTING.to_json())
    del content[name]
    with pytest.raises(WrongFields) as refused:
        ChainParams.from_json(content, network="testing")
    assert refused.value.missing == (name,)
