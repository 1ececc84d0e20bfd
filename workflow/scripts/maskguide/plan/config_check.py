"""What is wrong with a config or the registry, in one line: key, problem, way out. Imports no torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import jsonschema

from maskguide.plan import config_values

SHOWN = 60  # characters of a wrong value

# As `backbones.names()` lists them (a test compares), which imports torch.
BACKBONES = (
    *("small", "alexnet", "densenet121", "densenet161", "densenet169", "densenet201", "inception_v3"),
    *("mobilenet_v2", "resnet101", "resnet152", "resnet18", "resnet34", "resnet50"),
    *("resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d", "wide_resnet101_2", "wide_resnet50_2"),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
)
# How the names of timm's networks begin that were tried; timm itself says whether there is such a one.
TIMM_FAMILIES = ("convnext", "efficientnet_", "tf_efficientnet", "tiny_vit_", "swin_", "vit_")


def fill_in(value: Any, schema: dict[str, Any]) -> None:
    """Put the schema's defaults for what a valid config leaves out, in place.

    Only `properties` and `additionalProperties` hold defaults; the schema has no references.
    """
    if not isinstance(value, dict):
        return
    properties = schema.get("properties", {})
    for key, of_key in properties.items():
        if "default" in of_key:
            value.setdefault(key, deepcopy(of_key["default"]))
    others = schema.get("additionalProperties")
    for key, of_key in value.items():
        below = properties.get(key, others)
        if isinstance(below, dict):
            fill_in(of_key, below)


def complaint(
    content: dict[str, Any], schema: dict[str, Any], name: str = "config", explained: str = "config/README.md"
) -> str | None:
    """The line for the first of a file's errors by its schema, or None; name: what it calls the file."""
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(content))
    if error is None:
        return None
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        key = f"{place}.{unknown}" if place else unknown
        return f"{name}: {key}: is no key; {way_out(unknown, known)}"
    value = "" if error.validator == "required" else f"{error.instance!r} "
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}… "
    no_text = config_values.no_text(error.instance, error.schema) if error.validator == "type" else None
    text = error.schema.get("description", "").split(". ")[0].rstrip(".")
    described = f"{text} ({explained})" if text else f"{explained} explains every key"
    return f"{name}: {place or 'top level'}: {no_text or shown + problem(error)}; {described}"


PROBLEMS = {
    "minimum": "is below {}",
    "exclusiveMinimum": "is not above {}",
    "maximum": "is above {}",
    "exclusiveMaximum": "is not below {}",
    "multipleOf": "is no multiple of {}",
    "minItems": "has fewer than {} entries",
    "uniqueItems": "names something twice",
    "pattern": "does not match {}",
    "type": "is not of type {}",
    "enum": "is none of {}",
    "required": "lacks {}",
}


def problem(error: jsonschema.ValidationError) -> str:
    """What is wrong with a value."""
    rule = error.validator_value
    if error.validator == "required":
        rule = [key for key in rule if key not in error.instance]
    words = ", ".join(map(str, rule)) if isinstance(rule, list) else str(rule)
    return PROBLEMS.get(error.validator, "does not fit the schema").format(words)


def way_out(name: str, known: Iterable[str]) -> str:
    """The known name that is most like one that is not, else all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def unknown_backbone(name: str, place: str) -> str | None:
    """The line for a backbone that is none; None where it is known."""
    if name in BACKBONES or name.startswith(TIMM_FAMILIES):
        return None
    known = (*BACKBONES, *(f"{each}… of timm" for each in TIMM_FAMILIES))
    return f"config: {place}: backbone '{name}' is unknown; {way_out(name, known)}"
