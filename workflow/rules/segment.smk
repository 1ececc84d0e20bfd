"""The segmenter: trained on the annotated subset, judged on the test split."""


rule train_segmenter:
    input:
        script=script("train_segmenter"),
        modules=modules("train_segmenter"),
        index="<results>/data/{dataset}/index.csv",
        annotated="<results>/annotate/{dataset}/annotated.csv",
        marks="<results>/annotate/{dataset}/marks",
        weights=lambda wc: segmenter_weights(wc.dataset),
        init_from=lambda wc: segmenter_ancestor(wc.dataset),
    output:
        model="<results>/segment/{dataset}/model.pt",
        history="<results>/segment/{dataset}/history.csv",
        args="<results>/segment/{dataset}/args.yaml",
    log:
        "<logs>/train_segmenter/{dataset}.log",
    benchmark:
        "<benchmarks>/train_segmenter/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(6000),
        runtime=scaled(720),
    params:
        options=lambda wc: flags(
            {
                "classes": mask_classes(wc.dataset),
                **{
                    key: value
                    for key, value in settings("segment", wc.dataset).items()
                    if key not in ("weights", "init_from", "inference_scales")
                },
            }
        ),
        files=lambda wc, input: flags(
            {
                "weights": input.weights or None,
                "init_from": input.init_from or None,
                **device_flags(),
            }
        ),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        resume=f"{RESULTS}/.resume/segment/{{dataset}}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --index {input.index:q} --annotated {input.annotated:q} {params.options}"
        " {params.files} --resume {params.resume:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule evaluate_masks:
    input:
        script=script("evaluate_masks"),
        modules=modules("evaluate_masks"),
        index="<results>/data/{dataset}/index.csv",
        masks="<results>/masks/{dataset}/segmenter",
        annotated="<results>/annotate/{dataset}/annotated.csv",
        args="<results>/segment/{dataset}/args.yaml",
        history="<results>/segment/{dataset}/history.csv",
    output:
        "<results>/segment/{dataset}/metrics.json",
    log:
        "<logs>/evaluate_masks/{dataset}.log",
    benchmark:
        "<benchmarks>/evaluate_masks/{dataset}.tsv"
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
