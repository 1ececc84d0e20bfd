"""Soft masks from each source, and the store: images decoded once, masks pooled once."""


rule infer_masks:
    input:
        script=script("infer_masks"),
        modules=modules("infer_masks"),
        index="<results>/data/{dataset}/index.csv",
        model="<results>/segment/{dataset}/model.pt",
    output:
        directory("<results>/masks/{dataset}/segmenter"),
    log:
        "<logs>/infer_masks/{dataset}.log",
    benchmark:
        "<benchmarks>/infer_masks/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(4000),
        runtime=scaled(120),
    params:
        options=lambda wc: flags(
            {
                "scales": settings("segment", wc.dataset)["inference_scales"],
                **numerics(settings("segment", wc.dataset)),
            }
        ),
        files=lambda wc, input: flags(device_flags()),
    shell:
        "python {input.script:q} --index {input.index:q} --model {input.model:q} {params.options}"
        " {params.files} --output {output:q} 2>&1 | tee {log:q}"


rule make_masks:
    input:
        script=script("make_masks"),
        modules=modules("make_masks"),
        index="<results>/data/{dataset}/index.csv",
        masks=branch(
            lambda wc: wc.mask_source == "shuffled",
            then="<results>/masks/{dataset}/segmenter",
            otherwise=[],
        ),
    output:
        directory("<results>/masks/{dataset}/{mask_source}"),
    log:
        "<logs>/make_masks/{dataset}-{mask_source}.log",
    benchmark:
        "<benchmarks>/make_masks/{dataset}-{mask_source}.tsv"
    wildcard_constraints:
        mask_source="truth|auto|shuffled",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(120),
    params:
        classes=lambda wc: flags({"classes": mask_classes(wc.dataset)}),
        masks=lambda wc, input: flags({"masks": input.masks or None}),
    shell:
        "python {input.script:q} --source {wildcards.mask_source:q} --index {input.index:q} {params.classes} {params.masks}"
        " --seed 0 --output {output:q} 2>&1 | tee {log:q}"


rule mask_regions:
    input:
        script=script("mask_regions"),
        modules=modules("mask_regions"),
        index="<results>/data/{dataset}/index.csv",
        detections="<results>/detect/{dataset}/{annotated}/detections.csv",
    output:
        directory("<results>/masks/{dataset}/{region}-{content}-{annotated}{shuffled}"),
    log:
        "<logs>/mask_regions/{dataset}-{region}-{content}-{annotated}{shuffled}.log",
    benchmark:
        "<benchmarks>/mask_regions/{dataset}-{region}-{content}-{annotated}{shuffled}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        options=lambda wc: flags(
            {
                "regions": regions(wc.dataset),
                "confidence": settings("detect", wc.dataset)["confidence"],
                "keep": settings("detect", wc.dataset)["keep"],
                "shuffle_seed": 0 if wc.shuffled else None,
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --detections {input.detections:q}"
        " --region {wildcards.region:q} --content {wildcards.content} {params.options} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule build_store:
    input:
        script=script("build_store"),
        modules=modules("build_store"),
        index="<results>/data/{dataset}/index.csv",
    output:
        directory("<results>/store/{dataset}/images"),
    log:
        "<logs>/build_store/{dataset}.log",
    benchmark:
        "<benchmarks>/build_store/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        options=lambda wc: flags(
            settings("classify", wc.dataset), "resize", "test_resize", "short_edge"
        ),
    shell:
        "python {input.script:q} --index {input.index:q} {params.options} --output {output:q} 2>&1 | tee {log:q}"


rule build_counterparts:
    input:
        script=script("build_store"),
        modules=modules("build_store"),
        index="<results>/data/{dataset}/index.csv",
        masks="<results>/masks/{dataset}/{mask_source}",
    output:
        directory("<results>/store/{dataset}/counterparts/{mask_source}"),
    log:
        "<logs>/build_counterparts/{dataset}-{mask_source}.log",
    benchmark:
        "<benchmarks>/build_counterparts/{dataset}-{mask_source}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        options=lambda wc: flags(
            settings("classify", wc.dataset), "resize", "short_edge"
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --masked {input.masks:q}/masked {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule pool_masks:
    input:
        script=script("pool_masks"),
        modules=modules("pool_masks"),
        index="<results>/data/{dataset}/index.csv",
        masks="<results>/masks/{dataset}/{mask_source}",
    output:
        directory("<results>/store/{dataset}/masks/{mask_source}"),
    log:
        "<logs>/pool_masks/{dataset}-{mask_source}.log",
    benchmark:
        "<benchmarks>/pool_masks/{dataset}-{mask_source}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        options=lambda wc: flags(
            settings("classify", wc.dataset), "resize", "short_edge"
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --masks {input.masks:q} {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"
