"""Finished runs put to use, on request: a run is calibrated by asking for its calibration.json."""


rule calibrate:
    input:
        script=plan.script("calibrate"),
        modules=lambda wc: plan.code_of_runs("calibrate", [wc.method]),
        runs=lambda wc: measured(plan.calibrating_runs(wc)),
        index="<results>/data/{dataset}/split{split}/index.csv",
        fold_indexes=lambda wc: plan.calibrated_by(wc)["fold_indexes"],
    output:
        calibration="<results>/runs/{dataset}/split{split}/{method}/{backbone}/calibration.json",
        features="<results>/runs/{dataset}/split{split}/{method}/{backbone}/training_features.npy",
    log:
        "<logs>/calibrate/{dataset}-split{split}-{method}-{backbone}.log",
    benchmark:
        "<benchmarks>/calibrate/{dataset}-split{split}-{method}-{backbone}.tsv"
    wildcard_constraints:
        split=r"\d+",
        method=f"{plan.networks}|{plan.averaged}",
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=60),
    params:
        runs=lambda wc: flags(plan.calibrated_by(wc)),
        numerics=flags(plan.numerics(config["classify"])),
        device=lambda wc, input: flags(plan.device_flags()),
    shell:
        "python {input.script:q} {params.runs} --index {input.index:q} {params.numerics} {params.device}"
        " 2>&1 | tee {log:q}"
