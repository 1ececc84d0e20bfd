"""maskguide: does telling the network where to look make it classify better, and by how much?

snakemake --cores 8 --resources gpu=2                        the run of config/config.yaml
snakemake --cores 8 --configfile config/butterfly.yaml       another run
snakemake --cores 8 results/demo/tables/table2.csv           one table and what it needs
"""

from snakemake.utils import min_version

min_version("9.19")


# A run's file replaces the demo's instead of being laid over it: what it leaves out is the default, the paper's.
if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/plan.smk"


pathvars:
    results=plan.results,
    logs=f"{plan.results}/logs",
    benchmarks=f"{plan.results}/benchmarks",


report: "workflow/report/workflow.rst"


include: "workflow/rules/data.smk"
include: "workflow/rules/annotate.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/classify.smk"
include: "workflow/rules/scales.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/deploy.smk"
include: "workflow/rules/figures.smk"


onstart:
    begin_work()


rule all:
    default_target: True
    input:
        plan.table_files(),
        plan.figures(),
        ["<results>/metrics.csv"] if plan.all_runs else [],
        ["<results>/answer.md"] if plan.answering() else [],
        plan.cards()[:1],  # made together; for each that is asked for snakemake would look through them all
