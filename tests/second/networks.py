"""Grammar, layers, wiring and exact inference from their definitions (docs/protocol.md §4, §6)."""

import hashlib
import json
import re
import struct

import numpy as np

SYMBOL = re.compile(r'<[^<>|\s]+>|""|[^<>|\s"]+')


def seed(previous, transactions, nonce):
    packed = bytes.fromhex(previous) + bytes.fromhex(transactions) + nonce.to_bytes(8, "big")
    return hashlib.sha3_512(packed).digest()


def rules_of(text):
    """name → list of alternatives; an alternative is a list of (symbol, is separated from the one before)."""
    joined = []
    for line in text.split("\n"):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("|"):
            joined[-1] += " " + line
        else:
            joined.append(line)
    rules = {}
    for line in joined:
        name, body = line.split("::=")
        rules[name.strip()] = [symbols_of(part) for part in body.split("|")]
    return rules


def symbols_of(text):
    text = text.strip()
    if text == '""':
        return []
    return [
        (found[0], found.start() > 0 and text[found.start() - 1] == " ") for found in SYMBOL.finditer(text)
    ]


def heights(rules):
    """Height of every name: 1 + that of its least alternative, as the least fixed point."""
    known = dict.fromkeys(rules, float("inf"))
    changed = True
    while changed:
        changed = False
        for name, alternatives in rules.items():
            best = 1 + min(height_of(alternative, known) for alternative in alternatives)
            if best < known[name]:
                known[name], changed = best, True
    return known


def height_of(alternative, known):
    return max((known[s] for s, _ in alternative if s.startswith("<")), default=0)


def derive(rules, h, max_choices=512, rule="refill"):
    """The derived text and the choices [(name, n, i, m before)]; ValueError when it gets too long."""
    start = next(iter(rules))
    known = heights(rules)
    m, room, refills, expansions = int.from_bytes(h, "big"), 2**512, 0, 0
    choices, out, stack = [], [], [(start, False)]
    while stack:
        symbol, separated = stack.pop()
        if separated:
            out.append(" ")
        if not symbol.startswith("<"):
            out.append(symbol)
            continue
        expansions += 1
        if expansions > 65536:
            raise ValueError("too many expansions")
        options = rules[symbol]
        n = len(options)
        if n == 1:
            taken = 0
        elif len(choices) >= max_choices:
            if rule == "paper":
                raise ValueError("too many choices")
            taken = min(range(n), key=lambda i: (height_of(options[i], known), i))
        else:
            if rule == "paper":
                m = int.from_bytes(h, "big") if m < n - 1 else m
            elif room < n * 2**64:
                refills += 1
                block = hashlib.sha3_512(b"coinai/1/refill\n" + h + refills.to_bytes(4, "big")).digest()
                m, room = int.from_bytes(block, "big"), 2**512
            before = m
            m, taken = divmod(m, n)
            room //= n
            choices.append((symbol.strip("<>"), n, taken, before))
        stack.extend(reversed(options[taken]))
    text = " ".join("".join(out).split())
    if len(text) > 65536:
        raise ValueError("too much text")
    return text, choices


def number_of(word):
    if not re.fullmatch("[1-9][0-9]{0,5}", word):
        raise ValueError(f"{word} is no number")
    return int(word)


def activation_of(word):
    if word not in ("relu", "tanh", "sigmoid"):
        raise ValueError(f"{word} is no activation")
    return word


