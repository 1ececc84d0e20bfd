"""Pictures: strips (the paper's Figure 1), training curves, confusion matrices, a chart for each table."""


rule plot_strips:
    input:
        script=script("plot_strips"),
        modules=modules("plot_strips"),
        index="<results>/data/{dataset}/index.csv",
        masks="<results>/masks/{dataset}/segmenter",
        model=lambda wc: f"{strip_run(wc.dataset)}/model.pt",
    output:
        report(
            "<results>/figures/strips_{dataset}.png",
            caption="../report/strips.rst",
            category="Images",
        ),
    log:
        "<logs>/plot_strips/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_strips/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(3000),
        runtime=scaled(15),
    params:
        run=lambda wc: strip_run(wc.dataset),
        classes=lambda wc: flags({"classes": mask_classes(wc.dataset)}),
    shell:
        "python {input.script:q} --index {input.index:q} --masks {input.masks:q} --run {params.run:q}"
        " {params.classes} --output {output:q} 2>&1 | tee {log:q}"


rule plot_runs:
    input:
        script=lambda wc: script(f"plot_{wc.kind}"),
        modules=lambda wc: modules(f"plot_{wc.kind}"),
        metrics=lambda wc: run_metrics(ablation_runs(wc.dataset)),
    output:
        report(
            "<results>/figures/{kind}_{dataset}.png",
            caption="../report/training.rst",
            category="Training",
        ),
    log:
        "<logs>/plot_{kind}/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_{kind}/{dataset}.tsv"
    wildcard_constraints:
        kind="curves|confusion",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(15),
    params:
        runs=lambda wc: ablation_runs(wc.dataset),
    shell:
        "python {input.script:q} --runs {params.runs:q} --output {output:q} 2>&1 | tee {log:q}"


rule plot_table:
    input:
        script=script("plot_table"),
        modules=modules("plot_table"),
        table="<results>/tables/{table}.csv",
    output:
        report(
            "<results>/figures/{table}.png",
            caption="../report/chart.rst",
            category="Tables",
        ),
    log:
        "<logs>/plot_table/{table}.log",
    benchmark:
        "<benchmarks>/plot_table/{table}.tsv"
    wildcard_constraints:
        table=r"table\d",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(15),
    shell:
        "python {input.script:q} --table {input.table:q} --output {output:q} 2>&1 | tee {log:q}"
