"""ACA's scales: where each network looks, how that agrees with the true boxes, and the average of all scales."""


rule attend_regions:
    input:
        script=script("attend_regions"),
        modules=modules("attend_regions"),
        store="<results>/store/{dataset}/images",
        model="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/model.pt",
        zoom=lambda wc: zoom(wc.dataset, wc.method, wc.backbone, wc.seed),
    output:
        "<results>/attend/{dataset}/{method}/{backbone}/seed{seed}/attended.csv",
    log:
        "<logs>/attend_regions/{dataset}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/attend_regions/{dataset}-{method}-{backbone}-seed{seed}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        run=subpath(input.model, parent=True),
        files=lambda wc, input: flags(
            {
                "zoom": input.zoom or None,
                **numerics(config["classify"]),
                **device_flags(config["classify"]["slots"]),
            }
        ),
    shell:
        "python {input.script:q} --store {input.store:q} --run {params.run:q} {params.files} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule evaluate_attended:
    input:
        script=script("evaluate_attended"),
        modules=modules("evaluate_attended"),
        index="<results>/data/{dataset}/index.csv",
        attended="<results>/attend/{dataset}/{method}/{backbone}/seed{seed}/attended.csv",
    output:
        "<results>/attend/{dataset}/{method}/{backbone}/seed{seed}/iou.json",
    log:
        "<logs>/evaluate_attended/{dataset}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate_attended/{dataset}-{method}-{backbone}-seed{seed}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(30),
    shell:
        "python {input.script:q} --index {input.index:q} --attended {input.attended:q}"
        " --dataset {wildcards.dataset:q} --method {wildcards.method:q} --backbone {wildcards.backbone:q}"
        " --seed {wildcards.seed} --output {output:q} 2>&1 | tee {log:q}"


rule combine_scales:
    input:
        script=script("combine_scales"),
        modules=modules("combine_scales"),
        store="<results>/store/{dataset}/images",
        models=lambda wc: [
            f"<results>/runs/{wc.dataset}/{name}/{wc.backbone}/seed{wc.seed}/model.pt"
            for name in scales(wc.method)
        ],
        zooms=lambda wc: [
            zoom(wc.dataset, name, wc.backbone, wc.seed)
            for name in scales(wc.method)[1:]
        ],
    output:
        args="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/args.yaml",
        predictions="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/predictions.csv",
        metrics="<results>/runs/{dataset}/{method}/{backbone}/seed{seed}/metrics.json",
    log:
        "<logs>/combine_scales/{dataset}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/combine_scales/{dataset}-{method}-{backbone}-seed{seed}.tsv"
    wildcard_constraints:
        method=r"(aca|maxpool)[a-z0-9-]*(?<!-s\d)",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        runs=lambda wc: [
            f"{RESULTS}/runs/{wc.dataset}/{name}/{wc.backbone}/seed{wc.seed}"
            for name in scales(wc.method)
        ],
        files=lambda wc, input: flags(
            {
                "zooms": list(input.zooms),
                **numerics(config["classify"]),
                **device_flags(config["classify"]["slots"]),
            }
        ),
        folder=subpath(output.metrics, parent=True),
    shell:
        "python {input.script:q} --store {input.store:q} --runs {params.runs:q} {params.files}"
        " --output-dir {params.folder:q} 2>&1 | tee {log:q}"
