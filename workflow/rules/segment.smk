"""The segmenter: trained on the annotated subset, judged on the test split."""


rule train_segmenter:
    input:
        script=plan.script("train_segmenter"),
        modules=after_marks(plan.modules("train_segmenter")),
        index="<results>/data/{dataset}/split{split}/index.csv",
        annotated="<results>/annotate/{dataset}/split{split}{fewer}/annotated.csv",
        marks="<results>/annotate/{dataset}/split{split}{fewer}/marks",
        weights=lambda wc: plan.segmenter_weights(wc.dataset),
        init_from=lambda wc: plan.segmenter_ancestor(wc.dataset),
    output:
        model="<results>/segment/{dataset}/split{split}{fewer}/model.pt",
        history="<results>/segment/{dataset}/split{split}{fewer}/history.csv",
        args="<results>/segment/{dataset}/split{split}{fewer}/args.yaml",
    log:
        "<logs>/train_segmenter/{dataset}-split{split}{fewer}.log",
    benchmark:
        "<benchmarks>/train_segmenter/{dataset}-split{split}{fewer}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=6000, runtime=720),
    params:
        options=lambda wc: flags(
            {
                "classes": plan.mask_classes(wc.dataset),
                **{
                    key: value
                    for key, value in plan.settings("segment", wc.dataset).items()
                    if key not in ("weights", "init_from", "inference_scales")
                },
            }
        ),
        files=lambda wc, input: flags(
            {
                "weights": input.weights or None,
                "init_from": input.init_from or None,
                **plan.device_flags(),
            }
        ),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        resume=f"{plan.results}/.resume/segment/{{dataset}}/split{{split}}{{fewer}}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --index {input.index:q} --annotated {input.annotated:q} {params.options}"
        " {params.files} --resume {params.resume:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule evaluate_masks:
    input:
        **plan.code("evaluate_masks"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        masks="<results>/masks/{dataset}/split{split}/segmenter{fewer}",
        annotated="<results>/annotate/{dataset}/split{split}{fewer}/annotated.csv",
        args="<results>/segment/{dataset}/split{split}{fewer}/args.yaml",
        history="<results>/segment/{dataset}/split{split}{fewer}/history.csv",
    output:
        "<results>/segment/{dataset}/split{split}{fewer}/metrics.json",
    log:
        "<logs>/evaluate_masks/{dataset}-split{split}{fewer}.log",
    benchmark:
        "<benchmarks>/evaluate_masks/{dataset}-split{split}{fewer}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=60),
    params:
        classes=lambda wc: flags({"classes": plan.mask_classes(wc.dataset)}),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --masks {input.masks:q} --annotated {input.annotated:q} {params.classes} --split test"
        " --segmenter-args {input.args:q} --output {output:q} 2>&1 | tee {log:q}"
