/* The inner loops of the networks, compiled once for each width of vectors: all give the same bits.

   Activations are float32, positions x channels, the channels padded with zeros to a multiple of BLOCK. Vectors hold
   channels of one position, never parts of one sum, and no product is fused with a sum: so how many there are in a
   vector does not change a result. */

#ifndef LIC_KERNELS_H
#define LIC_KERNELS_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"

#if FLT_EVAL_METHOD != 0 || defined(__FAST_MATH__)
#error "floats must be computed as written: -std=gnu11 without -ffast-math; for x86 of 32 bits, -msse2 -mfpmath=sse, too"
#endif

enum {
    BLOCK = 16,       /* outputs whose weights are stored together */
    PATCH = TILE + 2, /* inputs of a tile, in each direction */
    POINTS = PATCH * PATCH,
    OUTPUTS = TILE * TILE,
    FILTER_BLOCK = FILTER_ROWS * FILTER_COLUMNS, /* pixels */
};

struct lic_kernels {
    const char *name;

    /* out[position][o] = start[o] + sum over i of x[position][i] weights[o][i], from i = 0 on.
       Weights are packed as outputs / BLOCK x inputs x BLOCK; `start` may be NULL for zeros. */
    void (*multiply)(const float *x, size_t pitch, size_t positions, size_t inputs, const float *weights,
                     size_t outputs, const float *start, float *out, size_t out_pitch);

    /* The 36 points of a 6x6 patch: `points` has one for each `pitch` floats. */
    void (*transform)(const float *const patch[POINTS], size_t channels, float *points, size_t pitch);

    /* And back, from sums of products to 4x4 outputs, `out_pitch` floats apart, plus a bias, and at least `least`. */
    void (*transform_back)(const float *points, size_t pitch, size_t channels, const float *bias, float least,
                           float *out, size_t out_pitch);

    /* x = max(x, 0) */
    void (*rectify)(float *x, size_t count);

    /* to = x + y */
    void (*add)(const float *x, const float *y, float *to, size_t count);

    void (*square)(const float *x, float *to, size_t count);

    /* to = x * sqrt(pool), or x / sqrt(pool) */
    void (*scale_up)(const float *x, const float *pool, float *to, size_t count);
    void (*scale_down)(const float *x, const float *pool, float *to, size_t count);

    /* Grey levels of values in -0.5..0.5, rounded to the nearest, ties to even. */
    void (*to_levels)(const float *x, uint8_t *levels, size_t count);

    /* Grey levels, likewise, in float32. */
    void (*find_levels)(const float *x, float *levels, size_t count);

    /* Values in -0.5..0.5 of grey levels plus sums of the filter, which are rounded, ties up. */
    void (*move_levels)(const float *levels, const float *sums, float *to, size_t count);

    /* How much a plane bends in and around a block that begins at `x`: the sums of its second differences' absolute
       values down, across and along both diagonals. */
    void (*bend)(const float *x, size_t pitch, float sums[4]);

    /* The weighted differences between a block's neighbours and its own values. */
    void (*weigh)(const float *x, size_t pitch, const float *weights, float limit, float sums[FILTER_BLOCK]);
};

extern const struct lic_kernels lic_kernels_1, lic_kernels_4, lic_kernels_8, lic_kernels_16;

/* Those of a name ("1", "4", "8", "16": lanes), or NULL if the processor does not run them; the fastest for NULL. */
const struct lic_kernels *lic_kernels_named(const char *name);

#endif
