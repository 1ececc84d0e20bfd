"""What the rules share: the data sets of this run, options as flags, the code a job depends on."""

import json
import shlex
import shutil
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from maskguide.plan import imported
from maskguide.system import interruption, one_snakemake
from maskguide.reporting import region_variants, scale_variants

# Jobs end when their snakemake does, even by SIGKILL; the next one finds a folder it can work in.
if workflow.is_main_process:
    another = one_snakemake.enter()
    if another:
        logger.warning(another)
interruption.announce()
# A job that is asked to stop says so in its log: `tee` leaves after it.
shell.prefix("set -euo pipefail; tee() {{ trap '' INT TERM HUP; exec tee \"$@\"; }}; ")

SACCT = f"{workflow.current_basedir}/../../profiles/slurm/bin"
ENVIRONMENT = "../../envs/maskguide.yaml"
REGISTRY = "resources/datasets.yaml"
NUMERICS = ["deterministic", "precision"]
RESULTS = f"results/{config['run']}"
DATASETS = list(config["datasets"])

REGISTRY_SCHEMA = f"{workflow.current_basedir}/../schemas/datasets.schema.yaml"
registry, registry_schema = read_yaml(REGISTRY), read_yaml(REGISTRY_SCHEMA)
complaint = config_check.complaint(
    registry, registry_schema, REGISTRY, os.path.basename(REGISTRY_SCHEMA)
)
if complaint:
    raise WorkflowError(complaint)
config_check.fill_in(registry, registry_schema)

for name in [*DATASETS, *config["archives"], *config["splits"]]:
    if name not in registry:
        raise WorkflowError(
            f"config: data set '{name}' is not in {REGISTRY}; it knows {', '.join(registry)}. "
            "Correct the name, or describe the data set there."
        )

GENERATED = [name for name in DATASETS if "generator" in registry[name]["source"]]


wildcard_constraints:
    dataset="|".join(DATASETS),
    method="baseline|attention|mga(-truth|-shuffled|-auto|-segmenter)?|mgfe[a-z0-9_-]*|tdsa(-channels|-crossentropy)?"
    "|(aca|maxpool)[a-z0-9-]*-s[1-9]",
    backbone="[a-z0-9_]+",
    seed=r"\d+",
    mask_source=r"segmenter|truth|auto|shuffled|\w+-(filled|binarised)-\d+(-shuffled)?",
    annotated=r"\d+",
    region="[a-z][a-z0-9_]*",
    content="filled|binarised",
    shuffled="(-shuffled)?",


def begin_work():
    """Before the first job: refuse to work beside another snakemake, both would write the same files."""
    if workflow.is_main_process:
        try:
            one_snakemake.work()
        except one_snakemake.AnotherSnakemakeError as error:
            raise WorkflowError(str(error)) from error
        if workflow.executor_plugin.name == "slurm":
            slurm_plugin.replace_sacct(SACCT)
            slurm_plugin.cancel_left_behind()


def settings(section, dataset=None):
    """A config section, with what the data set says otherwise put over it."""
    own = (config["datasets"][dataset] or {}).get(section) or {} if dataset else {}
    return {
        **config[section],
        **{key: value for key, value in own.items() if value is not None},
    }


def flags(options, *keys):
    """Render options as quoted command-line flags; only `keys` where given. None, False and [] are left out.

    Sorted, so that the order of keys in a config changes nothing. Snakemake re-runs a job whose params changed,
    but looks away from params that are functions of `input`: options from the config and flags for input files
    must be params of their own.
    """
    words = []
    for key in keys or sorted(options):
        value = options[key]
        if value is None or value is False or value == []:
            continue
        words.append(f"--{key.replace('_', '-')}")
        if value is True:
            continue
        words += (
            [str(item) for item in value] if isinstance(value, list) else [str(value)]
        )
    return " ".join(shlex.quote(word) for word in words)


def mask_classes(dataset):
    """The names of the data set's mask classes, background left out."""
    return registry[dataset]["mask_classes"]


def regions(dataset):
    """The names of the data set's regions, in the order of the detector's classes."""
    return list(registry[dataset]["regions"])


def script(name):
    """The path of a rule's script."""
    return str(SCRIPTS / f"{name}.py")


def modules(name):
    """The package's modules that a script imports, directly or not: an edit in one re-runs its jobs."""
    return [str(path) for path in imported.modules(SCRIPTS / f"{name}.py")]


def device_flags(slots=None):
    """Where a job computes, which changes no result: to stand among params that are functions of `input`."""
    device = config["device"]
    return {"device": None if device == "auto" else device, "slots": slots}


def numerics(options):
    """What the digits of a result depend on besides the seed, of a section of the config."""
    return {key: options[key] for key in NUMERICS}


def gpus(wildcards=None):
    """GPUs that a training job asks for: 1, but 0 for a local run on a machine that has none, or on CPUs."""
    if config["device"] == "cpu":
        return 0
    executor = workflow.executor_plugin
    common = executor.common_settings if executor else None
    local = common is None or common.local_exec or common.dryrun_exec
    return 0 if local and shutil.which("nvidia-smi") is None else 1


def scaled(amount):
    """Memory or time that grows with each attempt of a job that failed."""
    return lambda wildcards, attempt: amount * attempt


def weights_file(backbone, kind):
    """The file that holds a backbone's starting weights; an empty list stands for none."""
    if backbone in config["weights"]:
        return config["weights"][backbone]
    if kind in ("imagenet", "generated", "coco"):
        return f"resources/weights/{backbone}-{kind}.pth"
    return []


def published():
    """The papers' numbers, which stand beside the measured ones."""
    return str(SCRIPTS / "maskguide" / "reporting" / "published.yaml")


MARKS = {"annotate": "annotations", "boxes": "boxes"}


def marks_place(dataset, section):
    """Where a person puts the marks of the section `annotate` or `boxes`."""
    place = settings(section, dataset)["marks"]
    return place or f"resources/{dataset}/{MARKS[section]}"


def marks_folder(dataset, section):
    """Where a person's marks lie; None unless the mode is manual."""
    manual = settings(section, dataset)["mode"] == "manual"
    return marks_place(dataset, section) if manual else None


def manual_marks(dataset, section):
    """A person's mark files that are there by now, so that a new or edited one is imported."""
    folder = marks_folder(dataset, section)
    return (
        sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
        if folder
        else []
    )


def segmenter_weights(dataset):
    """The encoder's starting weights; none where another data set's segmenter is the start."""
    options = settings("segment", dataset)
    return (
        []
        if options["init_from"]
        else weights_file(options["encoder"], options["weights"])
    )


def segmenter_ancestor(dataset):
    """The segmenter of the data set that `init_from` names."""
    ancestor = settings("segment", dataset)["init_from"]
    if ancestor and ancestor not in DATASETS:
        raise WorkflowError(
            f"config: datasets.{dataset}.segment.init_from names '{ancestor}', which is not a data set of this run."
        )
    return f"{RESULTS}/segment/{ancestor}/model.pt" if ancestor else []
