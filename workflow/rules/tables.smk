"""Tables 1–4 of the MGA paper, each from the runs it shows and from no others."""

TABLES = {
    name: options for name, options in config["tables"].items() if options is not None
}


def cells(table):
    """The (data set, method, backbone) that a table shows."""
    options = TABLES[table]
    methods = {
        "table2": [("baseline", backbone) for backbone in options.get("backbones", [])],
        "table3": [("mdm", "contour")],
        "table4": [
            (method, options.get("backbone"))
            for method in [
                "baseline",
                "attention",
                *(f"mga-{name}" for name in options.get("controls", [])),
            ]
        ],
    }
    return [
        (dataset, method, backbone)
        for dataset in options["datasets"]
        for method, backbone in [*methods[table], ("mga", options["backbone"])]
    ]


def table_runs(table):
    return [folder for cell in cells(table) for folder in run_folders(*cell)]


def run_metrics(folders):
    return [f"{folder}/metrics.json" for folder in folders]


def all_runs():
    """Every run of every table, each once."""
    return list(
        dict.fromkeys(
            folder
            for table in TABLES
            if table != "table1"
            for folder in table_runs(table)
        )
    )


def tables():
    """Every file that the tables consist of."""
    made = [
        f"{RESULTS}/tables/{name}.{suffix}"
        for name in TABLES
        for suffix in ("csv", "md")
    ]
    return made + [f"{RESULTS}/tables/table4_tests.csv"] * ("table4" in TABLES)


for name, options in TABLES.items():
    for dataset in set(options["datasets"]) - set(DATASETS):
        raise WorkflowError(
            f"config: tables.{name}.datasets names '{dataset}', not a data set of this run."
        )


rule table1:
    input:
        script=script("make_table"),
        modules=modules("make_table"),
        published=published(),
        segments=[
            f"{RESULTS}/segment/{name}/metrics.json"
            for name in TABLES.get("table1", {}).get("datasets", [])
        ],
    output:
        csv=report(
            RESULTS + "/tables/table1.csv",
            caption="../report/table1.rst",
            category="Tables",
        ),
        md=RESULTS + "/tables/table1.md",
    log:
        RESULTS + "/logs/make_table/table1.log",
    benchmark:
        RESULTS + "/benchmarks/make_table/table1.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(500),
        runtime=scaled(5),
    shell:
        "python {input.script:q} --table table1 --segments {input.segments:q} --output {output.csv:q}"
        " 2>&1 | tee {log:q}"


rule accuracy_table:
    input:
        script=script("make_table"),
        modules=modules("make_table"),
        published=published(),
        metrics=lambda wc: run_metrics(table_runs(wc.table)),
    output:
        csv=report(
            RESULTS + "/tables/{table}.csv",
            caption="../report/{table}.rst",
            category="Tables",
        ),
        md=RESULTS + "/tables/{table}.md",
    log:
        RESULTS + "/logs/make_table/{table}.log",
    benchmark:
        RESULTS + "/benchmarks/make_table/{table}.tsv"
    wildcard_constraints:
        table="table2|table3",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        runs=lambda wc: table_runs(wc.table),
    shell:
        "python {input.script:q} --table {wildcards.table} --runs {params.runs:q} --output {output.csv:q}"
        " 2>&1 | tee {log:q}"


rule table4:
    input:
        script=script("make_table"),
        modules=modules("make_table"),
        published=published(),
        metrics=run_metrics(table_runs("table4")) if "table4" in TABLES else [],
    output:
        csv=report(
            RESULTS + "/tables/table4.csv",
            caption="../report/table4.rst",
            category="Tables",
        ),
        tests=report(
            RESULTS + "/tables/table4_tests.csv",
            caption="../report/table4_tests.rst",
            category="Tables",
        ),
        md=RESULTS + "/tables/table4.md",
    log:
        RESULTS + "/logs/make_table/table4.log",
    benchmark:
        RESULTS + "/benchmarks/make_table/table4.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        runs=table_runs("table4") if "table4" in TABLES else [],
    shell:
        "python {input.script:q} --table table4 --runs {params.runs:q} --output {output.csv:q} 2>&1 | tee {log:q}"


rule collect_metrics:
    input:
        script=script("collect_metrics"),
        modules=modules("collect_metrics"),
        metrics=run_metrics(all_runs()),
    output:
        RESULTS + "/metrics.csv",
    log:
        RESULTS + "/logs/collect_metrics.log",
    benchmark:
        RESULTS + "/benchmarks/collect_metrics.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        runs=all_runs(),
    shell:
        "python {input.script:q} --runs {params.runs:q} --output {output:q} 2>&1 | tee {log:q}"
