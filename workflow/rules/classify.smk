"""Classifiers: one job for each data set × method × backbone × seed; each distinct run exists once."""


rule fetch_weights:
    input:
        script=script("fetch_weights"),
        modules=modules("fetch_weights"),
    output:
        protected("resources/weights/{backbone}-imagenet.pth"),
    log:
        "resources/weights/logs/fetch_weights-{backbone}.log",
    benchmark:
        "resources/weights/logs/fetch_weights-{backbone}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    shell:
        "python {input.script:q} --backbone {wildcards.backbone:q} --output {output:q} 2>&1 | tee {log:q}"


rule fetch_detector_weights:
    input:
        script=script("fetch_detector_weights"),
        modules=modules("fetch_detector_weights"),
    output:
        protected("resources/weights/{architecture}-coco.pth"),
    log:
        "resources/weights/logs/fetch_detector_weights-{architecture}.log",
    benchmark:
        "resources/weights/logs/fetch_detector_weights-{architecture}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    shell:
        "python {input.script:q} --architecture {wildcards.architecture:q} --output {output:q} 2>&1 | tee {log:q}"


rule pretrain_backbone:
    input:
        script=script("pretrain_backbone"),
        modules=modules("pretrain_backbone"),
    output:
        "resources/weights/{backbone}-generated.pth",
    log:
        "resources/weights/logs/pretrain_backbone-{backbone}.log",
    benchmark:
        "resources/weights/logs/pretrain_backbone-{backbone}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        options=flags(config["pretrain"]),
        files=lambda wc, input: flags(device_flags()),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        checkpoint="resources/weights/.resume/{backbone}",
    shell:
        "python {input.script:q} --backbone {wildcards.backbone:q} {params.options} {params.files}"
        " --checkpoint {params.checkpoint:q} --output {output:q} 2>&1 | tee {log:q}"


rule train_classifier:
    input:
        script=script("train_classifier"),
        modules=modules("train_classifier"),
        store="<results>/store/{dataset}/images",
        masks=lambda wc: mask_stores(wc.dataset, wc.method),
        counterparts=lambda wc: counterpart_stores(wc.dataset, wc.method),
        annotated=lambda wc: mask_annotation(wc.dataset, wc.method),
        zoom=lambda wc: zoom(wc.dataset, wc.method, wc.backbone, wc.seed),
        weights=lambda wc: weights_file(
            wc.backbone, settings("classify", wc.dataset)["weights"]
        ),
    output:
        args="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/args.yaml",
        history="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/history.csv",
        predictions="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/predictions.csv",
        metrics="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/metrics.json",
        model="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/model.pt",
    log:
        "<logs>/train_classifier/{dataset}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/train_classifier/{dataset}-{method}-{backbone}-seed{seed}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(6000),
        runtime=scaled(720),
    params:
        method=lambda wc: wc.method.split("-")[0],
        options=lambda wc: flags(classifier_options(wc.dataset, wc.method, wc.backbone)),
        files=lambda wc, input: flags(
            {
                "mask_store": mask_stores(wc.dataset, wc.method) or None,
                "counterparts": counterpart_stores(wc.dataset, wc.method) or None,
                "annotated": input.annotated or None,
                "zoom": input.zoom or None,
                "weights": input.weights or None,
                **device_flags(config["classify"]["slots"]),
            }
        ),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        checkpoint=f"{RESULTS}/.resume/runs/{{dataset}}/{{method}}/{{backbone}}/seed{{seed}}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --store {input.store:q}"
        " --method {params.method:q} --backbone {wildcards.backbone:q} --seed {wildcards.seed} {params.options}"
        " {params.files} --checkpoint {params.checkpoint:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule train_mdm:
    input:
        script=script("train_mdm"),
        modules=modules("train_mdm"),
        index="<results>/data/{dataset}/index.csv",
    output:
        args="<results>/runs/{dataset}/mdm/contour/seed0/args.yaml",
        history="<results>/runs/{dataset}/mdm/contour/seed0/history.csv",
        predictions="<results>/runs/{dataset}/mdm/contour/seed0/predictions.csv",
        metrics="<results>/runs/{dataset}/mdm/contour/seed0/metrics.json",
    log:
        "<logs>/train_mdm/{dataset}.log",
    benchmark:
        "<benchmarks>/train_mdm/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(120),
    params:
        folder=subpath(output.metrics, parent=True),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --output-dir {params.folder:q} 2>&1 | tee {log:q}"
