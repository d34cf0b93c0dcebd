"""Problems, grammars, and whether a seed is minable with a pair of them (docs/protocol.md §4, §8)."""

import re

from tests.second import networks as nets
from tests.second import primitives as base

TEXTS = {"title": 120, "summary": 2000, "licence": 200, "source": 500, "conversion": 2000}
INTEGERS = ["classes", "train", "validation", "data_bytes", "floor_error"]
INTEGERS += ["min_macs", "max_macs", "max_parameters", "min_active_blocks"]
HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
NAME = re.compile(r'<[^<>|\s"]+>')


def problem_of(raw, p):
    """The manifest in canonical bytes; ValueError when it breaks a rule or a limit of the chain."""
    if len(raw) > p["max_manifest_bytes"]:
        raise ValueError("too long")
    m = base.parse(raw)
    if type(m) is not dict or set(m) != {*TEXTS, *INTEGERS, "task", "metric", "shape", "data"}:
        raise ValueError("other fields")
    for name, most in TEXTS.items():
        text = m[name]
        if type(text) is not str or not 1 <= len(text) <= most or text != text.strip(" \n"):
            raise ValueError(name)
        if HIDDEN.search(text) or (name == "title" and "\n" in text):
            raise ValueError(name)
    if any(type(m[name]) is not int or m[name] < 1 for name in INTEGERS):
        raise ValueError("an integer below 1")
    shape = m["shape"]
    if type(shape) is not list or len(shape) != 3 or any(type(s) is not int or s < 1 for s in shape):
        raise ValueError("shape")
    if m["task"] != "classification" or m["metric"] not in ("accuracy", "balanced_accuracy"):
        raise ValueError("task or metric")
    if type(m["data"]) is not str or not re.fullmatch("[0-9a-f]{64}", m["data"]):
        raise ValueError("data")
    check_limits(m, p)
    return m


def check_limits(m, p):
    values = m["shape"][0] * m["shape"][1] * m["shape"][2]
    payload = (m["train"] + m["validation"]) * (values + 2)
    fits = [
        2 <= m["classes"] <= 1000,
        payload < m["data_bytes"] <= p["max_data_bytes"],
        m["data_bytes"] <= payload + 8 + 65536,
        values <= p["max_macs"],
        m["floor_error"] <= 10**6,
        m["min_macs"] <= m["max_macs"] <= p["max_macs"],
        m["max_parameters"] <= p["max_parameters"],
        m["validation"] * m["max_macs"] <= p["max_evaluation_macs"],
        p["min_active_blocks"] <= m["min_active_blocks"] <= 10 * p["min_active_blocks"],
    ]
    if not all(fits):
        raise ValueError(f"limits {fits}")


def grammar_of(raw, p):
    """The rules of a grammar's text; ValueError when it breaks §4.1."""
    if len(raw) > min(65536, p["max_grammar_bytes"]):
        raise ValueError("too long")
    text = raw.decode("ascii")
    if not re.fullmatch(r"[\n\x20-\x7e]*", text):
        raise ValueError("other than printable ASCII and line feeds")
    rules, joined = {}, []
    for line in (line.strip() for line in text.split("\n")):
        if line.startswith("|"):
            if not joined:
                raise ValueError("continues nothing")
            joined[-1] += " " + line
        elif line and not line.startswith("#"):
            joined.append(line)
    for line in joined:
        name, found, body = line.partition("::=")
        alternatives = [part.strip() for part in body.split("|")]
        if not found or not NAME.fullmatch(name.strip()) or name.strip() in rules or len(alternatives) > 256:
            raise ValueError(f"no rule, a second one, or too many alternatives: {name}")
        for part in alternatives:
            if part != '""' and not re.fullmatch(r'(?:<[^<>|\s"]+>|[^<>|\s"]| )+', part):
                raise ValueError(f"no alternative: {part}")
        rules[name.strip()] = [nets.symbols_of(part) for part in alternatives]
    if not 1 <= len(rules) <= 256:
        raise ValueError("no rule or too many")
    reached = [next(iter(rules))]
    for name in reached:
        for symbol in [s for a in rules[name] for s, _ in a if s.startswith("<")]:
            if symbol not in rules:
                raise ValueError(f"{symbol} is undefined")
            if symbol not in reached:
                reached.append(symbol)
    if len(reached) != len(rules) or float("inf") in nets.heights(rules).values():
        raise ValueError("unreachable or unproductive")
    return rules


def is_minable(seed, rules, problem, p):
    """Whether a hash gives a network within the bounds of the problem (§4.3)."""
    try:
        text, _ = nets.derive(rules, seed, p["max_choices"], p["derivation"])
        layers = nets.layers_of(text, problem["shape"], problem["classes"])
    except ValueError:
        return False
    parameters, macs = nets.costs(layers)
    return (
        len(nets.tensors_of(layers)) > 1
        and parameters <= problem["max_parameters"]
        and problem["min_macs"] <= macs <= problem["max_macs"]
    )
