"""Finished runs put to use: their networks asked about new images."""
