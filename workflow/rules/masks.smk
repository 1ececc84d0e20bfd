"""Soft masks from each source, and the store: images decoded once, masks pooled once."""


rule infer_masks:
    input:
        **plan.code("infer_masks"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        model="<results>/segment/{dataset}/split{split}{fewer}/model.pt",
    output:
        directory("<results>/masks/{dataset}/split{split}/segmenter{fewer}"),
    log:
        "<logs>/infer_masks/{dataset}-split{split}{fewer}.log",
    benchmark:
        "<benchmarks>/infer_masks/{dataset}-split{split}{fewer}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=120),
    params:
        options=lambda wc: flags(
            {
                "scales": plan.settings("segment", wc.dataset)["inference_scales"],
                **plan.numerics(plan.settings("segment", wc.dataset)),
            }
        ),
        files=lambda wc, input: flags(plan.device_flags()),
    shell:
        "python {input.script:q} --index {input.index:q} --model {input.model:q} {params.options}"
        " {params.files} --output {output:q} 2>&1 | tee {log:q}"


rule make_masks:
    input:
        script=plan.script("make_masks"),
        modules=after_marks(lambda wc: plan.marking("make_masks", wc.mask_source in ("auto", "silhouette"))),
        index="<results>/data/{dataset}/split{split}/index.csv",
        masks=plan.twin_of,
    output:
        directory("<results>/masks/{dataset}/split{split}/{mask_source}"),
    log:
        "<logs>/make_masks/{dataset}-split{split}-{mask_source}.log",
    benchmark:
        "<benchmarks>/make_masks/{dataset}-split{split}-{mask_source}.tsv"
    wildcard_constraints:
        mask_source="|".join(sources.MADE),
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=120),
    params:
        source=lambda wc: sources.KNOWN[wc.mask_source].twin or wc.mask_source,
        classes=lambda wc: flags({"classes": plan.mask_classes(wc.dataset)}),
        masks=lambda wc, input: flags({"masks": input.masks or None}),
    shell:
        "python {input.script:q} --source {params.source} --index {input.index:q} {params.classes} {params.masks}"
        " --seed 0 --output {output:q} 2>&1 | tee {log:q}"


rule mask_regions:
    input:
        **plan.code("mask_regions"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        detections="<results>/detect/{dataset}/split{split}/{annotated}/detections.csv",
    output:
        directory("<results>/masks/{dataset}/split{split}/{region}-{content}-{annotated}{shuffled}"),
    log:
        "<logs>/mask_regions/{dataset}-split{split}-{region}-{content}-{annotated}{shuffled}.log",
    benchmark:
        "<benchmarks>/mask_regions/{dataset}-split{split}-{region}-{content}-{annotated}{shuffled}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=60),
    params:
        options=lambda wc: flags(
            {
                "regions": plan.regions(wc.dataset),
                "confidence": plan.settings("detect", wc.dataset)["confidence"],
                "keep": plan.settings("detect", wc.dataset)["keep"],
                "shuffle_seed": 0 if wc.shuffled else None,
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --detections {input.detections:q}"
        " --region {wildcards.region:q} --content {wildcards.content} {params.options} --output {output:q}"
        " 2>&1 | tee {log:q}"


# Images are stored once for all splits.
rule build_store:
    input:
        script=plan.script("build_store"),
        modules=after_marks(plan.modules("build_store")),
        images=lambda wc: list(plan.stored(wc.dataset).values()),
    output:
        directory("<results>/store/{dataset}/images"),
    log:
        "<logs>/build_store/{dataset}.log",
    benchmark:
        "<benchmarks>/build_store/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=60),
    params:
        what=lambda wc: flags(plan.stored(wc.dataset)),
        options=lambda wc: flags(
            plan.settings("classify", wc.dataset),
            "resize",
            "test_resize",
            "short_edge",
        ),
    shell:
        "python {input.script:q} {params.what} {params.options} --output {output:q} 2>&1 | tee {log:q}"


rule build_counterparts:
    input:
        script=plan.script("build_store"),
        modules=after_marks(plan.modules("build_store")),
        index="<results>/data/{dataset}/split{split}/index.csv",
        masks="<results>/masks/{dataset}/split{split}/{mask_source}",
    output:
        directory("<results>/store/{dataset}/split{split}/counterparts/{mask_source}"),
    log:
        "<logs>/build_counterparts/{dataset}-split{split}-{mask_source}.log",
    benchmark:
        "<benchmarks>/build_counterparts/{dataset}-split{split}-{mask_source}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=60),
    params:
        options=lambda wc: flags(plan.settings("classify", wc.dataset), "resize", "short_edge"),
    shell:
        "python {input.script:q} --index {input.index:q} --masked {input.masks:q}/masked {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule pool_masks:
    input:
        **plan.code("pool_masks"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        masks="<results>/masks/{dataset}/split{split}/{mask_source}",
    output:
        directory("<results>/store/{dataset}/split{split}/masks/{mask_source}"),
    log:
        "<logs>/pool_masks/{dataset}-split{split}-{mask_source}.log",
    benchmark:
        "<benchmarks>/pool_masks/{dataset}-split{split}-{mask_source}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=60),
    params:
        options=lambda wc: flags(plan.settings("classify", wc.dataset), "resize", "short_edge"),
    shell:
        "python {input.script:q} --index {input.index:q} --masks {input.masks:q} {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"


# Of test images too, where a run sees them by masks.
rule pool_objects:
    input:
        **plan.code("pool_masks"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        masks="<results>/masks/{dataset}/split{split}/{mask_source}",
    output:
        directory("<results>/store/{dataset}/split{split}/objects/{mask_source}"),
    log:
        "<logs>/pool_objects/{dataset}-split{split}-{mask_source}.log",
    benchmark:
        "<benchmarks>/pool_objects/{dataset}-split{split}-{mask_source}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=60),
    params:
        options=lambda wc: flags(plan.settings("classify", wc.dataset), "resize", "test_resize", "short_edge"),
    shell:
        "python {input.script:q} --index {input.index:q} --masks {input.masks:q} {params.options}"
        " --parts train test --output {output:q} 2>&1 | tee {log:q}"


rule box_objects:
    input:
        **plan.code("box_objects"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        masks="<results>/store/{dataset}/split{split}/objects/{mask_source}",
    output:
        "<results>/objects/{dataset}/split{split}/{mask_source}-{margin}/attended.csv",
    log:
        "<logs>/box_objects/{dataset}-split{split}-{mask_source}-{margin}.log",
    benchmark:
        "<benchmarks>/box_objects/{dataset}-split{split}-{mask_source}-{margin}.tsv"
    wildcard_constraints:
        margin="[0-9.e-]+",
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=60),
    shell:
        "python {input.script:q} --index {input.index:q} --masks {input.masks:q} --margin {wildcards.margin}"
        " --output {output:q} 2>&1 | tee {log:q}"
