/* From the tensors of a model to the weights that the kernels take. */

#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "kernels.h"
#include "team.h"

enum { OUT_OF_MEMORY = 2 }; /* a reader failed for another reason than its input */

enum kind { CONVOLUTION, SUB_PIXEL, RESIDUAL, PREDICTOR };

struct reader {
    const int32_t *sizes, *sizes_end;
    const float *values, *values_end;
    int failed;
};

/* The first reason to fail is the one that is told. */
static void fail(struct reader *r) {
    if (!r->failed) r->failed = 1;
}

static size_t next_size(struct reader *r) {
    if (r->failed || r->sizes == r->sizes_end || *r->sizes < 0 || *r->sizes > MAX_CHANNELS) {
        fail(r);
        return 1;
    }
    return (size_t)*r->sizes++;
}

static const float *next_tensor(struct reader *r, size_t count) {
    const float *values = r->values;
    if (r->failed) return NULL;
    if ((size_t)(r->values_end - values) < count) {
        fail(r);
        return NULL;
    }
    r->values += count;
    return values;
}

static float *zeros(struct reader *r, size_t count) {
    float *array = calloc(count + BLOCK, sizeof *array);
    if (!array) r->failed = OUT_OF_MEMORY;
    return array;
}

static void free_convolution(struct convolution *c) {
    free(c->weights);
    free(c->bias);
}

static void free_part(struct part *part) {
    for (size_t i = 0; i < part->count && part->layers; i++) {
        struct layer *l = part->layers + i;
        free_convolution(&l->reduce);
        free_convolution(&l->main);
        free_convolution(&l->expand);
        free(l->place);
        free(l->after.gamma);
        free(l->after.beta);
        free(l->after.transposed);
    }
    free(part->layers);
}

static void free_encoder(struct lic_network *network) {
    free_part(&network->analysis);
    free_convolution(&network->quick_look);
    network->analysis = (struct part){0};
    network->quick_look = (struct convolution){0};
}

void lic_network_close(struct lic_network *network) {
    if (!network) return;
    free_encoder(network);
    free_part(&network->synthesis);
    free_part(&network->predictors);
    free_part(&network->preview);
    free_part(&network->synthesis_back);
    free(network);
}

/* Where the weight from an input to an output lies: in blocks of outputs. */
static size_t packed_at(size_t output, size_t input, size_t depth) {
    return (output / BLOCK * depth + input) * BLOCK + output % BLOCK;
}

/* A 1x1 convolution; `transposed` is its slopes' way back. */
static struct convolution pack_1x1(struct reader *r, const float *weights, const float *bias, size_t outputs,
                                   size_t inputs, int transposed) {
    size_t from = transposed ? outputs : inputs, to = transposed ? inputs : outputs;
    struct convolution c = {padded(from), padded(to), zeros(r, padded(from) * padded(to)), zeros(r, padded(to))};
    if (r->failed) return c;
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            c.weights[transposed ? packed_at(i, o, c.depth) : packed_at(o, i, c.depth)] = weights[o * inputs + i];
    if (!transposed) memcpy(c.bias, bias, outputs * sizeof *bias);
    return c;
}

/* What a k x k convolution with a stride, or a sub-pixel one, is as a 3x3 one from cells to cells. */
struct shape {
    size_t inputs, outputs, k, stride, r;
    int takes_pixels, gives_pixels;
};

/* The 3x3 weights from a float of the input's cells to one of the output's; zeros where one of them is padding. */
static void kernel_of(const struct shape *s, const float *weights, size_t to, size_t from, double kernel[9]) {
    size_t of_input = position_depth(s->inputs, s->takes_pixels), of_output = position_depth(s->outputs, s->gives_pixels);
    size_t fine = to / of_output, o = to % of_output, group = from / of_input, i = from % of_input;
    int is_padding = fine >= s->r * s->r || o >= s->outputs || group >= s->stride * s->stride || i >= s->inputs;
    const float *pair = weights + (is_padding ? 0 : ((fine * s->outputs + o) * s->inputs + i) * s->k * s->k);
    for (size_t tap = 0; tap < 9; tap++) {
        /* The input in the cell `tap` of 3x3, at the place `group` in it; below 0 it wraps around. */
        size_t y = s->stride * (tap / 3) + group / s->stride + s->k / 2 - s->stride;
        size_t x = s->stride * (tap % 3) + group % s->stride + s->k / 2 - s->stride;
        kernel[tap] = !is_padding && y < s->k && x < s->k ? pair[y * s->k + x] : 0;
    }
}

