"""The schema of a config: the file `config.schema.yaml`, and what methods, tables and data sets declare."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from maskguide.plan import datasets, declared, sources
from maskguide.plan.tables import tables
from maskguide.system.files import read_yaml

BASE = Path(__file__).parents[3] / "schemas" / "config.schema.yaml"
# What a data set may say otherwise than the sections; None: all of a section.
PER_DATASET = {
    "generate": None,
    "annotate": None,
    "boxes": None,
    "detect": ("architecture", "weights", "image_size", "epochs"),
    "segment": ("weights", "init_from", "crop", "epochs", "learning_rate"),
    "classify": ("weights", "crop", "epochs", "batch_size"),
}
DATASETS = {"description": "Data sets shown.", "type": "array", "items": {"type": "string"}, "minItems": 1}
OURS = ("symbol", "of", "by", "short")  # words of a declaration that JSON schema does not know


@cache
def config_schema() -> dict[str, Any]:
    """The whole schema of a config, with every default."""
    schema = read_yaml(BASE)
    keys = schema["properties"]
    keys["classify"]["properties"]["mask_source"]["enum"] = sources.GUIDES
    keys["classify"]["properties"]["objects"]["enum"] = sources.OBJECTS
    after = keys.pop("variants"), keys.pop("sweeps")
    others = {key: keys.pop(key) for key in ("classifiers_figure", "annotation_figure", "tables")}
    for section, options in sections().items():
        if section in keys:
            keys[section]["properties"] |= options
        else:
            names = [f"`{name}`" for name, each in declared.methods().items() if each.section == section]
            said = f"Options of {' and '.join(names)}."
            keys[section] = {**an_object(said, options), "default": {}}
    keys |= {"variants": after[0], "sweeps": after[1], **others}
    own = keys["datasets"]["additionalProperties"]["properties"]
    own |= datasets.own_keys() | overrides(keys)
    keys["tables"]["properties"] = {name: of_table(name) for name in tables()}
    keys["tables"]["additionalProperties"] = of_own_table()
    return schema


def sections() -> dict[str, dict[str, Any]]:
    """What the methods declare of the config, by section."""
    found: dict[str, dict[str, Any]] = {}
    for method in declared.methods().values():
        options = {**method.options, **method.settings}
        said = {name: json_schema(each) for name, each in options.items() if "of" not in each}
        if said:
            found.setdefault(method.section, {}).update(said)
    return found


def json_schema(option: Mapping[str, Any]) -> dict[str, Any]:
    """An option's declaration as a JSON schema whose description a reader of configs sees."""
    words = ", ".join(filter(None, [option.get("symbol"), option["description"].rstrip(".")]))
    kept = {key: value for key, value in option.items() if key not in OURS}
    return {**kept, "description": f"{words[0].upper() if 'symbol' not in option else words[0]}{words[1:]}."}


def an_object(description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "properties": dict(properties),
    }


def overrides(keys: Mapping[str, Any]) -> dict[str, Any]:
    """What a data set may say otherwise: keys of the sections that may be null, which is their default."""
    made = {}
    for section, chosen in PER_DATASET.items():
        of_section = keys[section]["properties"]
        nullable = {key: or_null(of_section[key], section) for key in chosen or of_section}
        made[section] = {**an_object(f"Over the section `{section}`.", nullable), "default": {}}
    return made


def or_null(schema: Mapping[str, Any], section: str) -> dict[str, Any]:
    """The same key, that may be null."""
    schema = {**deepcopy(dict(schema)), "description": f"See `{section}`.", "default": None}
    if "enum" in schema:
        schema["enum"] = list(dict.fromkeys([*schema["enum"], None]))
    elif "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = list(dict.fromkeys([*types, "null"]))
    return schema


def of_table(name: str) -> dict[str, Any]:
    """What a config may say of a declared table."""
    table = tables()[name]
    keys = {key: of_key(key, said) for key, said in table.keys.items()}
    needed = ["datasets", *(key for key in keys if "default" not in keys[key])]
    return {**an_object(table.what, {"datasets": DATASETS, **keys}), "required": needed}


def of_key(key: str, said: str | Mapping[str, Any]) -> dict[str, Any]:
    """A table's key: its schema, or a text that explains a backbone or several."""
    if not isinstance(said, str):
        return dict(said)
    if key == "backbones":
        return {"description": said, "type": "array", "items": {"type": "string"}, "minItems": 1}
    return {"description": said, "type": "string"}


def of_own_table() -> dict[str, Any]:
    """What a config may say of a table of a person's own."""
    like = of_table("compare")
    methods = {key: value for key, value in like["properties"]["methods"].items() if key != "default"}
    title = {"description": "Its title. Left out: its name.", "type": "string"}
    keys = {**like["properties"], "methods": methods, "title": title}
    said = "A table of your own: its methods beside the baseline."
    return {**an_object(said, keys), "required": ["datasets", "backbone", "methods"]}
