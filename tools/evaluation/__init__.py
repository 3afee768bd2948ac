"""Measuring codecs: real files, results, curves, Bjontegaard differences."""
