"""The tables, each from the measurements it shows and from no others: see `plan/tables.yaml`."""


rule make_table:
    input:
        **plan.code("make_table"),
        data=plan.labels,
        sources=lambda wc: plan.source_files(wc.table),
    output:
        csv=report(
            "<results>/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
        ),
        md="<results>/tables/{table}.md",
    log:
        "<logs>/make_table/{table}.log",
    benchmark:
        "<benchmarks>/make_table/{table}.tsv"
    wildcard_constraints:
        table=plan.pattern(tested=False),
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=500, runtime=5),
    params:
        what=lambda wc: flags(plan.table_flags(wc.table)),
        about=lambda wc: plan.about(wc.table),  # for the report
    shell:
        "python {input.script:q} --table {wildcards.table} {params.what} --output {output.csv:q}"
        " 2>&1 | tee {log:q}"


use rule make_table as make_tested_table with:
    output:
        csv=report(
            "<results>/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
        ),
        tests=report(
            "<results>/tables/{table}_tests.csv",
            caption="../report/table_tests.rst",
            category="Tables",
        ),
        md="<results>/tables/{table}.md",
    wildcard_constraints:
        table=plan.pattern(tested=True),
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=10),


rule collect_metrics:
    input:
        **plan.code("collect_metrics"),
        metrics=measured(plan.all_runs),
    output:
        "<results>/metrics.csv",
    log:
        "<logs>/collect_metrics.log",
    benchmark:
        "<benchmarks>/collect_metrics.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=500, runtime=5),
    params:
        runs=plan.all_runs,
    shell:
        "python {input.script:q} --runs {params.runs:q} --output {output:q} 2>&1 | tee {log:q}"
