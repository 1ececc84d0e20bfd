"""Pictures: strips, regions, class activation maps, training curves, confusion matrices, a chart per table."""


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


rule plot_regions:
    input:
        script=script("plot_regions"),
        modules=modules("plot_regions"),
        index="<results>/data/{dataset}/index.csv",
        detections=lambda wc: f"{usual_detector(wc.dataset)}/detections.csv",
        boxes=lambda wc: f"{usual_detector(wc.dataset)}/boxes.csv",
        masks=lambda wc: region_mask_folders(wc.dataset),
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
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        options=lambda wc: flags(
            {
                "regions": regions(wc.dataset),
                "confidence": settings("detect", wc.dataset)["confidence"],
                "keep": settings("detect", wc.dataset)["keep"],
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --detections {input.detections:q} --boxes {input.boxes:q}"
        " --masks {input.masks:q} {params.options} --output {output:q} 2>&1 | tee {log:q}"


rule plot_cam:
    input:
        script=script("plot_cam"),
        modules=modules("plot_cam"),
        index="<results>/data/{dataset}/index.csv",
        metrics=lambda wc: run_metrics(cam_runs(wc.dataset)),
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
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        runs=lambda wc: cam_runs(wc.dataset),
        options=lambda wc: flags(
            {
                "test_resize": test_size(wc.dataset),
                "short_edge": settings("classify", wc.dataset)["short_edge"],
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --runs {params.runs:q} {params.options} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule plot_annotation:
    input:
        script=script("plot_annotation"),
        modules=modules("plot_annotation"),
        detectors=lambda wc: annotation_detectors(wc.dataset),
        metrics=lambda wc: run_metrics(
            [
                *annotation_runs(wc.dataset),
                *run_folders(wc.dataset, "baseline", ANNOTATION["backbone"]),
            ]
        ),
    output:
        report(
            "<results>/figures/annotation_{dataset}.png",
            caption="../report/annotation.rst",
            category="Training",
        ),
    log:
        "<logs>/plot_annotation/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_annotation/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(15),
    params:
        runs=lambda wc: annotation_runs(wc.dataset),
        baselines=lambda wc: run_folders(wc.dataset, "baseline", ANNOTATION["backbone"]),
        usual=lambda wc: settings("boxes", wc.dataset)["count"],
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --detectors {input.detectors:q}"
        " --runs {params.runs:q} --baseline-runs {params.baselines:q} --count {params.usual} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule plot_attention:
    input:
        script=script("plot_attention"),
        modules=modules("plot_attention"),
        index="<results>/data/{dataset}/index.csv",
        store="<results>/store/{dataset}/images",
        models=lambda wc: [f"{run}/model.pt" for run in scale_runs(wc.dataset)],
        attended=lambda wc: scale_attended(wc.dataset)[:-1],
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
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(4000),
        runtime=scaled(15),
    params:
        runs=lambda wc: scale_runs(wc.dataset),
        attended=lambda wc: flags({"attended": scale_attended(wc.dataset)[:-1]}),
    shell:
        "python {input.script:q} --index {input.index:q} --store {input.store:q} --runs {params.runs:q}"
        " {params.attended} --output {output:q} 2>&1 | tee {log:q}"


rule plot_attended:
    input:
        script=script("plot_attended"),
        modules=modules("plot_attended"),
        index="<results>/data/{dataset}/index.csv",
        attended=lambda wc: first_attended(wc.dataset)[0],
        overlaps=lambda wc: overlaps(first_attended(wc.dataset)),
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
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(15),
    shell:
        "python {input.script:q} --index {input.index:q} --attended {input.attended:q}"
        " --iou {input.overlaps:q} --output {output:q} 2>&1 | tee {log:q}"


rule plot_classifiers:
    input:
        script=script("plot_classifiers"),
        modules=modules("plot_classifiers"),
        metrics=lambda wc: run_metrics(
            [
                *classifier_runs(wc.dataset),
                *run_folders(wc.dataset, "baseline", CLASSIFIERS["backbone"]),
            ]
        ),
    output:
        report(
            "<results>/figures/classifiers_{dataset}.png",
            caption="../report/classifiers.rst",
            category="Training",
        ),
    log:
        "<logs>/plot_classifiers/{dataset}.log",
    benchmark:
        "<benchmarks>/plot_classifiers/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(15),
    params:
        runs=lambda wc: classifier_runs(wc.dataset),
        baselines=lambda wc: run_folders(
            wc.dataset, "baseline", CLASSIFIERS["backbone"]
        ),
        usual=config["aca"]["classifiers"],
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --runs {params.runs:q}"
        " --baseline-runs {params.baselines:q} --count {params.usual} --output {output:q} 2>&1 | tee {log:q}"


rule plot_runs:
    input:
        script=lambda wc: script(f"plot_{wc.kind}"),
        modules=lambda wc: modules(f"plot_{wc.kind}"),
        metrics=lambda wc: run_metrics(curve_runs(wc.dataset)),
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
        runs=lambda wc: curve_runs(wc.dataset),
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
        table="|".join(TABLES) or "none",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(15),
    shell:
        "python {input.script:q} --table {input.table:q} --output {output:q} 2>&1 | tee {log:q}"
