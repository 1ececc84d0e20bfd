"""config/README.md: every key of a config, from the schema. `make config-readme` writes it; a test compares.

Example:
    PYTHONPATH=workflow/scripts python -m maskguide.plan.readme > config/README.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maskguide.plan import declared, variants
from maskguide.plan.schema import config_schema

INTRO = """\
# Config: every key

<!-- Written by `make config-readme` from the schema and the declarations beside the methods. -->

A run is one YAML file: `config.yaml` (the run `demo`, taken when no other is named), `butterfly.yaml` (real
images), `regions.yaml` and `scales.yaml` (MGFE, and ACA with TDSA, in whole on generated leaves),
`mga.yaml`, `mgfe.yaml`, `aca.yaml` and `tdsa.yaml` (the papers), `smoke.yaml` (seconds, for tests). Choose
one with `--configfile config/butterfly.yaml`; it takes the place of `config.yaml` and is not laid over it.
What a file leaves out has the default below, which is MGA's where that paper says one (for MGFE's protocol
see `mgfe.yaml`). A key that is not listed here is refused at once, by name. Single values can be set on the
command line:

    snakemake --cores 2 --configfile config/butterfly.yaml --config archives='{btfpis: PATH}'

Keys equal the options of the scripts (`learning_rate` is `--learning-rate`), so a script's help says the
same, as `python workflow/scripts/train_classifier.py --help` does. Editing a key re-runs the jobs that use
it and no others.
"""
NAMES = """\
## Names of methods

These names stand wherever a method's may; a config declares more under `variants`. A name without options is
the method as configured. Two names of the same options are one run.

| name | in tables | method | what differs |
|---|---|---|---|
"""


def readme() -> str:
    """The page."""
    keys = config_schema()["properties"]
    sections = {key: each for key, each in keys.items() if key != "tables" and "properties" in each}
    parts = [INTRO, section("Top level", "", keys.items(), below=sections)]
    own = keys["datasets"]["additionalProperties"]["properties"]
    parts.append(section("Per data set: `datasets.<name>`", "", own.items()))
    parts += [
        section(f"`{key}`", each["description"], each["properties"].items()) for key, each in sections.items()
    ]
    for key in ("variants", "sweeps"):
        of_each = keys[key]["additionalProperties"]["properties"]
        parts.append(section(f"`{key}.<name>`", keys[key]["description"], of_each.items()))
    parts += [of_views(), of_tables(keys["tables"]), of_names()]
    return "\n".join(parts)


def section(title: str, said: str, keys: Iterable[tuple[str, Any]], below: Iterable[str] = ()) -> str:
    """A heading and a table of keys; of those in `below` the default stands in a section of its own."""
    lines = [f"## {title}", "", *([said, ""] if said else []), "| key | default | what |", "|---|---|---|"]
    for key, each in keys:
        default = "see below" if key in below else shown(each.get("default"))
        lines.append(f"| `{key}` | {default} | {what(each)} |")
    return "\n".join(lines) + "\n"


def what(schema: Mapping[str, Any]) -> str:
    """What a key is; of an object with keys of its own, these."""
    said = schema["description"].replace("|", "\\|")
    if said.startswith("Over the section") and "properties" in schema:
        names = ", ".join(f"`{key}`" for key in schema["properties"])
        return f"{said.rstrip('.')} for this data set alone: {names}."
    return said


def shown(default: Any) -> str:
    """A default as one writes it."""
    if default is None or default in ([], {}):
        return "–"
    if isinstance(default, dict):
        return ", ".join(f"{key}: {value}" for key, value in default.items())
    return str(default)


def of_tables(schema: Mapping[str, Any]) -> str:
    """The tables, and a person's own."""
    lines = ["## `tables`", "", schema["description"], "", "| key | what |", "|---|---|"]
    for name, table in [*schema["properties"].items(), ("<name>", schema["additionalProperties"])]:
        keys = [
            f"`{key}`: {each['description']}" + (f" Default: {each['default']}." if "default" in each else "")
            for key, each in table["properties"].items()
        ]
        lines.append(f"| `{name}` | {' '.join([table['description'], *keys])} |")
    return "\n".join(lines) + "\n"


def of_views() -> str:
    """What any variant may say of what its network sees."""
    views = declared.views().values()
    return section(
        "Views: what a network sees",
        "Options of any variant, besides its method's: `mga-swap: {method: mga, swap: 0.5, objects: truth}`. "
        "`objects` (see `classify`) says whose masks show the object.",
        [
            (name, {**option, "description": sentence(option)})
            for view in views
            for name, option in view.options.items()
        ],
    )


def sentence(option: Mapping[str, Any]) -> str:
    """An option's description with its range."""
    low, high = option.get("minimum"), option.get("maximum")
    words = option["description"][0].upper() + option["description"][1:]
    return f"{words}, {low} to {high}." if high is not None else f"{words}."


def of_names() -> str:
    """The names in use."""
    rows = []
    for variant in variants.in_use().values():
        differs = ", ".join(f"{key}: {shown(value)}" for key, value in variant.options.items())
        summary = declared.methods()[variant.method].summary
        rows.append(f"| `{variant.name}` | {variant.label} | `{variant.method}` | {differs or summary} |\n")
    return NAMES + "".join(rows)


if __name__ == "__main__":
    print(readme(), end="")