/* A block of 3x3 kernels to the 36 points of F(4x4, 3x3), in double precision. */
static void transform_kernels(double kernels[9][BLOCK], float *points, size_t pitch) {
    static const double g[PATCH][3] = {
        {1. / 4, 0, 0},
        {-1. / 6, -1. / 6, -1. / 6},
        {-1. / 6, 1. / 6, -1. / 6},
        {1. / 24, 1. / 12, 1. / 6},
        {1. / 24, -1. / 12, 1. / 6},
        {0, 0, 1},
    };
    for (int row = 0; row < PATCH; row++) {
        double half[3][BLOCK];
        for (int k = 0; k < 3; k++)
            for (int lane = 0; lane < BLOCK; lane++)
                half[k][lane] = g[row][0] * kernels[k][lane] + g[row][1] * kernels[3 + k][lane] + g[row][2] * kernels[6 + k][lane];
        for (int column = 0; column < PATCH; column++) {
            const double *by = g[column];
            float *to = points + (size_t)(row * PATCH + column) * pitch;
            for (int lane = 0; lane < BLOCK; lane++)
                to[lane] = (float)(half[0][lane] * by[0] + half[1][lane] * by[1] + half[2][lane] * by[2]);
        }
    }
}

/* `transposed` is the slopes' way back. */
static struct convolution pack_3x3(struct reader *r, const float *weights, const float *bias, struct shape s,
                                   int transposed) {
    size_t finer = s.r * s.r, of_output = position_depth(s.outputs, s.gives_pixels);
    size_t inputs = cell_depth(s.stride, s.inputs, s.takes_pixels), outputs = cell_depth(s.r, s.outputs, s.gives_pixels);
    size_t depth = transposed ? outputs : inputs, results = transposed ? inputs : outputs, size = depth * results;
    struct convolution c = {depth, results, zeros(r, POINTS * size), zeros(r, results)};
    if (r->failed) return c;
    for (size_t o = 0; o < results; o += BLOCK)
        for (size_t i = 0; i < depth; i++) {
            double kernels[9][BLOCK], kernel[9];
            for (size_t lane = 0; lane < BLOCK; lane++) {
                kernel_of(&s, weights, transposed ? i : o + lane, transposed ? o + lane : i, kernel);
                for (int tap = 0; tap < 9; tap++) kernels[transposed ? 8 - tap : tap][lane] = kernel[tap];
            }
            transform_kernels(kernels, c.weights + packed_at(o, i, depth), size);
        }
    for (size_t o = 0; !transposed && o < finer * s.outputs; o++)
        c.bias[o / s.outputs * of_output + o % s.outputs] = bias[o];
    return c;
}

static float square_of_root(float root, double least) {
    double bound = sqrt(least + PEDESTAL), value = root > bound ? root : bound;
    return (float)(value * value - PEDESTAL);
}

static struct normalisation read_normalisation(struct reader *r, size_t channels, int inverse, int with_slopes) {
    struct normalisation n = {.channels = channels, .inverse = inverse};
    const float *beta = next_tensor(r, channels), *gamma = next_tensor(r, channels * channels);
    size_t depth = padded(channels);
    n.beta = zeros(r, depth);
    n.gamma = zeros(r, depth * depth);
    if (with_slopes) n.transposed = zeros(r, depth * depth);
    if (r->failed) return n;
    for (size_t o = 0; o < depth; o++) n.beta[o] = o < channels ? square_of_root(beta[o], MIN_BETA) : 1;
    for (size_t o = 0; o < channels; o++)
        for (size_t i = 0; i < channels; i++) {
            float value = square_of_root(gamma[o * channels + i], 0);
            n.gamma[packed_at(o, i, depth)] = value;
            if (with_slopes) n.transposed[packed_at(i, o, depth)] = value;
        }
    return n;
}

