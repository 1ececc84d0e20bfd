"""The papers' tables, each from the runs it shows and from no others."""


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
            "<results>/tables/table1.csv",
            caption="../report/table1.rst",
            category="Tables",
        ),
        md="<results>/tables/table1.md",
    log:
        "<logs>/make_table/table1.log",
    benchmark:
        "<benchmarks>/make_table/table1.tsv"
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


rule mgfe_table1:
    input:
        script=script("make_table"),
        modules=modules("make_table"),
        published=published(),
        detectors=detector_metrics(DETECTION["datasets"]),
    output:
        csv=report(
            "<results>/tables/mgfe_table1.csv",
            caption="../report/mgfe_table1.rst",
            category="Tables",
        ),
        md="<results>/tables/mgfe_table1.md",
    log:
        "<logs>/make_table/mgfe_table1.log",
    benchmark:
        "<benchmarks>/make_table/mgfe_table1.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(500),
        runtime=scaled(5),
    shell:
        "python {input.script:q} --table mgfe_table1 --detectors {input.detectors:q} --output {output.csv:q}"
        " 2>&1 | tee {log:q}"


rule aca_boxes:
    input:
        script=script("make_table"),
        modules=modules("make_table"),
        published=published(),
        overlaps=overlaps(all_attended()),
    output:
        csv=report(
            "<results>/tables/aca_boxes.csv",
            caption="../report/aca_boxes.rst",
            category="Tables",
        ),
        md="<results>/tables/aca_boxes.md",
    log:
        "<logs>/make_table/aca_boxes.log",
    benchmark:
        "<benchmarks>/make_table/aca_boxes.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(500),
        runtime=scaled(5),
    shell:
        "python {input.script:q} --table aca_boxes --attended {input.overlaps:q} --output {output.csv:q}"
        " 2>&1 | tee {log:q}"


rule accuracy_table:
    input:
        script=script("make_table"),
        modules=modules("make_table"),
        published=published(),
        metrics=lambda wc: run_metrics(table_runs(wc.table)),
    output:
        csv=report(
            "<results>/tables/{table}.csv",
            caption="../report/accuracy_table.rst",
            category="Tables",
        ),
        md="<results>/tables/{table}.md",
    log:
        "<logs>/make_table/{table}.log",
    benchmark:
        "<benchmarks>/make_table/{table}.tsv"
    wildcard_constraints:
        table="table2|table3|mgfe_table2|aca_table6",
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


rule ablation_table:
    input:
        script=script("make_table"),
        modules=modules("make_table"),
        published=published(),
        metrics=lambda wc: run_metrics(table_runs(wc.table)),
        segments=lambda wc: compared_segmenters() if wc.table == "compare" else [],
        detectors=lambda wc: compared_detectors() if wc.table == "compare" else [],
    output:
        csv=report(
            "<results>/tables/{table}.csv",
            caption="../report/ablation_table.rst",
            category="Tables",
        ),
        tests=report(
            "<results>/tables/{table}_tests.csv",
            caption="../report/ablation_tests.rst",
            category="Tables",
        ),
        md="<results>/tables/{table}.md",
    log:
        "<logs>/make_table/{table}.log",
    benchmark:
        "<benchmarks>/make_table/{table}.tsv"
    wildcard_constraints:
        table="|".join(ABLATIONS),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        runs=lambda wc: table_runs(wc.table),
        guides=lambda wc, input: flags(
            {"segments": list(input.segments), "detectors": list(input.detectors)}
        ),
    shell:
        "python {input.script:q} --table {wildcards.table} --runs {params.runs:q} {params.guides}"
        " --output {output.csv:q} 2>&1 | tee {log:q}"


rule collect_metrics:
    input:
        script=script("collect_metrics"),
        modules=modules("collect_metrics"),
        metrics=run_metrics(all_runs()),
    output:
        "<results>/metrics.csv",
    log:
        "<logs>/collect_metrics.log",
    benchmark:
        "<benchmarks>/collect_metrics.tsv"
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
