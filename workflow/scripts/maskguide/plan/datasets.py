"""Data sets: the registry's, and a person's own in the config (stand-in until the real one lands)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskguide.plan import config_check
from maskguide.system.files import InputError, read_yaml

SCHEMA = Path(__file__).parents[3] / "schemas" / "datasets.schema.yaml"


def own_keys() -> dict[str, Any]:
    return {}


def registry(path: str | Path) -> dict[str, dict]:
    content, schema = read_yaml(path), read_yaml(SCHEMA)
    wrong = config_check.complaint(content, schema, str(path), SCHEMA.name)
    if wrong:
        raise InputError(wrong)
    config_check.fill_in(content, schema)
    return content


def entries(config: dict, known: dict[str, dict], path: str) -> dict[str, dict]:
    for name in [*config["datasets"], *config["archives"], *config["splits"]]:
        if name not in known:
            raise InputError(
                f"config: data set '{name}' is not in {path}; it knows {', '.join(known)}. "
                "Correct the name, or describe the data set there."
            )
    return known


def is_own(options: dict) -> bool:
    return "images" in options