/* Reads a layer; `back`, unless NULL, becomes the one that takes slopes back through it. */
static void read_layer(struct reader *r, struct layer *l, struct layer *back, int takes_pixels, int gives_pixels) {
    size_t kind = next_size(r), inputs = next_size(r), outputs = next_size(r), k = next_size(r), scale = next_size(r);
    size_t normalised = next_size(r); /* 0: not, 1: divided, 2: multiplied */
    if (kind > PREDICTOR || !inputs || !outputs || scale < 1 || scale > DOWNSAMPLING || normalised > 2) fail(r);
    *l = (struct layer){.inputs = inputs, .channels = outputs, .stride = 1, .r = 1};
    l->takes_pixels = takes_pixels, l->gives_pixels = gives_pixels;
    if (kind <= SUB_PIXEL) {
        struct shape s = {inputs, outputs, k, 1, 1, takes_pixels, gives_pixels};
        *(kind == CONVOLUTION ? &s.stride : &s.r) = scale;
        if (k % 2 == 0 || k / 2 > s.stride) fail(r);
        const float *weights = next_tensor(r, s.r * s.r * outputs * inputs * k * k);
        const float *bias = next_tensor(r, s.r * s.r * outputs);
        if (r->failed) return;
        l->stride = s.stride, l->r = s.r;
        l->main = pack_3x3(r, weights, bias, s, 0);
        if (normalised) l->after = read_normalisation(r, outputs, normalised == 2, back != NULL);
        if (back) {
            *back = (struct layer){.inputs = outputs, .channels = inputs, .stride = s.r, .r = s.stride};
            back->takes_pixels = gives_pixels, back->gives_pixels = takes_pixels;
            back->main = pack_3x3(r, weights, bias, s, 1);
        }
        return;
    }
    size_t width = outputs;
    l->is_bottleneck = 1;
    l->channels = inputs;
    const float *reduce = next_tensor(r, width * inputs), *reduce_bias = next_tensor(r, width);
    const float *mix = next_tensor(r, 9 * width * width), *mix_bias = next_tensor(r, width);
    const float *expand = next_tensor(r, inputs * width), *expand_bias = next_tensor(r, inputs);
    const float *place = kind == PREDICTOR ? next_tensor(r, 4 * width) : NULL;
    if (r->failed) return;
    struct shape s = {width, width, 3, 1, 1, 0, 0};
    l->reduce = pack_1x1(r, reduce, reduce_bias, width, inputs, 0);
    l->main = pack_3x3(r, mix, mix_bias, s, 0);
    l->expand = pack_1x1(r, expand, expand_bias, inputs, width, 0);
    if (place) l->place = zeros(r, 4 * padded(width));
    for (size_t c = 0; place && !r->failed && c < 4 * width; c++) l->place[c % 4 * padded(width) + c / 4] = place[c];
    if (back) {
        *back = (struct layer){.is_bottleneck = 1, .inputs = inputs, .channels = inputs, .stride = 1, .r = 1};
        back->reduce = pack_1x1(r, expand, NULL, inputs, width, 1);
        back->main = pack_3x3(r, mix, NULL, s, 1);
        back->expand = pack_1x1(r, reduce, NULL, width, inputs, 1);
    }
}

/* The layers of a part, and from last to first those that take slopes back, unless `back` is NULL. */
static void read_part(struct reader *r, struct part *part, struct part *back, int from_pixels, int to_pixels) {
    size_t count = next_size(r);
    part->layers = calloc(count + 1, sizeof *part->layers);
    if (back) back->layers = calloc(count + 1, sizeof *back->layers);
    if (!part->layers || (back && !back->layers)) r->failed = OUT_OF_MEMORY;
    if (r->failed) return;
    part->count = count;
    if (back) back->count = count;
    for (size_t i = 0; i < count && !r->failed; i++)
        read_layer(r, part->layers + i, back ? back->layers + count - 1 - i : NULL, from_pixels && i == 0,
                   to_pixels && i == count - 1);
}

/* The kernel of the quick look, one or none, for the pixels of a window cell by cell. */
static void read_quick_look(struct reader *r, struct convolution *look, size_t latents) {
    if (next_size(r) == 0) return;
    size_t kind = next_size(r), inputs = next_size(r), outputs = next_size(r), k = next_size(r), stride = next_size(r);
    if (kind != CONVOLUTION || inputs != 3 || outputs != latents || k != WINDOW * LOOK_CELL || stride != DOWNSAMPLING) fail(r);
    if (next_size(r)) fail(r); /* normalised */
    const float *weights = next_tensor(r, outputs * 3 * k * k);
    if (r->failed) return;
    *look = (struct convolution){3 * k * k, padded(outputs), zeros(r, padded(outputs) * 3 * k * k), NULL};
    for (size_t o = 0; o < outputs && !r->failed; o++)
        for (size_t i = 0; i < look->depth; i++) {
            size_t cell = i / (3 * LOOK_CELL * LOOK_CELL), within = i / 3 % (LOOK_CELL * LOOK_CELL);
            size_t y = cell / WINDOW * LOOK_CELL + within / LOOK_CELL, x = cell % WINDOW * LOOK_CELL + within % LOOK_CELL;
            look->weights[packed_at(o, i, look->depth)] = weights[((o * 3 + i % 3) * k + y) * k + x];
        }
}

