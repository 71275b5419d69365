"""Labelled sets, and classifiers that learn from them."""
