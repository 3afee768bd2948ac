/* The weights of a model's networks, laid out for the kernels. */

#ifndef LIC_NETWORK_H
#define LIC_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "kernels.h"

/* Weights and biases of a convolution whose inputs are cells of `depth` floats. Both sizes are multiples of BLOCK. */
struct convolution {
    size_t depth, outputs;
    float *weights; /* of a 3x3 one: 36 points of Winograd's one after the other */
    float *bias;
};

/* y = x sqrt(beta + gamma x^2), if it is the inverse one; else x divided by that root. */
struct normalisation {
    size_t channels; /* 0 if there is none */
    int inverse;
    float *gamma, *beta;
    float *transposed; /* gamma, for slopes */
};

/* A 3x3 convolution, perhaps between two 1x1 (a bottleneck), perhaps followed by a normalisation. */
struct layer {
    int is_bottleneck;
    int takes_pixels, gives_pixels; /* the first layer of the analysis, the last one of the synthesis */
    size_t inputs, channels;   /* of the input and of the result */
    size_t stride, r;          /* the input's cells are stride x stride positions; results are r times finer */
    struct convolution reduce; /* bottlenecks */
    struct convolution main;
    struct convolution expand; /* bottlenecks */
    float *place;              /* predictors: 2 x 2 x width */
    struct normalisation after;
};

struct part {
    size_t count;
    struct layer *layers;
};

static inline const struct layer *last_of(const struct part *part) { return &part->layers[part->count - 1]; }

struct lic_network {
    struct part analysis, synthesis, predictors;
    struct part preview;            /* from latents to a small picture; may be empty */
    struct convolution quick_look;  /* from windows of the picture's error to latents; without weights if there is none */
    struct part synthesis_back; /* the transposed layers, from last to first; empty without slopes */
    size_t latents;             /* channels */
};

enum {
    LOOK_CELL = 4,               /* pixels to each side of the cells in which the quick look finds them */
    WINDOW = DOWNSAMPLING / LOOK_CELL + 2, /* cells to each side of its window: a block, and one around it */
};

/* Add analysis and quick look to a network that has neither, likewise from sizes and tensors: those of the layers, and
   those of no or one quick look. LIC_BAD_ARGUMENT if they do not fit together or to the network, which stays as it is. */
enum lic_result network_add_encoder(struct lic_network *, const int32_t *sizes, size_t sizes_count, const float *values,
                                    size_t values_count, int needs_quick_look);

static inline size_t padded(size_t channels) { return (channels + BLOCK - 1) / BLOCK * BLOCK; }

/* A position has its channels padded, except that the three of a pixel are not padded one by one. */
static inline size_t position_depth(size_t channels, int is_pixel) { return is_pixel ? channels : padded(channels); }

/* Floats in a cell of f x f positions. */
static inline size_t cell_depth(size_t f, size_t channels, int of_pixels) {
    return padded(f * f * position_depth(channels, of_pixels));
}

#endif
