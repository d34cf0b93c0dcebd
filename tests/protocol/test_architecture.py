"""Layer language 1 and the wiring (docs/protocol.md §4.3, §4.4)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.architecture import (
    check_minable,
    derive_architecture,
    layers_to_json,
    model_bytes,
    parse_architecture,
    scan_architecture,
    wiring_bits,
)
from protocol.errors import (
    InvalidArchitecture,
    MacsOutOfRange,
    ModelTooLarge,
    NotMinable,
    TooManyParameters,
    TrivialArchitecture,
)
from protocol.grammar import compute_seed, derive_text, parse_grammar, shipped_grammar
from protocol.params import DEVNET, MAIN
from tests.protocol.problems import make_problem

DEFAULT = parse_grammar(shipped_grammar("default"))
SEED = compute_seed("00" * 32, "11" * 32, 0)


@pytest.mark.parametrize(("nonce", "parameters", "macs"), [(0, 637662, 26084928), (3, 1150, 705800)])
def test_it_counts_the_documents_examples(nonce: int, parameters: int, macs: int) -> None:
    text = derive_text(DEFAULT, compute_seed("00" * 32, "11" * 32, nonce))
    architecture = parse_architecture(text, (1, 28, 28), 10)
    assert (architecture.parameters, architecture.macs) == (parameters, macs)


def test_each_kind_of_layer_has_its_shapes_and_counts() -> None:
    text = "conv 6 4 relu residual 3 tanh separable 8 5 sigmoid pool max pool avg flatten fc 7 relu"
    architecture = parse_architecture(text, (3, 9, 6), 4)
    rows = [
        (layer.kind, layer.output, layer.parameters, layer.macs, [tensor.shape for tensor in layer.tensors])
        for layer in architecture.layers
    ]
    assert rows == [
        ("conv", (6, 9, 6), 6 * 3 * 16 + 6, 6 * 3 * 16 * 54, [(6, 3, 4, 4)]),
        ("residual", (6, 9, 6), 6 * 6 * 9 + 6, 6 * 6 * 9 * 54, [(6, 6, 3, 3)]),
        ("separable", (8, 9, 6), 150 + 6 + 48 + 8, (150 + 48) * 54, [(6, 1, 5, 5), (8, 6, 1, 1)]),
        ("pool", (8, 4, 3), 0, 0, []),
        ("pool", (8, 2, 1), 0, 0, []),
        ("flatten", (16, 1, 1), 0, 0, []),
        ("fc", (7, 1, 1), 7 * 16 + 7, 7 * 16, [(7, 16)]),
        ("output", (4, 1, 1), 4 * 7 + 4, 4 * 7, [(4, 7)]),
    ]
    assert architecture.parameters == sum(layer.parameters for layer in architecture.layers)
    assert [tensor.index for tensor in architecture.tensors] == list(range(6))
    assert [tensor.has_skip for tensor in architecture.tensors] == [False, True, False, False, False, False]
    assert [tensor.depthwise for tensor in architecture.tensors] == [False, False, True, False, False, False]
    assert [tensor.has_shift for tensor in architecture.tensors] == [True] * 5 + [False]


def test_gap_keeps_one_value_a_channel() -> None:
    architecture = parse_architecture("conv 5 3 relu gap", (1, 7, 7), 3)
    assert architecture.layers[1].output == (5, 1, 1)
    assert architecture.layers[2].tensors[0].shape == (3, 5)


def test_layers_are_written_for_the_api() -> None:
    rows = layers_to_json(parse_architecture("pool avg flatten fc 7 relu", (1, 4, 4), 3))
    assert rows[0] == {
        "kind": "pool",
        "activation": "",
        "filters": 0,
        "kernel": 0,
        "mode": "avg",
        "input": [1, 4, 4],
        "output": [1, 2, 2],
        "parameters": 0,
        "macs": 0,
    }
    assert [row["kind"] for row in rows if isinstance(row, dict)] == ["pool", "flatten", "fc", "output"]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("conv 4 3 relu", 4),
        ("conv 4 3", 3),
        ("conv 0 3 relu gap", 1),
        ("conv 04 3 relu gap", 1),
        ("conv 1000000 3 relu gap", 1),
        ("conv -4 3 relu gap", 1),
        ("conv 4 3.0 relu gap", 2),
        ("conv 4 3 gelu gap", 3),
        ("conv 4 3 RELU gap", 3),
        ("pool min gap", 1),
        ("fc 4 relu flatten", 0),
        ("gap gap", 1),
        ("gap conv 4 3 relu", 1),
        ("gap flatten", 1),
        ("gap fc 4", 3),
        ("gap dropout", 1),
        ("pool max pool max pool max pool max gap", 7),
        ("٣ gap", 0),
        ("conv ٣ 3 relu gap", 1),
    ],
)
def test_it_refuses_what_is_not_the_language(text: str, position: int) -> None:
    with pytest.raises(InvalidArchitecture) as refused:
        parse_architecture(text, (1, 8, 8), 10)
    assert refused.value.position == position


def test_errors_do_not_repeat_long_tokens() -> None:
    with pytest.raises(InvalidArchitecture) as refused:
        parse_architecture("x" * 60000, (1, 8, 8), 10)
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(
    ("text", "fields", "error"),
    [
        ("gap", {}, TrivialArchitecture),
        ("pool max flatten", {}, TrivialArchitecture),
        ("flatten fc 100 relu", {"max_parameters": 7509}, TooManyParameters),
        ("flatten fc 100 relu", {"min_macs": 7401}, MacsOutOfRange),
        ("flatten fc 100 relu", {"min_macs": 1, "max_macs": 7399}, MacsOutOfRange),
    ],
)
def test_it_refuses_networks_outside_the_bounds(
    text: str, fields: dict[str, int], error: type[NotMinable]
) -> None:
    architecture = parse_architecture(text, (1, 8, 8), 10)
    with pytest.raises(error):
        check_minable(architecture, make_problem(**fields), DEVNET)


def test_it_accepts_networks_at_the_bounds() -> None:
    architecture = parse_architecture("flatten fc 100 relu", (1, 8, 8), 10)
    assert (architecture.parameters, architecture.macs) == (7510, 7400)
    check_minable(architecture, make_problem(max_parameters=7510, min_macs=7400, max_macs=7400), DEVNET)


@pytest.mark.parametrize(
    "text",
    [
        "gap fc 1 relu",
        "residual 3 relu separable 8 3 tanh conv 64 5 relu flatten fc 999 relu",
        "separable 999999 5 relu residual 3 relu gap fc 999999 relu",
        "flatten " + "fc 1 relu " * 6000,
    ],
)
def test_a_length_just_too_great_is_found_whatever_the_network(text: str) -> None:
    architecture = parse_architecture(text, (1, 8, 8), 10)
    size = model_bytes(architecture)
    problem = make_problem(min_macs=1, max_macs=2**50, max_parameters=2**50)
    params = replace(DEVNET, max_macs=2**50, max_parameters=2**50, max_model_bytes=size)
    check_minable(architecture, problem, params)
    with pytest.raises(ModelTooLarge):
        check_minable(architecture, problem, replace(params, max_model_bytes=size - 1))


def test_it_refuses_networks_whose_models_are_too_long() -> None:
    text = "flatten " + "fc 1 relu " * 6000
    architecture = parse_architecture(text, (1, 1, 1), 10)
    assert model_bytes(architecture) > 2**20
    problem = make_problem(min_macs=1)
    with pytest.raises(ModelTooLarge):
        check_minable(architecture, problem, replace(DEVNET, max_model_bytes=2**20))
    check_minable(architecture, problem, MAIN)


@pytest.mark.parametrize(
    ("shape", "fields", "share"),
    [
        ((1, 8, 8), {"min_macs": 10**4, "max_macs": 6 * 10**5}, 0.48),
        ((1, 28, 28), {"min_macs": 5 * 10**4, "max_macs": 75 * 10**4}, 0.24),
    ],
)
def test_the_default_grammar_gives_minable_nonces(
    shape: tuple[int, int, int], fields: dict[str, int], share: float
) -> None:
    problem = make_problem(shape=shape, **fields)
    minable = 0
    for nonce in range(3000):
        try:
            scan_architecture(DEVNET, DEFAULT, problem, compute_seed("00" * 32, "11" * 32, nonce))
        except NotMinable:
            continue
        minable += 1
    assert minable / 3000 == pytest.approx(share, abs=0.03)


def test_scanning_and_deriving_agree() -> None:
    problem = make_problem()
    for nonce in range(100):
        seed = compute_seed("00" * 32, "11" * 32, nonce)
        try:
            scanned = scan_architecture(DEVNET, DEFAULT, problem, seed)
        except NotMinable as error:
            with pytest.raises(type(error)):
                derive_architecture(DEVNET, DEFAULT, problem, seed)
            continue
        derivation, architecture = derive_architecture(DEVNET, DEFAULT, problem, seed)
        assert architecture == scanned
        assert architecture.text == derivation.text


def test_the_wiring_is_the_documents() -> None:
    bits = wiring_bits(SEED, 0, 36)
    assert [bits[j // 8] >> (j % 8) & 1 for j in range(9)] == [0, 1, 1, 1, 1, 0, 1, 0, 1]


@given(count=st.integers(1, 300), tensor=st.integers(0, 9999))
def test_wirings_of_different_lengths_begin_alike(count: int, tensor: int) -> None:
    longest = int.from_bytes(wiring_bits(SEED, tensor, 300), "little")
    bits = wiring_bits(SEED, tensor, count)
    assert len(bits) == (count + 7) // 8
    assert int.from_bytes(bits, "little") == longest & ((1 << count) - 1)


def test_every_tensor_has_its_own_wiring() -> None:
    other = compute_seed("00" * 32, "11" * 32, 1)
    wirings = {wiring_bits(seed, tensor, 128) for seed in (SEED, other) for tensor in range(50)}
    assert len(wirings) == 100
    connected = sum(int.from_bytes(bits, "little").bit_count() for bits in wirings)
    assert connected / 12800 == pytest.approx(0.5, abs=0.02)
