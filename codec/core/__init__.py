"""The core in C; `_core` is its Python module.

core.h is its interface. Of the coder of latents, range_coder.h writes and reads numbers, contexts.c
chooses tables, walk.c has the order and symbols.c the calls. Of networks, network.c has the weights, stream.c the
order of work, layers.c and pictures.c what is computed, tasks.c what for, team.c threads, and
kernels_of_lanes.h the inner loops, for each width of vectors. Of models, model.c has the arrays, which Python lends,
and rate.c and tables.c have what follows from them at a rate position. levels.c and trellis.c choose the levels of
dependent quantisation. For programs without Python, such as the examples and the browser's engine, model.c opens packed
models, and encoding.c encodes pictures by them.
"""
