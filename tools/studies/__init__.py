"""Ablation studies, and the lab notebook."""
