"""The package that the workflow's scripts share; one idea per module."""
