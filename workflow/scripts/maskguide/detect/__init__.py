"""The network that finds regions."""
