"""The segmenter: trained on the annotated subset, judged on the test split."""


rule train_segmenter:
    input:
        script=script("train_segmenter"),
        modules=modules("train_segmenter"),
        index=RESULTS + "/data/{dataset}/index.csv",
        annotated=RESULTS + "/annotate/{dataset}/annotated.csv",
        marks=RESULTS + "/annotate/{dataset}/marks",
        weights=lambda wc: segmenter_weights(wc.dataset),
        init_from=lambda wc: segmenter_ancestor(wc.dataset),
    output:
        model=RESULTS + "/segment/{dataset}/model.pt",
        history=RESULTS + "/segment/{dataset}/history.csv",
        args=RESULTS + "/segment/{dataset}/args.yaml",
    log:
        RESULTS + "/logs/train_segmenter/{dataset}.log",
    benchmark:
        RESULTS + "/benchmarks/train_segmenter/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(6000),
        runtime=scaled(720),
    params:
        options=lambda wc, input: flags(
            {
                "classes": mask_classes(wc.dataset),
                **{
                    key: value
                    for key, value in settings("segment", wc.dataset).items()
                    if key not in ("weights", "init_from", "inference_scales")
                },
                "weights": input.weights or None,
                "init_from": input.init_from or None,
            }
        ),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        resume=RESULTS + "/.resume/segment/{dataset}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --index {input.index:q} --annotated {input.annotated:q} {params.options}"
        " --resume {params.resume:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule evaluate_masks:
    input:
        script=script("evaluate_masks"),
        modules=modules("evaluate_masks"),
        index=RESULTS + "/data/{dataset}/index.csv",
        masks=RESULTS + "/masks/{dataset}/segmenter",
        annotated=RESULTS + "/annotate/{dataset}/annotated.csv",
        args=RESULTS + "/segment/{dataset}/args.yaml",
    output:
        RESULTS + "/segment/{dataset}/metrics.json",
    log:
        RESULTS + "/logs/evaluate_masks/{dataset}.log",
    benchmark:
        RESULTS + "/benchmarks/evaluate_masks/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        classes=lambda wc: flags({"classes": mask_classes(wc.dataset)}),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --masks {input.masks:q} --annotated {input.annotated:q} {params.classes} --split test"
        " --segmenter-args {input.args:q} --output {output:q} 2>&1 | tee {log:q}"


def segmenter_weights(dataset):
    """The encoder's starting weights; none where another data set's segmenter is the start."""
    options = settings("segment", dataset)
    return (
        []
        if options["init_from"]
        else weights_file(options["encoder"], options["weights"])
    )


def segmenter_ancestor(dataset):
    """The segmenter of the data set that `init_from` names."""
    ancestor = settings("segment", dataset)["init_from"]
    if ancestor and ancestor not in DATASETS:
        raise WorkflowError(
            f"config: datasets.{dataset}.segment.init_from names '{ancestor}', which is not a data set of this run."
        )
    return f"{RESULTS}/segment/{ancestor}/model.pt" if ancestor else []
