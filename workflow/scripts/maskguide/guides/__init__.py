"""The networks that learn from marks, segmenter and detector, and the masks they draw of every image."""
