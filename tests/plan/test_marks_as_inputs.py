"""A person's marks are inputs of their import; what a file manager leaves beside them is none."""


def test_hidden_files_beside_marks_are_no_inputs(plan, tmp_path):
    for name in (
        "leaf.json",
        "deep/leaf.txt",
        ".DS_Store",
        ".ipynb_checkpoints/leaf.json",
        "deep/._leaf.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    marked = plan(annotate={"mode": "manual", "marks": str(tmp_path)})
    assert marked.manual_marks("leaves", "annotate") == [f"{tmp_path}/deep/leaf.txt", f"{tmp_path}/leaf.json"]
    assert plan().manual_marks("leaves", "annotate") == []
