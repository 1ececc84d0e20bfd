"""The rows of the table `probe`: classifiers of a frozen network's features, and where these are taken."""

PROBE = "probe"  # the table, its kind, and the row that the others are compared with
PLACES = ("whole", "inside", "outside")  # of which features are means
# What a reader calls each classifier, and the means that it sees.
ROWS = {
    PROBE: ("whole image", ("whole",)),
    "probe-inside": ("inside the masks", ("inside",)),
    "probe-outside": ("outside the masks", ("outside",)),
    "probe-both": ("inside and outside, side by side", ("inside", "outside")),
    "knn": ("whole image, nearest neighbours", ("whole",)),
}
