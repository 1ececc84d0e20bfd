"""Classifiers: backbones, batches, the training loop, evaluation, attended regions, handcrafted features."""
