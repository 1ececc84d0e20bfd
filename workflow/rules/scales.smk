"""ACA's scales: where each network looks, how that agrees with the true boxes, and the average of all scales."""


rule attend_regions:
    input:
        script=plan.script("attend_regions"),
        modules=lambda wc: plan.code_of_run(wc, "attend_regions"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        store="<results>/store/{dataset}/images",
        model="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/model.pt",
        zoom=plan.zoom_of,
    output:
        "<results>/attend/{dataset}/split{split}/{method}/{backbone}/seed{seed}/attended.csv",
    log:
        "<logs>/attend_regions/{dataset}-split{split}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/attend_regions/{dataset}-split{split}-{method}-{backbone}-seed{seed}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=60),
    params:
        run=subpath(input.model, parent=True),
        files=lambda wc, input: flags(
            {
                "zoom": input.zoom or None,
                **plan.numerics(config["classify"]),
                **plan.device_flags(),
            }
        ),
    shell:
        "python {input.script:q} --store {input.store:q} --index {input.index:q} --run {params.run:q} {params.files}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule evaluate_attended:
    input:
        **plan.code("evaluate_attended"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        attended="<results>/attend/{dataset}/split{split}/{method}/{backbone}/seed{seed}/attended.csv",
    output:
        "<results>/attend/{dataset}/split{split}/{method}/{backbone}/seed{seed}/iou.json",
    log:
        "<logs>/evaluate_attended/{dataset}-split{split}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/evaluate_attended/{dataset}-split{split}-{method}-{backbone}-seed{seed}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=30),
    shell:
        "python {input.script:q} --index {input.index:q} --attended {input.attended:q}"
        " --dataset {wildcards.dataset:q} --method {wildcards.method:q} --backbone {wildcards.backbone:q}"
        " --seed {wildcards.seed} --output {output:q} 2>&1 | tee {log:q}"


rule combine_scales:
    input:
        script=plan.script("combine_scales"),
        modules=lambda wc: plan.code_of_runs("combine_scales", plan.scales(wc.method)),
        index="<results>/data/{dataset}/split{split}/index.csv",
        store="<results>/store/{dataset}/images",
        models=lambda wc: [f"{run}/model.pt" for run in plan.scale_runs(wc)],
        zooms=lambda wc: plan.scale_zooms(wc),
    output:
        args="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/args.yaml",
        predictions="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/predictions.csv",
        metrics="<results>/runs/{dataset}/split{split}/{method}/{backbone}/seed{seed}/metrics.json",
    log:
        "<logs>/combine_scales/{dataset}-split{split}-{method}-{backbone}-seed{seed}.log",
    benchmark:
        "<benchmarks>/combine_scales/{dataset}-split{split}-{method}-{backbone}-seed{seed}.tsv"
    wildcard_constraints:
        method=plan.averaged,
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=60),
    params:
        runs=plan.scale_runs,
        files=lambda wc, input: flags(
            {
                "zooms": list(input.zooms),
                **plan.numerics(config["classify"]),
                **plan.device_flags(),
            }
        ),
        folder=subpath(output.metrics, parent=True),
    shell:
        "python {input.script:q} --store {input.store:q} --index {input.index:q} --runs {params.runs:q}"
        " {params.files} --output-dir {params.folder:q} 2>&1 | tee {log:q}"
