"""Variants: a name for a method and what differs from the run's options. No name is ever taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from maskguide.plan import declared
from maskguide.system.files import read_yaml

NAMES = Path(__file__).with_name("variants.yaml")
SAID = ("method", "label", "colour")  # what a declaration says besides options; `place` the plan adds


@dataclass(frozen=True)
class Variant:
    """A name that stands where a method's may.

    options: what differs from the run's options, by name. label, colour: for readers. place: sorts rows of
    tables: its method's place, then its own among those of the method.
    """

    name: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    colour: str | None = None
    place: tuple[float, float] = (0, 0)


def known(more: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Variant]:
    """Every name in use, in the order of tables: the methods, the table of names, and `more`, declared alike.

    A method's own name stands where the table has it, else before its variants.
    """
    if not more:
        return in_use()
    first = len(in_use())
    added = {name: variant_of(name, each, first + place) for place, (name, each) in enumerate(more.items())}
    return ordered({**in_use(), **added})


@cache
def in_use() -> dict[str, Variant]:
    """The names of the repository: its methods and `variants.yaml`."""
    table = read_yaml(NAMES)
    own = {name: {"method": name} for name in declared.methods() if name not in table}
    return ordered(
        {name: variant_of(name, each, place) for place, (name, each) in enumerate({**own, **table}.items())}
    )


def variant_of(name: str, facts: Mapping[str, Any], place: int) -> Variant:
    """The variant of an entry such as `{method: mga, guidance_weight: 10, label: "MGA, τ = 10"}`."""
    method = declared.methods()[facts["method"]]
    options = {key: value for key, value in facts.items() if key not in (*SAID, "place")}
    itself = method if name == method.name else None
    label = facts.get("label") or (itself.label if itself else name)
    colour = facts.get("colour") or (itself.colour if itself else None)
    return Variant(name, method.name, options, label, colour, (method.place, facts.get("place", place)))


def ordered(variants: Mapping[str, Variant]) -> dict[str, Variant]:
    """By their places."""
    return dict(sorted(variants.items(), key=lambda each: each[1].place))


def without(variant: Variant, option: str, names: Mapping[str, Variant]) -> Variant | None:
    """Its twin: the variant that is the same but for this option; None where none of `names` is."""
    options = {key: value for key, value in variant.options.items() if key != option}
    return with_options(variant.method, options, names)


def with_options(method: str, options: Mapping[str, Any], names: Mapping[str, Variant]) -> Variant | None:
    """The first of `names` of this method that differs from the run in exactly these options."""
    return next((each for each in names.values() if each.method == method and each.options == options), None)
