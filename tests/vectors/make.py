"""Write the vectors of tests/vectors (formats: README.md).

python -m tests.vectors.make           everything that follows from the code, and chain.json from its own
blocks python -m tests.vectors.make --mine    besides, mine the chain anew (its models then differ)
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

from tests.vectors.broken import describe_refused
from tests.vectors.chain import describe_chain, mine_chain
from tests.vectors.plain import PLAIN

FOLDER = Path(__file__).resolve().parent


def make_chain(*, mine: bool) -> dict[str, Any]:
    """chain.json: mined anew, or described anew from the blocks and models that it has."""
    chain = mine_chain() if mine else _describe_again(load("chain"))
    return {**chain, "refused": describe_refused(chain)}


def load(name: str) -> Any:
    """The content of a vector file."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def dump(content: Any) -> str:
    """The text of a vector file."""
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def _describe_again(old: dict[str, Any]) -> dict[str, Any]:
    models = {model: base64.b64decode(text) for model, text in old["models"].items()}
    return describe_chain([block["raw"].encode() for block in old["blocks"]], models)


def main() -> None:
    for name, make in PLAIN.items():
        (FOLDER / f"{name}.json").write_text(dump(make()), encoding="utf-8")
    chain = make_chain(mine="--mine" in sys.argv[1:])
    (FOLDER / "chain.json").write_text(dump(chain), encoding="utf-8")


if __name__ == "__main__":
    main()
