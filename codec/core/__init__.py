"""The core in C; `_core` is its Python module.

core.h is its interface. Of the coder of latents, range_coder.h writes and reads numbers, contexts.c
chooses tables, walk.c has the order and symbols.c the calls. Of networks, network.c has the weights, stream.c the
order of work, layers.c and pictures.c what is computed, tasks.c what for, team.c threads, and
kernels_of_lanes.h the inner loops, for each width of vectors. model.c and tables.c open packed models for
programs without Python, such as examples/lic2ppm.c and the browser's decoder.
"""
