"""The vectors of networks are current, and a second implementation of the document agrees with them."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.architecture import parse_architecture
from protocol.evaluation import compute_logits
from protocol.grammar import derive_text, parse_grammar
from protocol.model_file import read_model
from tests.second import networks as second
from tests.vectors.make_networks import dump
from tests.vectors.networks import NETWORKS

FOLDER = Path(__file__).resolve().parent


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


DERIVATION, MODELS, LOGITS = load("derivation"), load("model_file"), load("logits")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_is_what_the_code_makes(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert text == dump(NETWORKS[name]()), "run: python -m tests.vectors.make_networks"


def test_there_are_enough_derivations_of_the_default_grammar() -> None:
    cases = [case for case in DERIVATION["cases"] if case["grammar"] == "default"]
    assert sum("macs" in case for case in cases) >= 60


def test_the_documents_examples_are_among_them() -> None:
    by_nonce = {case.get("nonce"): case for case in DERIVATION["cases"][:64]}
    assert by_nonce[0]["text"] == "conv 20 5 relu conv 64 5 relu flatten fc 12 relu fc 128 relu"
    assert (by_nonce[0]["parameters"], by_nonce[0]["macs"]) == (637662, 26084928)
    assert (by_nonce[3]["parameters"], by_nonce[3]["macs"]) == (1150, 705800)
    assert load("wiring")[0]["first"] == [0, 1, 1, 1, 1, 0, 1, 0, 1]


CASES = DERIVATION["cases"]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_another_reading_derives_the_same(case: dict[str, Any]) -> None:
    seed = bytes.fromhex(case["seed"])
    text = DERIVATION["grammars"][case["grammar"]]
    rules, shape = second.rules_of(text), tuple(DERIVATION["shape"])
    if "text" not in case:
        with pytest.raises(ValueError, match="too"):
            second.derive(rules, seed, case["max_choices"], case["rule"])
        return
    derived, choices = second.derive(rules, seed, case["max_choices"], case["rule"])
    assert derived == case["text"]
    assert [list(choice[:3]) for choice in choices] == case["choices"]
    if case["rule"] == "refill":
        assert derive_text(parse_grammar(text), seed, max_choices=case["max_choices"]) == derived
    if "macs" in case:
        layers = second.layers_of(derived, shape, DERIVATION["classes"])
        assert second.costs(layers) == (case["parameters"], case["macs"])
    elif "refused" in case:
        with pytest.raises(ValueError, match=r"layer|number|pool|flatten|activation"):
            second.layers_of(derived, shape, DERIVATION["classes"])


@pytest.mark.parametrize("case", load("wiring"))
def test_another_reading_wires_the_same(case: dict[str, Any]) -> None:
    wiring = second.wiring(bytes.fromhex(case["seed"]), case["tensor"], tuple(case["shape"]))
    bits = np.packbits(wiring.reshape(-1).astype(np.uint8), bitorder="little")
    assert bits.tobytes().hex() == case["bits"]


@pytest.mark.parametrize("number", range(len(MODELS)))
def test_all_readings_give_the_same_logits(number: int) -> None:
    case, expected = MODELS[number], LOGITS[number]
    data, seed = base64.b64decode(case["file"]), bytes.fromhex(case["seed"])
    shape = tuple(case["shape"])
    x = np.frombuffer(base64.b64decode(expected["inputs"]), np.uint8).reshape(-1, *shape)
    model = read_model(data, parse_architecture(case["text"], shape, case["classes"]), seed)
    assert compute_logits(model, x).tolist() == expected["logits"]
    layers = second.layers_of(case["text"], shape, case["classes"])
    arrays = second.read_model(data, second.tensors_of(layers), seed)
    assert second.logits(layers, arrays, x).tolist() == expected["logits"]
