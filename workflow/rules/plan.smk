"""The plan: what this run consists of, in plain Python (`workflow/scripts/maskguide/plan`). Rules ask `plan`."""

import gc
import json
import os
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

if not workflow.current_basedir.is_local:
    raise WorkflowError(
        "maskguide: its jobs run scripts, of which snakemake fetches none; clone the repository and name the "
        'clone in your module: snakefile: "…/maskguide/Snakefile"'
    )
# Relative, so that a project folder that was moved re-runs nothing.
SCRIPTS = Path(os.path.relpath(f"{workflow.current_basedir}/../scripts"))
sys.path.insert(0, str(SCRIPTS))
from maskguide.plan.cells import beside, measured
from maskguide.plan import declared, forecast, news, sources, stamps
from maskguide.plan.inputs import held, seen
from maskguide.plan.plan import Plan
from maskguide.plan.settings import REGISTRY, flags
from maskguide.system import interruption, one_snakemake, slurm_plugin
from maskguide.system.files import InputError

# The graph of jobs stays to the end: with Python's 700 new objects a tenth of planning is searching it for garbage.
gc.set_threshold(100_000)
slurm_plugin.become_array_task()
# Nothing is written outside the project: jobs inherit where matplotlib keeps its list of fonts.
os.environ.setdefault("MPLCONFIGDIR", os.path.abspath(".snakemake/matplotlib"))

# Of a workflow that uses this one as a module: its own registry, if it has one.
registry = REGISTRY if Path(REGISTRY).exists() else os.path.relpath(f"{SCRIPTS}/../../{REGISTRY}")
try:
    plan = Plan(config, SCRIPTS, registry, stamps.FOLDER)
except InputError as error:
    raise WorkflowError(str(error)) from error

ENVIRONMENT = "../../envs/maskguide.yaml"
GUIDES_FIRST = 1  # trainings wait for guides; else these would stand behind all that need none
SACCT = f"{workflow.current_basedir}/../../profiles/slurm/bin"

# Jobs end when their snakemake does, even by SIGKILL; the next one finds a folder it can work in.
if workflow.is_main_process:
    another = one_snakemake.enter()
    if another:
        logger.warning(another)
    for name, run in plan.same.items():
        logger.info(f"{name}: has the options of {run}; it is trained once and shown as {run}")
    for line in news.lines(plan):
        logger.warning(line)
    for line in forecast.lines(plan):
        logger.info(line)
interruption.announce()
# A job that is asked to stop says so in its log: `tee` leaves after it.
shell.prefix("set -euo pipefail; tee() {{ trap '' INT TERM HUP; exec tee \"$@\"; }}; ")


wildcard_constraints:
    dataset="|".join(plan.datasets),
    split=r"\d+(-validation|-fold\d)?",
    method=plan.networks,
    handcrafted="|".join(name for name, each in declared.methods().items() if each.script != declared.TRAINED),
    backbone="[a-z0-9_.]+",
    seed=r"\d+",
    fewer=f"({sources.FEWER})?",
    mask_source="|".join(
        [*sources.KNOWN, f"{sources.SEGMENTER}{sources.FEWER}", r"\w+-(filled|binarised)-\d+(-shuffled)?"]
    ),
    annotated=r"\d+",
    region="[a-z][a-z0-9_]*",
    content="filled|binarised",
    shuffled="(-shuffled)?",


# Trainings wait for what only a person can do: until then snakemake sees nothing else to make.
by_hand = news.marked_by_hand(plan)


def after_marks(inputs):
    """An input function that gives `inputs`, or what they give, once every mark of a person's is read."""

    def waiting(wildcards):
        if by_hand:
            checkpoints.marks_read.get()
        return inputs(wildcards) if callable(inputs) else inputs

    return waiting


def begin_work():
    """Before the first job: refuse to work beside another snakemake, both would write the same files."""
    if workflow.is_main_process:
        try:
            one_snakemake.work()
        except one_snakemake.AnotherSnakemakeError as error:
            raise WorkflowError(str(error)) from error
        look_at_waiting_jobs_once()
        if workflow.executor_plugin.name == "slurm":
            slurm_plugin.replace_sacct(SACCT)
            slurm_plugin.cancel_left_behind()


def look_at_waiting_jobs_once():
    """Lift Snakemake's usual limit of 100 starts a second; a limit that a person set stays.

    With it, each look at the waiting jobs asks for another a second later, and so does each job that ends: after n
    jobs it looks n times a second, at every input of every waiting job, which takes a whole core by the hundredth.
    """
    limit = workflow.scheduler.job_rate_limiter
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Looked up once, for snakemake asks for each job.
NO_GPU_HERE = shutil.which("nvidia-smi") is None


def gpus(wildcards=None):
    """GPUs that a training job asks for: 1, but 0 for a local run on a machine that has none, or on CPUs."""
    if config["device"] == "cpu":
        return 0
    executor = workflow.executor_plugin
    common = executor.common_settings if executor else None
    local = common is None or common.local_exec or common.dryrun_exec
    return 0 if local and NO_GPU_HERE else 1


def needs(gpu, mem_mb, runtime):
    """A rule's resources; memory and minutes grow with each attempt of a job that failed."""
    grown = lambda amount: lambda wildcards, attempt: amount * attempt
    return {"gpu": gpu, "mem_mb": grown(mem_mb), "runtime": grown(runtime)}
