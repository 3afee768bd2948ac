"""Running a model's networks, in C, numpy or torch."""
