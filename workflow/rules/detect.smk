"""Regions: boxes on a few images, a detector trained on them, its boxes in every image.

Everything lies under results/<run>/detect/<dataset>/split<k>/<number of annotated images>/.
"""


rule choose_boxes:
    input:
        **plan.code("choose_annotation"),
        index="<results>/data/{dataset}/split{split}/index.csv",
    output:
        "<results>/detect/{dataset}/split{split}/{annotated}/chosen.csv",
    log:
        "<logs>/choose_boxes/{dataset}-split{split}-{annotated}.log",
    benchmark:
        "<benchmarks>/choose_boxes/{dataset}-split{split}-{annotated}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=500, runtime=5),
    params:
        options=lambda wc: flags(plan.choosing(wc.dataset, "boxes"), "masked", "seed"),
    shell:
        "python {input.script:q} --index {input.index:q} --count {wildcards.annotated} {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule export_boxes:
    input:
        **plan.code("export_annotation"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        chosen="<results>/detect/{dataset}/split{split}/{annotated}/chosen.csv",
    output:
        directory("<results>/detect/{dataset}/split{split}/{annotated}/export"),
    log:
        "<logs>/export_boxes/{dataset}-split{split}-{annotated}.log",
    benchmark:
        "<benchmarks>/export_boxes/{dataset}-split{split}-{annotated}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=20),
    params:
        options=lambda wc: flags(
            {
                "regions": plan.regions(wc.dataset),
                "marks": plan.marks_place(wc.dataset, "boxes"),
            }
        ),
    shell:
        "python {input.script:q} --kind boxes --index {input.index:q} --chosen {input.chosen:q}"
        " {params.options} --output {output:q} 2>&1 | tee {log:q}"


rule import_boxes:
    input:
        script=plan.script("import_boxes"),
        modules=lambda wc: plan.marking("import_boxes", plan.mode(wc.dataset, "boxes") == "automatic"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        chosen="<results>/detect/{dataset}/split{split}/{annotated}/chosen.csv",
        # In manual mode the images to mark lie ready before the workflow stops and asks for the marks.
        export=lambda wc: (
            "<results>/detect/{dataset}/split{split}/{annotated}/export"
            if plan.mode(wc.dataset, "boxes") == "manual"
            else []
        ),
        marks=lambda wc: held(plan.manual_marks(wc.dataset, "boxes")),
    output:
        table="<results>/detect/{dataset}/split{split}/{annotated}/boxes.csv",
        boxes=directory("<results>/detect/{dataset}/split{split}/{annotated}/boxes"),
        sheet=report(
            "<results>/detect/{dataset}/split{split}/{annotated}/contact_sheet.png",
            caption="../report/boxes_sheet.rst",
            category="Images",
        ),
    log:
        "<logs>/import_boxes/{dataset}-split{split}-{annotated}.log",
    benchmark:
        "<benchmarks>/import_boxes/{dataset}-split{split}-{annotated}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=20),
    params:
        options=lambda wc: flags(
            {
                "regions": plan.regions(wc.dataset),
                "region_masks": json.dumps(plan.entries[wc.dataset]["regions"]),
                "classes": plan.mask_classes(wc.dataset),
                "mode": plan.mode(wc.dataset, "boxes"),
                "marks": plan.marks_folder(wc.dataset, "boxes"),
            }
        ),
        seen=lambda wc: seen(plan.manual_marks(wc.dataset, "boxes")),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --chosen {input.chosen:q} {params.options} --output {output.table:q}"
        " --boxes-output {output.boxes:q} --contact-sheet {output.sheet:q} 2>&1 | tee {log:q}"


rule train_detector:
    input:
        script=plan.script("train_detector"),
        modules=after_marks(plan.modules("train_detector")),
        index="<results>/data/{dataset}/split{split}/index.csv",
        table="<results>/detect/{dataset}/split{split}/{annotated}/boxes.csv",
        boxes="<results>/detect/{dataset}/split{split}/{annotated}/boxes",
        weights=lambda wc: plan.detector_weights(wc.dataset),
    output:
        model="<results>/detect/{dataset}/split{split}/{annotated}/model.pt",
        history="<results>/detect/{dataset}/split{split}/{annotated}/history.csv",
        args="<results>/detect/{dataset}/split{split}/{annotated}/args.yaml",
    log:
        "<logs>/train_detector/{dataset}-split{split}-{annotated}.log",
    benchmark:
        "<benchmarks>/train_detector/{dataset}-split{split}-{annotated}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=6000, runtime=720),
    params:
        options=lambda wc: flags(
            {
                "regions": plan.regions(wc.dataset),
                **{
                    key: value
                    for key, value in plan.settings("detect", wc.dataset).items()
                    if key not in ("weights", "confidence", "keep")
                },
            }
        ),
        weights=lambda wc, input: flags({"weights": input.weights or None, **plan.device_flags()}),
        # Not declared as output: Snakemake would delete it with a failed job's files.
        resume=f"{plan.results}/.resume/detect/{{dataset}}/split{{split}}/{{annotated}}",
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script:q} --index {input.index:q} --boxes {input.table:q} {params.options}"
        " {params.weights} --resume {params.resume:q} --output-dir {params.folder:q} 2>&1 | tee {log:q}"


rule detect_regions:
    input:
        **plan.code("detect_regions"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        model="<results>/detect/{dataset}/split{split}/{annotated}/model.pt",
    output:
        "<results>/detect/{dataset}/split{split}/{annotated}/detections.csv",
    log:
        "<logs>/detect_regions/{dataset}-split{split}-{annotated}.log",
    benchmark:
        "<benchmarks>/detect_regions/{dataset}-split{split}-{annotated}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=gpus, mem_mb=4000, runtime=120),
    params:
        files=lambda wc, input: flags(plan.device_flags()),
    shell:
        "python {input.script:q} --index {input.index:q} --model {input.model:q} {params.files} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule evaluate_detector:
    input:
        **plan.code("evaluate_detector"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        table="<results>/detect/{dataset}/split{split}/{annotated}/boxes.csv",
        boxes="<results>/detect/{dataset}/split{split}/{annotated}/boxes",
        detections="<results>/detect/{dataset}/split{split}/{annotated}/detections.csv",
        args="<results>/detect/{dataset}/split{split}/{annotated}/args.yaml",
        history="<results>/detect/{dataset}/split{split}/{annotated}/history.csv",
    output:
        "<results>/detect/{dataset}/split{split}/{annotated}/metrics.json",
    log:
        "<logs>/evaluate_detector/{dataset}-split{split}-{annotated}.log",
    benchmark:
        "<benchmarks>/evaluate_detector/{dataset}-split{split}-{annotated}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=60),
    params:
        options=lambda wc: flags(
            {
                "regions": plan.regions(wc.dataset),
                "confidence": plan.settings("detect", wc.dataset)["confidence"],
            }
        ),
        folder=subpath(input.args, parent=True),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --detections {input.detections:q} --boxes {input.table:q} {params.options}"
        " --detector {params.folder:q} --output {output:q} 2>&1 | tee {log:q}"
