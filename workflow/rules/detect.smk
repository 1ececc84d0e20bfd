"""Regions: boxes on a few images, a detector trained on them, its boxes in every image.

Everything lies under results/<run>/detect/<dataset>/<number of annotated images>/.
"""


rule choose_boxes:
    input:
        script=script("choose_annotation"),
        modules=modules("choose_annotation"),
        index="<results>/data/{dataset}/index.csv",
    output:
        "<results>/detect/{dataset}/{annotated}/chosen.csv",
    log:
        "<logs>/choose_boxes/{dataset}-{annotated}.log",
    benchmark:
        "<benchmarks>/choose_boxes/{dataset}-{annotated}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        options=lambda wc: flags(settings("boxes", wc.dataset), "seed"),
    shell:
        "python {input.script:q} --index {input.index:q} --count {wildcards.annotated} {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule export_boxes:
    input:
        script=script("export_annotation"),
        modules=modules("export_annotation"),
        index="<results>/data/{dataset}/index.csv",
        chosen="<results>/detect/{dataset}/{annotated}/chosen.csv",
    output:
        directory("<results>/detect/{dataset}/{annotated}/export"),
    log:
        "<logs>/export_boxes/{dataset}-{annotated}.log",
    benchmark:
        "<benchmarks>/export_boxes/{dataset}-{annotated}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(20),
    params:
        options=lambda wc: flags(
            {
                "regions": regions(wc.dataset),
                "marks": marks_place(wc.dataset, "boxes"),
            }
        ),
    shell:
        "python {input.script:q} --kind boxes --index {input.index:q} --chosen {input.chosen:q}"
        " {params.options} --output {output:q} 2>&1 | tee {log:q}"


rule import_boxes:
    input:
        script=script("import_boxes"),
        modules=modules("import_boxes"),
        index="<results>/data/{dataset}/index.csv",
        chosen="<results>/detect/{dataset}/{annotated}/chosen.csv",
        # In manual mode the images to mark lie ready before the workflow stops and asks for the marks.
        export=lambda wc: (
            "<results>/detect/{dataset}/{annotated}/export"
            if settings("boxes", wc.dataset)["mode"] == "manual"
            else []
        ),
        marks=lambda wc: manual_marks(wc.dataset, "boxes"),
    output:
        table="<results>/detect/{dataset}/{annotated}/boxes.csv",
        boxes=directory("<results>/detect/{dataset}/{annotated}/boxes"),
        sheet=report(
            "<results>/detect/{dataset}/{annotated}/contact_sheet.png",
            caption="../report/boxes_sheet.rst",
            category="Images",
        ),
    log:
        "<logs>/import_boxes/{dataset}-{annotated}.log",
    benchmark:
        "<benchmarks>/import_boxes/{dataset}-{annotated}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(20),
    params:
        options=lambda wc: flags(
            {
                "regions": regions(wc.dataset),
                "region_masks": json.dumps(registry[wc.dataset]["regions"]),
                "classes": mask_classes(wc.dataset),
                "mode": settings("boxes", wc.dataset)["mode"],
                "marks": marks_folder(wc.dataset, "boxes"),
            }
        ),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --chosen {input.chosen:q} {params.options} --output {output.table:q}"
        " --boxes-output {output.boxes:q} --contact-sheet {output.sheet:q} 2>&1 | tee {log:q}"


rule train_detector:
    input:
        script=script("train_detector"),
        modules=modules("train_detector"),
        index="<results>/data/{dataset}/index.csv",
        table="<results>/detect/{dataset}/{annotated}/boxes.csv",
        boxes="<results>/detect/{dataset}/{annotated}/boxes",
        weights=lambda wc: detector_weights(wc.dataset),
    output:
        model="<results>/detect/{dataset}/{annotated}/model.pt",
        history="<results>/detect/{dataset}/{annotated}/history.csv",
        args="<results>/detect/{dataset}/{annotated}/args.yaml",
    log:
        "<logs>/train_detector/{dataset}-{annotated}.log",
    benchmark:
        "<benchmarks>/train_detector/{dataset}-{annotated}.tsv"
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
                "regions": regions(wc.dataset),
                **{
                    key: value
                    for key, value in settings("detect", wc.dataset).items()
                    if key not in ("weights", "confidence", "keep")
                },
            }
        ),
        weights=lambda wc, input: flags(
            {"weights": input.weights or None, **device_flags()}
        ),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        resume=f"{RESULTS}/.resume/detect/{{dataset}}/{{annotated}}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --index {input.index:q} --boxes {input.table:q} {params.options}"
        " {params.weights} --resume {params.resume:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule detect_regions:
    input:
        script=script("detect_regions"),
        modules=modules("detect_regions"),
        index="<results>/data/{dataset}/index.csv",
        model="<results>/detect/{dataset}/{annotated}/model.pt",
    output:
        "<results>/detect/{dataset}/{annotated}/detections.csv",
    log:
        "<logs>/detect_regions/{dataset}-{annotated}.log",
    benchmark:
        "<benchmarks>/detect_regions/{dataset}-{annotated}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=scaled(4000),
        runtime=scaled(120),
    params:
        files=lambda wc, input: flags(device_flags()),
    shell:
        "python {input.script:q} --index {input.index:q} --model {input.model:q} {params.files} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule evaluate_detector:
    input:
        script=script("evaluate_detector"),
        modules=modules("evaluate_detector"),
        index="<results>/data/{dataset}/index.csv",
        table="<results>/detect/{dataset}/{annotated}/boxes.csv",
        boxes="<results>/detect/{dataset}/{annotated}/boxes",
        detections="<results>/detect/{dataset}/{annotated}/detections.csv",
        args="<results>/detect/{dataset}/{annotated}/args.yaml",
        history="<results>/detect/{dataset}/{annotated}/history.csv",
    output:
        "<results>/detect/{dataset}/{annotated}/metrics.json",
    log:
        "<logs>/evaluate_detector/{dataset}-{annotated}.log",
    benchmark:
        "<benchmarks>/evaluate_detector/{dataset}-{annotated}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        options=lambda wc: flags(
            {
                "regions": regions(wc.dataset),
                "confidence": settings("detect", wc.dataset)["confidence"],
            }
        ),
        folder=subpath(input.args, parent=True),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --detections {input.detections:q} --boxes {input.table:q} {params.options}"
        " --detector {params.folder:q} --output {output:q} 2>&1 | tee {log:q}"