def layers_of(text, shape, classes):
    """[(kind, options, input shape, output shape)], the last layer included; ValueError if it is none."""
    words, layers = text.split(), []
    c, hh, w = shape
    flat = False
    size = {"conv": 4, "residual": 3, "separable": 4, "pool": 2, "flatten": 1, "gap": 1, "fc": 3}
    while words:
        kind = words[0]
        if len(words) < size.get(kind, 1) or flat != (kind == "fc"):
            raise ValueError(f"unknown, misplaced or cut layer {kind}")
        options, words = words[1 : size.get(kind, 1)], words[size.get(kind, 1) :]
        before = (c, hh, w)
        if kind in ("conv", "separable"):
            f, k, a = number_of(options[0]), number_of(options[1]), activation_of(options[2])
            layers.append((kind, (k, a), before, (f, hh, w)))
            c = f
        elif kind == "residual":
            k, a = number_of(options[0]), activation_of(options[1])
            layers.append((kind, (k, a), before, before))
        elif kind == "pool":
            if hh < 2 or w < 2 or options[0] not in ("max", "avg"):
                raise ValueError("no such pool, or too small for it")
            hh, w = hh // 2, w // 2
            layers.append((kind, (options[0],), before, (c, hh, w)))
        elif kind in ("flatten", "gap"):
            flat = True
            c, hh, w = (c * hh * w if kind == "flatten" else c), 1, 1
            layers.append((kind, (), before, (c, 1, 1)))
        elif kind == "fc":
            u, a = number_of(options[0]), activation_of(options[1])
            layers.append((kind, (a,), before, (u, 1, 1)))
            c = u
        else:
            raise ValueError(f"unknown layer {kind}")
    if not flat:
        raise ValueError("neither flatten nor gap")
    layers.append(("fc", ("",), (c, 1, 1), (classes, 1, 1)))
    return layers


def tensors_of(layers):
    """[(weight shape, activation, has shift, has skip)] in order."""
    found = []
    for i, (kind, options, (c, _, _), (o, _, _)) in enumerate(layers):
        last = i == len(layers) - 1
        if kind == "conv":
            found.append(((o, c, options[0], options[0]), options[1], True, False))
        elif kind == "residual":
            found.append(((c, c, options[0], options[0]), options[1], True, True))
        elif kind == "separable":
            found.append(((c, 1, options[0], options[0]), "", True, False))
            found.append(((o, c, 1, 1), options[1], True, False))
        elif kind == "fc":
            found.append(((o, c), options[0], not last, False))
    return found


def costs(layers):
    """(parameters, multiply-accumulates)."""
    parameters = macs = 0
    shapes = [shape for shape, *_ in tensors_of(layers)]
    for kind, _, _, (_, hh, w) in layers:
        for _ in range({"conv": 1, "residual": 1, "separable": 2, "fc": 1}.get(kind, 0)):
            shape = shapes.pop(0)
            size = int(np.prod(shape))
            parameters += size + shape[0]
            macs += size * hh * w
    return parameters, macs


