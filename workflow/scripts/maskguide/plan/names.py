"""The names of a run: those in use, a person's own, and those that regions, scales and sweeps make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maskguide.plan import config_check, config_values, declared, variants
from maskguide.plan.config_check import way_out
from maskguide.plan.schema import config_schema
from maskguide.plan.settings import NUMERICS, Settings
from maskguide.plan.variants import Variant
from maskguide.system.files import InputError

# Options of `classify` that every training has.
LEARNING = (
    *("epochs", "batch_size", "crop", "erasing", "optimizer", "learning_rate_steps", "momentum"),
    *("weight_decay", "freeze", "test_every", "new_layers", "normalisation", "padding", "weights", *NUMERICS),
)
RATE = {"description": "Initial learning rate.", "type": "number", "exclusiveMinimum": 0}
LEARNS_AS = {
    "description": "Learns as the section of this method says, by its optimizer and learning rate.",
    "type": "string",
}
ANNOTATED = {
    "description": "How many images the detector or the segmenter learns from.",
    "type": "integer",
    "minimum": 1,
    "short": "n",
}
GUIDED_BY_REGIONS = {
    "shuffled": {"description": "Each image has the boxes of another.", "type": "boolean"},
}


def longer_name(name: str) -> str:
    """The name of the same method with twice the epochs."""
    return f"{name}-2x"


class Names(Settings):
    """Every name that may stand where a method's may, as `names`, in the order of tables."""

    def __init__(self, config: dict[str, Any], *place: Any) -> None:
        super().__init__(config, *place)
        more = {name: self.checked(name, facts) for name, facts in config["variants"].items()}
        more |= self.single_regions()
        self.names = variants.known(more)
        self.sweeps = self.all_sweeps()
        for sweep in self.sweeps.values():
            more |= {name: facts for name, facts in self.swept(sweep).items() if name not in more}
        more |= self.longer()
        self.names = variants.known(more)
        more |= self.single_scales()
        self.names = variants.known(more)

    def checked(self, name: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """A variant of the config; `InputError` where it is none."""
        place = f"config: variants.{name}"
        if facts["method"] not in declared.methods():
            known = way_out(facts["method"], declared.methods())
            raise InputError(f"{place}: method '{facts['method']}' is unknown; {known}")
        if name in variants.in_use():
            raise InputError(f"{place}: is a name in use already; give yours another")
        may = self.options_of(facts["method"])
        config_values.read(facts, {"properties": may})
        for key, value in facts.items():
            if key in variants.SAID:
                continue
            if key not in may:
                raise InputError(f"{place}.{key}: is no option of {facts['method']}; {way_out(key, may)}")
            wrong = config_check.complaint({key: value}, {"properties": {key: may[key]}}, place)
            if wrong:
                raise InputError(wrong.replace(f"{place}: ", f"{place}.", 1))
        return facts

    def options_of(self, method: str) -> dict[str, Any]:
        """What a variant of a method may set, as JSON schemas by name."""
        known = declared.methods()[method]
        classify = config_schema()["properties"]["classify"]["properties"]
        learning = {key: classify[key] for key in LEARNING} | {"learning_rate": RATE}
        own = {key: each for key, each in {**known.options, **known.settings}.items() if key != "scales"}
        masks = {"mask_source": classify["mask_source"]} if known.guided_by == "masks" else {}
        regions = GUIDED_BY_REGIONS if known.guided_by == "regions" else {}
        teachers = [name for name, each in declared.methods().items() if {*each.settings} & {*learning}]
        learning |= {"learns_as": {**LEARNS_AS, "enum": teachers}, "annotated": ANNOTATED}
        views = {key: each for view in declared.views().values() for key, each in view.options.items()}
        return {**learning, **views, "objects": classify["objects"], **own, **masks, **regions}

    def known_method(self, name: str, place: str) -> Variant:
        """The variant of that name; `InputError` with the nearest known name where there is none."""
        if name not in self.names:
            raise InputError(f"config: {place}: method '{name}' is unknown; {way_out(name, self.names)}")
        return self.names[name]

    def single_regions(self) -> dict[str, dict[str, Any]]:
        """Each region alone, of the data sets of this run, for methods that are guided by regions."""
        regions = dict.fromkeys(region for dataset in self.datasets for region in self.regions(dataset))
        made = {}
        for method in declared.methods().values():
            if method.guided_by == "regions":
                before = variants.in_use()[method.name].place[1] - 0.5
                for region in regions:
                    label = f"{method.label}, {region.replace('_', ' ')}"
                    facts = {"method": method.name, "regions": [region], "label": label, "place": before}
                    if f"{method.name}-{region}" not in variants.in_use():
                        made[f"{method.name}-{region}"] = facts
        return made

    def longer(self) -> dict[str, dict[str, Any]]:
        """Each method of a table that asks for it, with twice the epochs."""
        made = {}
        for table, options in self.config["tables"].items():
            for method in options["methods"] if options.get("budget") else ():
                variant = self.known_method(method, f"tables.{table}")
                if declared.methods()[variant.method].script == declared.TRAINED:
                    name, label = longer_name(method), f"{variant.label}, twice the epochs"
                    if name in self.names:
                        raise InputError(f"config: variants.{name}: is the name of {label}; give another")
                    made[name] = {"method": variant.method, **variant.options, "budget": 2, "label": label}
        return made

    def single_scales(self) -> dict[str, dict[str, Any]]:
        """The network of each scale of names that average them; of others, the scales that come before."""
        made = {}
        for variant in self.names.values():
            last = variant.options.get("scale", 1) - 1 if declared.methods()[variant.method].attends else 0
            for scale in range(1, (self.config["aca"]["scales"] if self.averages(variant) else last) + 1):
                options = {**variant.options, "scale": scale}
                if variants.with_options(variant.method, options, self.names) is None:
                    label = f"{variant.label.removesuffix(', all scales')}, scale {scale}"
                    made[f"{variant.name}-s{scale}"] = {"method": variant.method, **options, "label": label}
        return made

    def all_sweeps(self) -> dict[str, dict[str, Any]]:
        """The sweeps by the name of their figure: an option, its values, its methods and data sets."""
        found = {f"sweep_{name}": sweep for name, sweep in self.config["sweeps"].items()}
        classifiers, annotation = (
            self.config.get(f"{kind}_figure") for kind in ("classifiers", "annotation")
        )
        if classifiers:
            options = {"scale": classifiers["scale"]} if classifiers["scale"] else {}
            method = self.named(self.attending, options, f"{self.attending}-s{classifiers['scale']}")
            found["classifiers"] = {
                **{key: classifiers[key] for key in ("datasets", "backbone")},
                **{"methods": [method], "option": "classifiers", "values": classifiers["counts"]},
            }
        if annotation:
            found["annotation"] = {
                **{key: annotation[key] for key in ("datasets", "backbone", "methods")},
                **{"option": "annotated", "values": annotation["counts"]},
            }
        for name, sweep in found.items():
            place = f"sweeps.{name.removeprefix('sweep_')}" if name.startswith("sweep_") else f"{name}_figure"
            for method in sweep["methods"]:
                variant = self.known_method(method, place)
                of_method = declared.methods()[variant.method]
                views = {key for view in declared.views().values() for key in view.options}
                marked = ["annotated"] if of_method.guided_by or views & {*variant.options} else []
                changed = [
                    key
                    for view in declared.views().values()
                    for key in view.options
                    if view.training_only and {*view.options} & {*variant.options}
                ]
                # what the args.yaml of a run tells
                may = [*set(LEARNING) - {"weights"}, "learning_rate", *of_method.options, *marked, *changed]
                if sweep["option"] not in may:
                    near = way_out(sweep["option"], sorted(may))
                    raise InputError(
                        f"config: {place}: '{sweep['option']}' is no option of {method} to sweep; {near}"
                    )
                option = self.options_of(of_method.name)[sweep["option"]]
                config_values.read(sweep["values"], {"items": option})
        return found

    def swept(self, sweep: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The names of a sweep's values that have none yet."""
        made = {}
        for method in sweep["methods"]:
            variant = self.names[method]
            for value in sweep["values"]:
                name = self.value_name(variant, sweep["option"], value)
                if name not in self.names:
                    options = {**variant.options, sweep["option"]: value}
                    said = f"{variant.label}, {sweep['option'].replace('_', ' ')} {value}"
                    facts = {"method": variant.method, **options, "label": said}
                    made[name] = self.checked(name, facts)
        return made

    def value_name(self, variant: Variant, option: str, value: Any) -> str:
        """The name of a variant whose option has this value."""
        options = {**variant.options, option: value}
        short = self.options_of(variant.method)[option].get("short", f"{option}-")
        return self.named(variant.method, options, f"{variant.name}-{short}{value}")

    def named(self, method: str, options: Mapping[str, Any], else_named: str) -> str:
        """The name that these options have, else the given one."""
        found = variants.with_options(method, options, self.names)
        return found.name if found else else_named

    @property
    def attending(self) -> str:
        """The method whose networks say what the next scale sees."""
        return next(name for name, each in declared.methods().items() if each.attends)

    def averages(self, variant: Variant) -> bool:
        """Whether its answer is the average of the networks of all scales."""
        return declared.methods()[variant.method].averages_scales and "scale" not in variant.options

    def scales(self, name: str) -> list[str]:
        """The networks of a name that averages scales, first scale first."""
        return [self.at_scale(name, scale + 1) for scale in range(self.config["aca"]["scales"])]

    def at_scale(self, name: str, scale: int) -> str:
        """The name of the same at one scale."""
        variant = self.names[name]
        return self.named(variant.method, {**variant.options, "scale": scale}, f"{name}-s{scale}")

    def names_for_readers(self, names: Iterable[str], datasets: Iterable[str]) -> dict[str, Any]:
        """What tables and figures must be told of names and data sets that only this run has."""
        own = {}
        for name in names:
            variant = self.names[name]
            if name not in variants.in_use():
                facts = {"method": variant.method, **variant.options, "label": variant.label}
                own[name] = (
                    facts
                    | {"place": variant.place[1]}
                    | ({"colour": variant.colour} if variant.colour else {})
                )
        titles = {name: self.entries[name]["title"] for name in datasets if name in self.unregistered}
        return {key: value for key, value in {"variants": own, "datasets": titles}.items() if value}
