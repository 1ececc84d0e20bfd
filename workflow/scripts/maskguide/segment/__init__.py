"""The network that draws masks."""