def wiring(h, t, shape):
    size = int(np.prod(shape))
    stream = hashlib.shake_256(b"coinai/1/wiring\n" + h + t.to_bytes(4, "big")).digest((size + 7) // 8)
    return np.array([stream[j // 8] >> (j % 8) & 1 for j in range(size)], dtype=np.int64).reshape(shape)


def read_model(data, tensors, h):
    """The tensors of a model file, checked: one encoding, ranges, wiring and bounds."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    if text + b" " * (-len(text) % 8) != data[8 : 8 + length] or header.pop("__metadata__") != {
        "format": "coinai/1"
    }:
        raise ValueError("the header has another form")
    body, position, arrays = data[8 + length :], 0, {}
    types = {"I8": np.int8, "I32": np.dtype("<i4"), "U8": np.uint8}
    for name in sorted(header):
        entry = header[name]
        start, end = entry["data_offsets"]
        if start != position:
            raise ValueError("a gap")
        position = end
        arrays[name] = (
            np.frombuffer(body[start:end], types[entry["dtype"]]).reshape(entry["shape"]).astype(np.int64)
        )
    if position != len(body):
        raise ValueError("surplus bytes")
    expected = set()
    for t, (shape, _, has_shift, has_skip) in enumerate(tensors):
        expected |= {f"{t:04}.weight", f"{t:04}.bias"}
        expected |= {f"{t:04}.shift"} if has_shift else set()
        expected |= {f"{t:04}.skip"} if has_skip else set()
        check_tensor(arrays, t, shape, h)
    if expected != set(arrays):
        raise ValueError("other tensors")
    return arrays


def check_tensor(arrays, t, shape, h):
    weight, bias = arrays[f"{t:04}.weight"], arrays[f"{t:04}.bias"]
    shift = arrays.get(f"{t:04}.shift", np.zeros_like(bias))
    skip = arrays.get(f"{t:04}.skip")
    if weight.shape != tuple(shape) or (weight < -127).any() or (weight[wiring(h, t, shape) == 0] != 0).any():
        raise ValueError("weights")
    if (abs(bias) > 2**30).any() or (shift < -8).any() or (shift > 31).any():
        raise ValueError("ranges")
    for o in range(shape[0]):
        total = 128 * int(abs(weight[o]).sum()) + abs(int(bias[o]))
        if skip is not None:
            if not 0 <= skip[o] <= 14:
                raise ValueError("skip")
            total += 128 * 2 ** int(skip[o])
        s = int(shift[o])
        total += 2 ** (s - 1) if s > 0 else 0
        if total >= 2**31 or (s < 0 and total * 2**-s >= 2**31):
            raise ValueError("sums may overflow")


def round_half_up(value):
    return int(np.floor(value + 0.5))


def activate(acc, shift, activation, tables):
    s = shift.reshape((1, -1) + (1,) * (acc.ndim - 2))
    rounding = np.where(s > 0, 1 << np.maximum(s - 1, 0), 0)
    z = np.where(s > 0, (acc + rounding) >> np.maximum(s, 0), acc << np.maximum(-s, 0))
    if activation == "relu":
        return np.clip(z, 0, 127)
    if activation == "":
        return np.clip(z, -128, 127)
    return tables[activation][np.clip(z, -512, 511) + 512]


def tables():
    """The activation tables from their formulas (the rules ship them as constants)."""
    i = np.arange(-512, 512)
    tanh = [min(127, max(-127, round_half_up(128 * np.tanh(x / 128)))) for x in i]
    sigmoid = [min(127, max(-127, round_half_up(128 / (1 + np.exp(-x / 64))))) for x in i]
    return {"tanh": np.array(tanh, dtype=np.int64), "sigmoid": np.array(sigmoid, dtype=np.int64)}


def convolve(x, weight, bias):
    """Cross-correlation in int64, one kernel position after another."""
    k = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), ((k - 1) // 2, k // 2), ((k - 1) // 2, k // 2)))
    hh, w = x.shape[2:]
    depthwise = weight.shape[1] == 1 and weight.shape[0] == x.shape[1] and x.shape[1] > 1
    acc = np.zeros((len(x), weight.shape[0], hh, w), dtype=np.int64)
    for dy in range(k):
        for dx in range(k):
            part = padded[:, :, dy : dy + hh, dx : dx + w]
            if depthwise:
                acc += part * weight[:, 0, dy, dx].reshape(1, -1, 1, 1)
            else:
                acc += np.einsum("nchw,oc->nohw", part, weight[:, :, dy, dx])
    return acc + bias.reshape(1, -1, 1, 1)


def logits(layers, arrays, pixels):
    """int64 logits [N, classes] for uint8 pixels [N, C, H, W]."""
    lookup, t = tables(), 0
    x = pixels.astype(np.int64) >> 1
    for index, (kind, options, _, _) in enumerate(layers):
        if kind == "pool":
            hh, w = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
            four = np.stack([x[:, :, a:hh:2, b:w:2] for a in (0, 1) for b in (0, 1)])
            x = four.max(axis=0) if options[0] == "max" else (four.sum(axis=0) + 2) >> 2
        elif kind == "flatten":
            x = x.reshape(len(x), -1)
        elif kind == "gap":
            n = x.shape[2] * x.shape[3]
            s = (n - 1).bit_length()
            x = (x.sum(axis=(2, 3)) + ((1 << (s - 1)) if n > 1 else 0)) >> s
        elif kind == "fc":
            acc = x @ arrays[f"{t:04}.weight"].T + arrays[f"{t:04}.bias"]
            if index == len(layers) - 1:
                return acc
            x = activate(acc, arrays[f"{t:04}.shift"], options[0], lookup)
            t += 1
        else:
            for step in range(2 if kind == "separable" else 1):
                activation = "" if kind == "separable" and step == 0 else options[1]
                acc = convolve(x, arrays[f"{t:04}.weight"], arrays[f"{t:04}.bias"])
                if kind == "residual":
                    acc = acc + (x << arrays[f"{t:04}.skip"].reshape(1, -1, 1, 1))
                x = activate(acc, arrays[f"{t:04}.shift"], activation, lookup)
                t += 1
    raise ValueError("no last layer")


def read_data_set(data):
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    types = {"U8": np.uint8, "U16": np.dtype("<u2")}
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], types[entry["dtype"]]).reshape(
            entry["shape"]
        )
        for name, entry in header.items()
        if name != "__metadata__"
    }
