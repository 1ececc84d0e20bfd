"""The config, checked: one line for what is wrong with it, then the defaults of what it leaves out."""

import os
import sys

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

sys.path.insert(0, os.path.relpath(f"{workflow.current_basedir}/../scripts"))
from maskguide import config_check, slurm_plugin  # names alone, nothing heavy

slurm_plugin.become_array_task()

# Nothing is written outside the project: jobs inherit where matplotlib keeps its list of fonts.
os.environ.setdefault("MPLCONFIGDIR", os.path.abspath(".snakemake/matplotlib"))

CONFIG_SCHEMA = f"{workflow.current_basedir}/../schemas/config.schema.yaml"

with open(CONFIG_SCHEMA, encoding="utf-8") as file:
    # validate says the same in hundreds of lines
    complaint = config_check.complaint(config, yaml.safe_load(file))
if complaint:
    raise WorkflowError(complaint)
validate(config, CONFIG_SCHEMA)
