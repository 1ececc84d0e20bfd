"""Classifiers: one job for each data set × split × method × backbone × seed; each distinct run exists once."""


rule fetch_weights:
    input:
        script=plan.script("fetch_weights"),
        modules=after_marks(plan.modules("fetch_weights")),
    output:
        protected("resources/weights/{backbone}-imagenet.pth"),
    log:
        "resources/weights/logs/fetch_weights-{backbone}.log",
    benchmark:
        "resources/weights/logs/fetch_weights-{backbone}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=60),
    shell:
        "python {input.script:q} --backbone {wildcards.backbone:q} --output {output:q} 2>&1 | tee {log:q}"


rule fetch_detector_weights:
    input:
        script=plan.script("fetch_detector_weights"),
        modules=after_marks(plan.modules("fetch_detector_weights")),
    output:
        protected("resources/weights/{architecture}-coco.pth"),
    log:
        "resources/weights/logs/fetch_detector_weights-{architecture}.log",
    benchmark:
        "resources/weights/logs/fetch_detector_weights-{architecture}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=60),
    shell:
        "python {input.script:q} --architecture {wildcards.architecture:q} --output {output:q} 2>&1 | tee {log:q}"


rule pretrain_backbone:
    input:
        script=plan.script("pretrain_backbone"),
        modules=after_marks(plan.modules("pretrain_backbone")),
    output:
        "resources/weights/{backbone}-generated.pth",
    log:
        "resources/weights/logs/pretrain_backbone-{backbone}.log",
    benchmark:
        "resources/weights/logs/pretrain_backbone-{backbone}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=60),
    params:
        options=flags(config["pretrain"]),
        files=lambda wc, input: flags(plan.device_flags()),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        checkpoint="resources/weights/.resume/{backbone}",
    shell:
        "python {input.script:q} --backbone {wildcards.backbone:q} {params.options} {params.files}"
        " --checkpoint {params.checkpoint:q} --output {output:q} 2>&1 | tee {log:q}"


rule train_classifier:
    input:
        unpack(plan.inputs_of_run),
        script=plan.script("train_classifier"),
        # Its own method's file and its view's, and no other's.
        modules=after_marks(plan.code_of_run),
        index="<results>/data/{dataset}/split{split}/index.csv",
        store="<results>/store/{dataset}/images",
    output:
        args="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/args.yaml",
        history="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/history.csv",
        predictions="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/predictions.csv",
        metrics="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/metrics.json",
        model="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/model.pt",
    log:
        "<logs>/train_classifier/{dataset}-split{split}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/train_classifier/{dataset}-split{split}-{method}-{backbone}-seed{seed}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=6000, runtime=720),
    params:
        method=lambda wc: plan.learns_by(wc).method.name,
        options=lambda wc: flags(plan.learns_by(wc).options),
        files=lambda wc, input: flags(
            {
                "mask_store": plan.mask_stores(wc),
                "counterparts": plan.counterpart_stores(wc),
                "annotated": input.get("annotated"),
                "zoom": input.get("zoom"),
                "blank": input.get("blank"),
                "background": input.get("background"),
                "objects": plan.objects_said(wc),
                "weights": input.get("weights"),
                **plan.device_flags(),
            }
        ),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        checkpoint=f"{plan.results}/.resume/runs/{{dataset}}/split{{split}}/{{method}}/{{backbone}}/seed{{seed}}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --store {input.store:q} --index {input.index:q}"
        " --method {params.method:q} --backbone {wildcards.backbone:q} --seed {wildcards.seed} {params.options}"
        " {params.files} --checkpoint {params.checkpoint:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule match_contours:
    input:
        script=plan.script("match_contours"),
        modules=after_marks(lambda wc: plan.modules("match_contours", [f"methods/{wc.handcrafted}"])),
        index="<results>/data/{dataset}/split{split}/index.csv",
    output:
        args="<results>/runs/{dataset}/split{split}/{handcrafted}/contour/seed0/args.yaml",
        history="<results>/runs/{dataset}/split{split}/{handcrafted}/contour/seed0/history.csv",
        predictions="<results>/runs/{dataset}/split{split}/{handcrafted}/contour/seed0/predictions.csv",
        metrics="<results>/runs/{dataset}/split{split}/{handcrafted}/contour/seed0/metrics.json",
    log:
        "<logs>/match_contours/{dataset}-split{split}-{handcrafted}.log",
    benchmark:
        "<benchmarks>/match_contours/{dataset}-split{split}-{handcrafted}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=2000, runtime=120),
    params:
        folder=subpath(output.metrics, parent=True),
    shell:
        "python {input.script:q} --method {wildcards.handcrafted:q} --dataset {wildcards.dataset:q}"
        " --index {input.index:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"
