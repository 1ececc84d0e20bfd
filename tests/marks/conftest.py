"""The small data set whose marks most of these tests draw, and the choice of all its images."""

import pytest
from example_marks import choose_all, write_dataset


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path)


@pytest.fixture
def chosen(dataset, tmp_path):
    return choose_all(dataset, tmp_path / "annotate" / "chosen.csv")
