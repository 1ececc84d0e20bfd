"""The tables, each from the measurements it shows and from no others: see `plan/tables.yaml`."""


# Whether guidance took hold; all seeds of a split in one job.
rule measure_attention:
    input:
        script=plan.script("measure_attention"),
        modules=lambda wc: plan.code_of_run(wc, "measure_attention"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        store="<results>/store/{dataset}/images",
        models=lambda wc: [f"{run}/model.pt" for run in plan.looking_runs(wc)],
        masks=plan.judging_masks,
    output:
        "<results>/attention/{dataset}/split{split}/{method}/{backbone}/attention.csv",
    log:
        "<logs>/measure_attention/{dataset}-split{split}-{method}-{backbone}.log",
    benchmark:
        "<benchmarks>/measure_attention/{dataset}-split{split}-{method}-{backbone}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=60),
    params:
        what=lambda wc: flags(plan.attention_flags(wc)),
        files=lambda wc, input: flags(plan.device_flags()),
    shell:
        "python {input.script:q} --index {input.index:q} --store {input.store:q} {params.what} {params.files}"
        " --output {output:q} 2>&1 | tee {log:q}"


# What networks use; all seeds of a split in one job.
rule measure_backgrounds:
    input:
        script=plan.script("measure_backgrounds"),
        modules=lambda wc: plan.code_of_run(wc, "measure_backgrounds"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        store="<results>/store/{dataset}/images",
        models=lambda wc: [f"{run}/model.pt" for run in plan.looking_runs(wc)],
        masks=plan.telling_masks,
        seen=lambda wc: [path for path in plan.seen_through(wc).values() if path],
    output:
        "<results>/backgrounds/{dataset}/split{split}/{method}/{backbone}/backgrounds.csv",
    log:
        "<logs>/measure_backgrounds/{dataset}-split{split}-{method}-{backbone}.log",
    benchmark:
        "<benchmarks>/measure_backgrounds/{dataset}-split{split}-{method}-{backbone}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=60),
    params:
        what=lambda wc: flags({"runs": plan.looking_runs(wc), **plan.seen_through(wc)}),
        numerics=flags(plan.numerics(config["classify"])),
        files=lambda wc, input: flags(plan.device_flags()),
    shell:
        "python {input.script:q} --index {input.index:q} --store {input.store:q} --masks {input.masks:q}"
        " {params.what} {params.numerics} {params.files} --output {output:q} 2>&1 | tee {log:q}"


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


rule make_answer:
    input:
        **plan.code("make_answer"),
        data=plan.labels,
        tables=[f"<results>/tables/{name}.csv" for name in plan.answering()],
        tests=[f"<results>/tables/{name}_tests.csv" for name in plan.answering() if plan.tables[name].tested],
        pictures=[*plan.answer_pictures()],
    output:
        md="<results>/answer.md",
        html=report("<results>/answer.html", caption="../report/answer.rst", category="Answer"),
    log:
        "<logs>/make_answer.log",
    benchmark:
        "<benchmarks>/make_answer.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=500, runtime=5),
    params:
        captions=flags({"captions": [*plan.answer_pictures().values()]}),
        names=flags(plan.names_of_answer()),
        run=config["run"],
    shell:
        "python {input.script:q} --tables {input.tables:q} --pictures {input.pictures:q} {params.captions}"
        " {params.names} --run {params.run:q} --output {output.md:q} 2>&1 | tee {log:q}"


rule make_cards:
    input:
        **plan.code("make_cards"),
        data=plan.labels,
        metrics=measured(plan.carded()),
        tables=[f"<results>/tables/{name}.csv" for name in plan.answering()],
        citation=os.path.relpath(f"{SCRIPTS}/../../CITATION.cff"),
    output:
        plan.cards(),
    log:
        "<logs>/make_cards.log",
    benchmark:
        "<benchmarks>/make_cards.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=500, runtime=5),
    params:
        runs=plan.carded(),
        names=flags(plan.readers_of(plan.carded(), *plan.datasets)),
        about=plan.data_on_cards(),
    shell:
        "python {input.script:q} --runs {params.runs:q} --tables {input.tables:q} --citation {input.citation:q}"
        " --data {params.about:q} {params.names} 2>&1 | tee {log:q}"


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
