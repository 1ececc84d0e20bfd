"""The config, checked: one line for what is wrong with it, then the defaults of what it leaves out."""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Relative, so that a project folder that was moved re-runs nothing.
SCRIPTS = Path(os.path.relpath(f"{workflow.current_basedir}/../scripts"))
sys.path.insert(0, str(SCRIPTS))
from maskguide.plan import config_check
from maskguide.system import slurm_plugin
from maskguide.system.files import read_yaml

slurm_plugin.become_array_task()

# Nothing is written outside the project: jobs inherit where matplotlib keeps its list of fonts.
os.environ.setdefault("MPLCONFIGDIR", os.path.abspath(".snakemake/matplotlib"))

CONFIG_SCHEMA = f"{workflow.current_basedir}/../schemas/config.schema.yaml"

# Snakemake's own validate says in hundreds of lines what complaint says in one, and takes longer
schema = read_yaml(CONFIG_SCHEMA)
complaint = config_check.complaint(config, schema)
if complaint:
    raise WorkflowError(complaint)
config_check.fill_in(config, schema)
