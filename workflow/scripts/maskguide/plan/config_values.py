"""What a value of a config means where YAML or the command line made something else of it.

`--config classify='{epochs: 3}'` reaches the workflow with all values below the top as text; YAML takes 1e-3
for text, a date for a date, and 2:1 for 121. What can mean one thing alone is read so; the rest is refused.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping
from typing import Any

from maskguide.system.files import InputError

WORDS = {"true": True, "false": False, "null": None, "~": None}
NAMED = ("datasets", "tables", "variants", "sweeps", "archives", "splits", "weights")  # keys are names


def read(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value with text turned into the numbers and words that its schema wants, in place within objects.

    What does not fit stays as it is, for the check by the schema to refuse.
    """
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, each in value.items():
            below = properties.get(key, others)
            if isinstance(below, Mapping):
                value[key] = read(each, below)
    elif isinstance(value, list):
        value[:] = [read(each, schema.get("items", {})) for each in value]
    elif isinstance(value, str):
        return meant(value, schema)
    elif type(value) is datetime.date and "string" in types(schema):
        return value.isoformat()
    return value


def types(schema: Mapping[str, Any]) -> list[str]:
    """The JSON types that a schema allows, of `anyOf` too; none where it names none."""
    found = schema.get("type", [])
    also = [each for part in schema.get("anyOf", ()) for each in types(part)]
    return [*([found] if isinstance(found, str) else found), *also]


def meant(text: str, schema: Mapping[str, Any]) -> Any:
    """A number, a truth value or null where the schema wants one and none of its words is the text."""
    words, kinds = schema.get("enum", ()), types(schema)
    for value in values(text):
        kind = "null" if value is None else "boolean" if isinstance(value, bool) else "number"
        kind = "integer" if kind == "number" and isinstance(value, int) else kind
        wanted = value in words and any(value is each or type(value) is type(each) for each in words)
        if wanted or kind in kinds or (kind == "integer" and "number" in kinds):
            return value if text not in words and (value is None or "string" not in kinds) else text
    return text


def values(text: str) -> Iterator[Any]:
    """What a text may stand for besides itself."""
    word = text.strip()
    if word.lower() in WORDS:
        yield WORDS[word.lower()]
    for number in (int, float):
        try:
            found = number(word)
        except ValueError:
            continue
        if math.isfinite(found):
            yield found


def no_text(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a value that should be text and how to write it; None if it is text."""
    if isinstance(value, (str, list, dict)) or value is None or "string" not in types(schema):
        return None
    minutes = isinstance(value, int) and not isinstance(value, bool) and value > 60
    if minutes and ":" in schema.get("pattern", ""):  # YAML's numbers to the base 60
        written = f"{value // 60}:{value % 60}"
        return f"{value} is what YAML makes of {written} without quotes; write '{written}'"
    return f"{value} is no text; write it in quotes"


def check_names(config: Mapping[str, Any]) -> None:
    """`InputError` for a name of a data set or table that YAML takes for a number, a date or a word."""
    for section in NAMED:
        found = config.get(section)
        for name in found if isinstance(found, Mapping) else ():
            if not isinstance(name, str):
                raise InputError(f"config: {section}: the name {name} is no text; write it in quotes")
