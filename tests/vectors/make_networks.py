"""Write the vectors of grammars, networks and models: python -m tests.vectors.make_networks"""

import json
from pathlib import Path
from typing import Any

from tests.vectors.networks import NETWORKS

FOLDER = Path(__file__).resolve().parent


def dump(content: Any) -> str:
    """The text of a vector file: one case a line where the file is a list of cases."""
    if isinstance(content, dict):
        head = ",\n".join(f" {json.dumps(key)}: {_row(value)}" for key, value in content.items())
        return "{\n" + head + "\n}\n"
    return _row(content) + "\n"


def _row(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n]"
    return json.dumps(value)


def main() -> None:
    """Write every file beside this one."""
    for name, make in NETWORKS.items():
        (FOLDER / f"{name}.json").write_text(dump(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
