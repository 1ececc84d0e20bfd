"""Frozen features: what a network that learns nothing says of images, and classifiers of that."""


rule extract_features:
    input:
        script=plan.script("extract_features"),
        modules=after_marks(plan.modules("extract_features")),
        index="<results>/data/{dataset}/split1/index.csv",
        store="<results>/store/{dataset}/images",
        masks=lambda wc: plan.places_masks(wc.dataset),
        weights=lambda wc: plan.weights_file(wc.backbone, plan.settings("classify", wc.dataset)["weights"]),
    output:
        directory("<results>/features/{dataset}/{backbone}"),
    log:
        "<logs>/extract_features/{dataset}-{backbone}.log",
    benchmark:
        "<benchmarks>/extract_features/{dataset}-{backbone}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=120),
    params:
        numerics=flags(plan.numerics(config["classify"])),
        files=lambda wc, input: flags(
            {
                "masks": input.masks or None,
                "weights": input.weights or None,
                **plan.device_flags(),
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --store {input.store:q} --backbone {wildcards.backbone:q}"
        " {params.numerics} {params.files} --output {output:q} 2>&1 | tee {log:q}"


rule probe_features:
    input:
        **plan.code("probe_features"),
        features="<results>/features/{dataset}/{backbone}",
        images="<results>/data/{dataset}/images.csv",
        kept=lambda wc: plan.kept_in_folds(wc.dataset),
        splits=lambda wc: plan.folded(wc.dataset).get("splits", []),
    output:
        "<results>/probe/{dataset}/{backbone}/answers.csv",
    log:
        "<logs>/probe_features/{dataset}-{backbone}.log",
    benchmark:
        "<benchmarks>/probe_features/{dataset}-{backbone}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=60),
    params:
        options=lambda wc: flags(plan.folded(wc.dataset)),
        files=lambda wc, input: flags({"kept": input.kept or None}),
    shell:
        "python {input.script:q} --features {input.features:q} --images {input.images:q} {params.options}"
        " {params.files} --output {output:q} 2>&1 | tee {log:q}"
