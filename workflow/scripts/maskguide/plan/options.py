"""Options of methods and views on a command line: flags, help, defaults and ranges, all as declared."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskguide.plan import declared
from maskguide.plan.declared import Method
from maskguide.system.files import InputError

TYPES = {"integer": int, "number": float, "string": str}
Schema = Mapping[str, Any]


def trainable() -> dict[str, Method]:
    """The methods that are networks, in the order of tables."""
    return {name: each for name, each in declared.methods().items() if each.class_name}


def method_called(name: str) -> Method:
    """One of them; `InputError` if it is none."""
    known = trainable()
    if name not in known:
        raise InputError(f"--method {name}: unknown; choose one of {', '.join(known)}")
    return known[name]


def flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def add_methods(parser: argparse.ArgumentParser) -> None:
    """A flag for each option that some method has; those not given are no attributes of the parsed ones."""
    schemas: dict[str, dict[str, Schema]] = {}
    for method in trainable().values():
        for option, schema in method.options.items():
            schemas.setdefault(option, {})[method.name] = schema
    for option, of_methods in schemas.items():
        schema = next(iter(of_methods.values()))
        one, text = each_value(schema), help_text(of_methods).replace("%", "%%")
        kind = {"type": TYPES[one.get("type", "string")]} | ({} if one is schema else {"nargs": "+"})
        parser.add_argument(flag(option), **kind, default=argparse.SUPPRESS, help=text)


def add_views(parser: argparse.ArgumentParser) -> None:
    """A flag for each view; for each option of one of training images alone, which may be no attribute."""
    for view in declared.views().values():
        if not view.training_only:
            parser.add_argument(flag(view.name), type=Path, help=view.description)
            continue
        for option, schema in view.options.items():
            said, kind = f"{view.name}: {schema['description']}", TYPES[schema["type"]]
            parser.add_argument(flag(option), type=kind, default=argparse.SUPPRESS, help=said)


def check_views(given: Mapping[str, Any]) -> None:
    """`InputError` for an option of a view that is out of its range, or without the view."""
    for view in declared.views().values():
        for option in view.options if view.training_only else ():
            wrong = complaint(given[option], view.options[option]) if option in given else None
            if option in given and not given.get(view.name):
                wrong = wrong or (f"does nothing without {flag(view.name)}" if given[option] else None)
            if wrong:
                raise InputError(f"{flag(option)} {given[option]}: {wrong}")


def each_value(schema: Schema) -> Schema:
    """What holds for each value of a list, or of an object by region; of anything else the schema itself."""
    return schema.get("items") or schema.get("additionalProperties") or schema


def help_text(of_methods: Mapping[str, Schema]) -> str:
    """Which methods have an option, its symbol, meaning and default: "mgfe: α, weight of …; default 0.3"."""
    texts: dict[str, list[str]] = {}
    for method, schema in of_methods.items():
        parts = [", ".join(filter(None, [schema.get("symbol"), schema["description"]]))]
        if "by" in schema:
            parts.append(f"here one for each of {flag(schema['by'])}")
        if "default" in schema:
            parts.append(f"default {shown(schema['default'])}")
        texts.setdefault("; ".join(parts), []).append(method)
    return ". ".join(f"{', '.join(methods)}: {text}" for text, methods in texts.items())


def shown(default: Any) -> str:
    """0.1, or of an object "0.7, vein 0.5, contour 0.2"."""
    if not isinstance(default, Mapping):
        return str(default)
    return ", ".join(f"{name} {value}" for name, value in default.items()).removeprefix("default ")


def settled(args: argparse.Namespace) -> argparse.Namespace:
    """`args` with each option of its method, as given or as declared, and none of other methods'.

    `InputError` for an unknown method, an option that is needed, one out of its range.
    """
    method, given = method_called(args.method), vars(args)
    of_others = {option for each in trainable().values() for option in each.options} - set(method.options)
    found = {name: value for name, value in given.items() if name not in of_others}
    for option, schema in method.options.items():
        if option in given:
            continue
        if "default" not in schema:
            raise InputError(f"{flag(option)}: {method.name} needs the {schema['description']}; give them")
        found[option] = value = schema["default"]
        if "by" in schema:
            found[option] = declared.for_each(value, found[schema["by"]])
    check(method, found)
    check_views(found)
    return argparse.Namespace(**found)


def check(method: Method, options: Mapping[str, Any]) -> None:
    """`InputError` for an option of the method that is out of its declared range."""
    for option, schema in method.options.items():
        value = options[option]
        for each in value if isinstance(value, list | tuple) else [value]:
            wrong = complaint(each, each_value(schema))
            if wrong:
                raise InputError(f"{flag(option)} {value}: {wrong}")


def complaint(value: Any, schema: Schema) -> str | None:
    """What is wrong with a value, if anything is; a NaN is in no range."""
    if "enum" in schema and value not in schema["enum"]:
        return f"choose one of {', '.join(map(str, schema['enum']))}"
    if "minimum" in schema and not value >= schema["minimum"]:
        least = schema["minimum"]
        return f"must be at least {least}" if least else "must not be below 0"
    if "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
        return f"must be above {schema['exclusiveMinimum']}"
    if "maximum" in schema and not value <= schema["maximum"]:
        return f"must be at most {schema['maximum']}"
    return None