/* Each layer's input is the result of the one before. */
static int fit_together(const struct part *part, size_t inputs, size_t outputs) {
    for (size_t i = 0; i < part->count; i++) {
        if (part->layers[i].inputs != inputs) return 0;
        inputs = part->layers[i].channels;
    }
    return inputs == outputs;
}

/* A picture of a quarter of the width and height, which the last layer makes of the grid of latents. */
static int is_preview(const struct part *part, size_t latents) {
    for (size_t i = 0; i < part->count; i++)
        if (part->layers[i].stride != 1 || part->layers[i].r != (i + 1 < part->count ? 1 : DOWNSAMPLING / PREVIEW)) return 0;
    return fit_together(part, latents, 3);
}

static int is_sound(const struct lic_network *n) {
    size_t down = 1, up = 1;
    for (size_t i = 0; i < n->analysis.count; i++) down *= n->analysis.layers[i].stride;
    for (size_t i = 0; i < n->synthesis.count; i++) up *= n->synthesis.layers[i].r;
    for (size_t i = 0; i < n->predictors.count; i++)
        if (n->predictors.layers[i].inputs != n->latents || !n->predictors.layers[i].place) return 0;
    if (n->analysis.count && (down != DOWNSAMPLING || !fit_together(&n->analysis, 3, n->latents))) return 0;
    if (n->preview.count && !is_preview(&n->preview, n->latents)) return 0;
    if (n->analysis.count && (n->analysis.layers->stride == 1 || n->analysis.layers->is_bottleneck)) return 0;
    if (n->synthesis.count && n->synthesis.layers[n->synthesis.count - 1].r == 1) return 0;
    return up == DOWNSAMPLING && fit_together(&n->synthesis, n->latents, 3) &&
           (n->predictors.count == 0 || n->predictors.count == PHASES - 1) && n->analysis.count + n->synthesis.count < 40;
}

enum lic_result lic_network_open(const int32_t *sizes, size_t sizes_count, const float *values, size_t values_count,
                                 int with_slopes, struct lic_network **opened) {
    struct reader r = {sizes, sizes + sizes_count, values, values + values_count, 0};
    struct lic_network *n = calloc(1, sizeof *n);
    *opened = NULL;
    if (!n) return LIC_NO_MEMORY;
    unsigned mode = lic_round_to_nearest();
    read_part(&r, &n->analysis, NULL, 1, 0);
    read_part(&r, &n->synthesis, with_slopes ? &n->synthesis_back : NULL, 0, 1);
    read_part(&r, &n->predictors, NULL, 0, 0);
    read_part(&r, &n->preview, NULL, 0, 1);
    if (!r.failed && n->synthesis.count) n->latents = n->synthesis.layers->inputs;
    read_quick_look(&r, &n->quick_look, n->latents);
    lic_restore_rounding(mode);
    if (r.failed || r.sizes != r.sizes_end || r.values != r.values_end || !is_sound(n)) {
        lic_network_close(n);
        return r.failed == OUT_OF_MEMORY ? LIC_NO_MEMORY : LIC_BAD_ARGUMENT;
    }
    *opened = n;
    return LIC_OK;
}

enum lic_result network_add_encoder(struct lic_network *n, const int32_t *sizes, size_t sizes_count, const float *values,
                                    size_t values_count, int needs_quick_look) {
    struct reader r = {sizes, sizes + sizes_count, values, values + values_count, 0};
    if (n->analysis.count || n->quick_look.weights) return LIC_BAD_ARGUMENT;
    free_encoder(n); /* a list of no layers */
    unsigned mode = lic_round_to_nearest();
    read_part(&r, &n->analysis, NULL, 1, 0);
    read_quick_look(&r, &n->quick_look, n->latents);
    lic_restore_rounding(mode);
    if (!r.failed && r.sizes == r.sizes_end && r.values == r.values_end && is_sound(n) && n->analysis.count &&
        (n->quick_look.weights || !needs_quick_look))
        return LIC_OK;
    free_encoder(n);
    return r.failed == OUT_OF_MEMORY ? LIC_NO_MEMORY : LIC_BAD_ARGUMENT;
}

size_t lic_network_channels(const struct lic_network *network) { return network->latents; }
