"""Pictures: strips, regions, class activation maps, training curves, confusion matrices, a chart per table."""


rule plot_strips:
    input:
        script=plan.script("plot_strips"),
        modules=plan.code_of_runs("plot_strips", ["mga"]),
        index="<results>/data/{dataset}/split1/index.csv",
        masks="<results>/masks/{dataset}/split1/segmenter",
        model=lambda wc: f"{plan.strip_run(wc.dataset)}/model.pt",
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
    resources:
        **needs(gpu=0, mem_mb=3000, runtime=15),
    params:
        run=lambda wc: plan.strip_run(wc.dataset),
        classes=lambda wc: flags({"classes": plan.mask_classes(wc.dataset)}),
    shell:
        "python {input.script:q} --index {input.index:q} --masks {input.masks:q} --run {params.run:q}"
        " {params.classes} --output {output:q} 2>&1 | tee {log:q}"


rule plot_regions:
    input:
        **plan.code("plot_regions"),
        index="<results>/data/{dataset}/split1/index.csv",
        detections=lambda wc: f"{plan.detector(wc.dataset, 1)}/detections.csv",
        boxes=lambda wc: f"{plan.detector(wc.dataset, 1)}/boxes.csv",
        masks=lambda wc: plan.region_masks(wc.dataset),
    output:
        report(
            "<results>/figures/regions_{dataset}.png",
            caption="../report/regions.rst",
            category="Images",
        ),
    log:
        "<logs>/plot_regions/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_regions/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=15),
    params:
        options=lambda wc: flags(
            {
                "regions": plan.regions(wc.dataset),
                "confidence": plan.settings("detect", wc.dataset)["confidence"],
                "keep": plan.settings("detect", wc.dataset)["keep"],
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --detections {input.detections:q} --boxes {input.boxes:q}"
        " --masks {input.masks:q} {params.options} --output {output:q} 2>&1 | tee {log:q}"


rule plot_cam:
    input:
        script=plan.script("plot_cam"),
        modules=plan.code_of_runs("plot_cam", ["baseline", "mgfe"]),
        data=plan.labels,
        index="<results>/data/{dataset}/split1/index.csv",
        metrics=lambda wc: measured(plan.cam_runs(wc.dataset)),
    output:
        report(
            "<results>/figures/cam_{dataset}.png",
            caption="../report/cam.rst",
            category="Images",
        ),
    log:
        "<logs>/plot_cam/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_cam/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=4000, runtime=30),
    params:
        runs=lambda wc: plan.cam_runs(wc.dataset),
        options=lambda wc: flags(
            {
                "test_resize": plan.test_size(wc.dataset),
                "short_edge": plan.settings("classify", wc.dataset)["short_edge"],
            }
        ),
        names=lambda wc: flags(plan.readers_of(plan.cam_runs(wc.dataset), wc.dataset)),
    shell:
        "python {input.script:q} --index {input.index:q} --runs {params.runs:q} {params.options} {params.names}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule plot_attention:
    input:
        data=plan.labels,
        script=plan.script("plot_attention"),
        modules=plan.code_of_runs("plot_attention", [plan.attending]),
        index="<results>/data/{dataset}/split1/index.csv",
        store="<results>/store/{dataset}/images",
        models=lambda wc: [f"{run}/model.pt" for run in plan.attention_runs(wc.dataset)],
        attended=lambda wc: plan.attention_boxes(wc.dataset),
    output:
        report(
            "<results>/figures/attention_{dataset}.png",
            caption="../report/attention.rst",
            category="Images",
        ),
    log:
        "<logs>/plot_attention/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_attention/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=4000, runtime=15),
    params:
        runs=lambda wc: plan.attention_runs(wc.dataset),
        attended=lambda wc: flags({"attended": plan.attention_boxes(wc.dataset)}),
        names=lambda wc: flags(plan.readers_of(plan.attention_runs(wc.dataset), wc.dataset)),
    shell:
        "python {input.script:q} --index {input.index:q} --store {input.store:q} --runs {params.runs:q}"
        " {params.attended} {params.names} --output {output:q} 2>&1 | tee {log:q}"


rule plot_attended:
    input:
        **plan.code("plot_attended"),
        data=plan.labels,
        index="<results>/data/{dataset}/split1/index.csv",
        attended=lambda wc: plan.first_attended(wc.dataset)[0],
        overlaps=lambda wc: beside(plan.first_attended(wc.dataset), "iou.json"),
    output:
        report(
            "<results>/figures/attended_{dataset}.png",
            caption="../report/attended.rst",
            category="Images",
        ),
    log:
        "<logs>/plot_attended/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_attended/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=15),
    params:
        names=lambda wc: flags(plan.readers_of([], wc.dataset)),
    shell:
        "python {input.script:q} --index {input.index:q} --attended {input.attended:q}"
        " --iou {input.overlaps:q} {params.names} --output {output:q} 2>&1 | tee {log:q}"


rule plot_sweep:
    input:
        **plan.code("plot_sweep"),
        data=plan.labels,
        detectors=lambda wc: plan.sweep_detectors(wc.sweep, wc.dataset),
        metrics=lambda wc: measured(
            [
                *plan.sweep_runs(wc.sweep, wc.dataset),
                *plan.sweep_baselines(wc.sweep, wc.dataset),
            ]
        ),
    output:
        report(
            "<results>/figures/{sweep}_{dataset}.png",
            caption="../report/sweep.rst",
            category="Training",
        ),
    log:
        "<logs>/plot_sweep/{sweep}_{dataset}.log",
    benchmark:
        "<benchmarks>/plot_sweep/{sweep}_{dataset}.tsv"
    wildcard_constraints:
        sweep=plan.named_alike(plan.sweeps),
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=15),
    params:
        what=lambda wc: flags(plan.sweep_flags(wc.sweep, wc.dataset)),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} {params.what} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule plot_runs:
    input:
        script=lambda wc: plan.script(f"plot_{wc.kind}"),
        modules=lambda wc: plan.modules(f"plot_{wc.kind}"),
        data=plan.labels,
        metrics=lambda wc: measured(plan.curve_runs(wc.dataset)),
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
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=15),
    params:
        runs=lambda wc: plan.curve_runs(wc.dataset),
        names=lambda wc: flags(plan.readers_of(plan.curve_runs(wc.dataset), wc.dataset)),
    shell:
        "python {input.script:q} --runs {params.runs:q} {params.names} --output {output:q} 2>&1 | tee {log:q}"


rule plot_table:
    input:
        **plan.code("plot_table"),
        data=plan.labels,
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
        table=plan.named_alike(plan.tables),
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=15),
    params:
        names=lambda wc: flags(plan.readers(wc.table)),
    shell:
        "python {input.script:q} --table {input.table:q} {params.names} --output {output:q} 2>&1 | tee {log:q}"
