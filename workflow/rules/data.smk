"""Data sets: resources/<dataset>/ or a path from the config → results/<run>/data/<dataset>/split<k>/index.csv.

images.csv lists all images; each split has an index.csv of its own, the validation part of its training images
one more.
"""


rule generate_leaves:
    input:
        script=plan.script("generate_leaves"),
        modules=lambda wc: plan.generating(wc.dataset),
    output:
        files=directory("<results>/data/{dataset}/files"),
        sheet=report(
            "<results>/data/{dataset}/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="Images",
        ),
    log:
        "<logs>/generate_leaves/{dataset}.log",
    benchmark:
        "<benchmarks>/generate_leaves/{dataset}.tsv"
    wildcard_constraints:
        dataset=plan.named_alike(plan.generated),
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=20),
    params:
        options=lambda wc: flags(plan.generate_flags(wc.dataset)),
    shell:
        "python {input.script:q} {params.options} --output {output.files:q}"
        " --contact-sheet {output.sheet:q} 2>&1 | tee {log:q}"


rule fetch_dataset:
    input:
        **plan.code("fetch_dataset"),
        archive=lambda wc: held(plan.own_archives(wc.dataset)),
    output:
        "<results>/data/{dataset}/source.json",
    log:
        "<logs>/fetch_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/fetch_dataset/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=240),
    params:
        registry=plan.registry,
        # The entry itself, so that editing one data set's source fetches that one again.
        entry=lambda wc: plan.entries[wc.dataset]["source"],
        archive=lambda wc: flags({"archive": config["archives"].get(wc.dataset)}),
        seen=lambda wc: seen(plan.own_archives(wc.dataset)),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --registry {params.registry:q}"
        " --resources resources {params.archive} --output {output:q} 2>&1 | tee {log:q}"


rule unpack_dataset:
    input:
        **plan.code("unpack_dataset"),
        source="<results>/data/{dataset}/source.json",
    output:
        directory("<results>/data/{dataset}/files"),
    log:
        "<logs>/unpack_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/unpack_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=plan.named_alike(plan.published),
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=60),
    shell:
        "python {input.script:q} --source {input.source:q} --output {output:q} 2>&1 | tee {log:q}"


rule index_dataset:
    input:
        **plan.code("index_dataset"),
        # A person's own folders are read where they lie: each of their files is an input.
        own=lambda wc: held(plan.own_files(wc.dataset)),
        files=lambda wc: ([] if wc.dataset in plan.own else "<results>/data/{dataset}/files"),
        split=lambda wc: held(plan.split_file(wc.dataset)),
    output:
        index="<results>/data/{dataset}/split1/index.csv",
        images="<results>/data/{dataset}/images.csv",
        found="<results>/data/{dataset}/found.csv",
        masks=directory("<results>/data/{dataset}/masks"),
        mask_report="<results>/data/{dataset}/mask_report.csv",
        mask_sheet=report(
            "<results>/data/{dataset}/mask_report.png",
            caption="../report/mask_report.rst",
            category="Images",
        ),
    log:
        "<logs>/index_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/index_dataset/{dataset}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=60),
    params:
        options=lambda wc: flags(plan.index_flags(wc.dataset)),
        entry=lambda wc: plan.described(wc.dataset),
        split_file=lambda wc: flags({"split_file": config["splits"].get(wc.dataset)}),
        seen=lambda wc: seen([*plan.own_files(wc.dataset), *plan.split_file(wc.dataset)]),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} {params.options} {params.split_file}"
        " --masks {output.masks:q} --images {output.images:q} --found {output.found:q}"
        " --mask-report {output.mask_report:q} --mask-sheet {output.mask_sheet:q} --output {output.index:q}"
        " 2>&1 | tee {log:q}"


rule split_dataset:
    input:
        **plan.code("split_dataset"),
        images="<results>/data/{dataset}/images.csv",
    output:
        "<results>/data/{dataset}/split{split}/index.csv",
    log:
        "<logs>/split_dataset/{dataset}-split{split}.log",
    benchmark:
        "<benchmarks>/split_dataset/{dataset}-split{split}.tsv"
    wildcard_constraints:
        split=r"(?!1/)\d+(-validation|-fold\d)?",  # the first comes from index_dataset
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=500, runtime=10),
    params:
        options=lambda wc: flags(plan.split_flags(wc.dataset, wc.split)),
    shell:
        "python {input.script:q} --images {input.images:q} {params.options} --output {output:q}"
        " 2>&1 | tee {log:q}"
