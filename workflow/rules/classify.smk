"""Classifiers: one job for each data set × method × backbone × seed; each distinct run exists once."""

RUN = RESULTS + "/runs/{dataset}/{method}/{backbone}/seed{seed}"
RUN_FILES = ["args.yaml", "history.csv", "metrics.json", "predictions.csv"]


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
    shell:
        "python {input.script:q} --backbone {wildcards.backbone:q} {params.options} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule train_classifier:
    input:
        script=script("train_classifier"),
        modules=modules("train_classifier"),
        store=RESULTS + "/store/{dataset}/images",
        masks=lambda wc: mask_store(wc.dataset, wc.method),
        annotated=lambda wc: mask_annotation(wc.dataset, wc.method),
        weights=lambda wc: weights_file(
            wc.backbone, settings("classify", wc.dataset)["weights"]
        ),
    output:
        *[f"{RUN}/{name}" for name in RUN_FILES],
        model=f"{RUN}/model.pt",
    log:
        RESULTS + "/logs/train_classifier/{dataset}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        RESULTS
        + "/benchmarks/train_classifier/{dataset}-{method}-{backbone}-seed{seed}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(6000),
        runtime=scaled(720),
    params:
        method=lambda wc: wc.method.split("-")[0],
        options=lambda wc, input: flags(
            {
                **classifier_options(wc.dataset, wc.method, wc.backbone),
                "mask_store": input.masks or None,
                "mask_source": mask_source(wc.method),
                "annotated": input.annotated or None,
                "weights": input.weights or None,
            }
        ),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        checkpoint=RESULTS + "/.resume/runs/{dataset}/{method}/{backbone}/seed{seed}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --store {input.store:q}"
        " --method {params.method:q} --backbone {wildcards.backbone:q} --seed {wildcards.seed} {params.options}"
        " --checkpoint {params.checkpoint:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule train_mdm:
    input:
        script=script("train_mdm"),
        modules=modules("train_mdm"),
        index=RESULTS + "/data/{dataset}/index.csv",
    output:
        *[RESULTS + "/runs/{dataset}/mdm/contour/seed0/" + name for name in RUN_FILES],
        metrics=RESULTS + "/runs/{dataset}/mdm/contour/seed0/metrics.json",
    log:
        RESULTS + "/logs/train_mdm/{dataset}.log",
    benchmark:
        RESULTS + "/benchmarks/train_mdm/{dataset}.tsv"
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


METHOD_OPTIONS = {
    "baseline": [],
    "attention": ["feature_weight", "attention_weight"],
    "mga": ["feature_weight", "attention_weight", "guidance_weight"],
}
COMMON_OPTIONS = [
    "epochs",
    "batch_size",
    "crop",
    "momentum",
    "weight_decay",
    "freeze",
    "slots",
]


def classifier_options(dataset, method, backbone):
    """The options that this method uses and no others: editing τ re-runs the guided methods alone."""
    options = settings("classify", dataset)
    rates = options["learning_rate"]
    used = {
        key: options[key]
        for key in COMMON_OPTIONS + METHOD_OPTIONS[method.split("-")[0]]
    }
    return {"learning_rate": rates.get(backbone, rates["default"]), **used}


def mask_source(method):
    """Where a guided method's masks come from: `mga` as configured, `mga-truth` the truth; else None."""
    if not method.startswith("mga"):
        return None
    return method.partition("-")[2] or config["classify"]["mask_source"]


def mask_store(dataset, method):
    source = mask_source(method)
    return f"{RESULTS}/store/{dataset}/masks/{source}" if source else []


def mask_annotation(dataset, method):
    """The marks behind a segmenter's masks: their kind stands in every table."""
    learnt = mask_source(method) in ("segmenter", "shuffled")
    return f"{RESULTS}/annotate/{dataset}/annotated.csv" if learnt else []


def run_folders(dataset, method, backbone):
    """The folders of a table's cell, one for each seed."""
    if method == "mdm":
        return [f"{RESULTS}/runs/{dataset}/mdm/contour/seed0"]
    return [
        f"{RESULTS}/runs/{dataset}/{method}/{backbone}/seed{seed}"
        for seed in config["seeds"]
    ]
