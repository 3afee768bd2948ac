/* The layers of FORMAT.md's section 4, in float32.

   An array of activations is rows x columns x channels, the channels rounded up to a multiple of four, with zeros in
   the rest: so a vector holds four channels of one position. Kernels are packed by `pack_1x1` and `pack_3x3` for blocks
   of eight outputs. 3x3 convolutions are Winograd's F(4x4, 3x3): six by six inputs make four by four outputs with 36
   multiplications instead of 144. */

#include "memory.h"

#include <string.h>

typedef float vector __attribute__((vector_size(16), aligned(16)));

enum {
    LANES = 4,
    BLOCK = 2 * LANES, /* outputs computed together */
    GROUP = 4,         /* positions computed together */
    TILE = 4,          /* outputs of Winograd's, in each direction */
    PATCH = TILE + 2,  /* and its inputs */
    POINTS = PATCH * PATCH,
    TILES = 32,  /* transformed together, so that they stay in the cache */
    PART = 128,  /* outputs of them at a time, likewise */
    PLACES = 64, /* positions of a normalisation squared together */
};

enum end { PLAIN, RELU, ADD }; /* what is done with a convolution's result: ADD adds it to what is there */

static size_t rounded(size_t channels, size_t to) { return (channels + to - 1) / to * to; }

static vector load(const float *at) { return *(const vector *)at; }
static void store(float *at, vector value) { *(vector *)at = value; }
static vector all(float value) { return (vector){value, value, value, value}; }
static vector positive(vector v) { return (vector)((v > 0) & (__typeof__(v > 0))v); }

static vector square_root(vector v) {
#ifdef __wasm_simd128__
    return __builtin_wasm_sqrt_f32x4(v);
#else
    for (int i = 0; i < LANES; i++) v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

/* ---- products of matrices ---- */

struct sums {
    vector of[GROUP][2];
};

/* `count` inputs at each of four positions, which are `pitch` apart, times a packed block of weights. */
static inline __attribute__((always_inline)) struct sums multiply(const float *x, size_t pitch, size_t count,
                                                                  const float *weights) {
    vector a0 = all(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    const float *a = x, *b = x + pitch, *c = x + 2 * pitch, *d = x + 3 * pitch;
    for (size_t i = 0; i < count; i++, weights += BLOCK) {
        vector left = load(weights), right = load(weights + LANES), value;
        value = all(a[i]), a0 += value * left, a1 += value * right;
        value = all(b[i]), b0 += value * left, b1 += value * right;
        value = all(c[i]), c0 += value * left, c1 += value * right;
        value = all(d[i]), d0 += value * left, d1 += value * right;
    }
    return (struct sums){{{a0, a1}, {b0, b1}, {c0, c1}, {d0, d1}}};
}

EXPORT(packed_1x1_size) size_t packed_1x1_size(size_t outputs, size_t inputs) {
    return rounded(outputs, BLOCK) * inputs * sizeof(float);
}

/* Packed as outputs / 8 x inputs x 8; `weights` are outputs x inputs. */
EXPORT(pack_1x1) void pack_1x1(const float *weights, size_t outputs, size_t inputs, float *packed) {
    memset(packed, 0, packed_1x1_size(outputs, inputs));
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            packed[(o / BLOCK * inputs + i) * BLOCK + o % BLOCK] = weights[o * inputs + i];
}

/* A convolution 1x1 of `count` positions, a multiple of four; behind the arrays' ends there must be room for it. */
EXPORT(convolve_1x1) void convolve_1x1(const float *x, size_t count, size_t inputs, const float *packed,
                                       const float *bias, size_t outputs, int end, float *out) {
    size_t pitch = rounded(inputs, LANES), width = rounded(outputs, LANES);
    for (size_t o = 0; o < width; o += BLOCK)
        for (size_t at = 0; at < count; at += GROUP) {
            struct sums sums = multiply(x + at * pitch, pitch, inputs, packed + o * inputs);
            for (size_t half = 0; half < 2 && o + half * LANES < width; half++)
                for (size_t i = 0; i < GROUP; i++) {
                    float *to = out + (at + i) * width + o + half * LANES;
                    vector v = sums.of[i][half] + load(bias + o + half * LANES);
                    store(to, end == ADD ? load(to) + v : end == RELU ? positive(v) : v);
                }
        }
}

/* x sqrt(beta + gamma x^2), in place; the room is as above. */
EXPORT(normalise) void normalise(float *x, size_t count, size_t channels, const float *gamma, const float *beta,
                                 float *scratch) {
    size_t width = rounded(channels, LANES);
    for (size_t start = 0; start < count; start += PLACES, x += PLACES * width) {
        size_t places = count - start < PLACES ? rounded(count - start, GROUP) : PLACES;
        for (size_t i = 0; i < places * width; i += LANES) store(scratch + i, load(x + i) * load(x + i));
        for (size_t o = 0; o < width; o += BLOCK)
            for (size_t at = 0; at < places; at += GROUP) {
                struct sums sums = multiply(scratch + at * width, width, channels, gamma + o * channels);
                for (size_t half = 0; half < 2 && o + half * LANES < width; half++)
                    for (size_t i = 0; i < GROUP; i++) {
                        float *at_x = x + (at + i) * width + o + half * LANES;
                        vector sum = sums.of[i][half] + load(beta + o + half * LANES);
                        store(at_x, load(at_x) * square_root(sum));
                    }
            }
    }
}

EXPORT(normalise_scratch) size_t normalise_scratch(size_t channels) {
    return PLACES * rounded(channels, LANES) * sizeof(float);
}

/* ---- convolutions 3x3 ---- */

/* An output channel (a r + b) D + d of a sub-pixel convolution stands, packed, where D is a multiple of four. */
static size_t packed_place(size_t output, size_t depth) {
    return output / depth * rounded(depth, LANES) + output % depth;
}

static size_t packed_outputs(size_t r, size_t depth) { return r * r * rounded(depth, LANES); }

/* Packed weights, for one of the 36 points. */
static size_t point_size(size_t r, size_t depth, size_t inputs) {
    return rounded(packed_outputs(r, depth), BLOCK) * inputs;
}

EXPORT(packed_3x3_size) size_t packed_3x3_size(size_t r, size_t depth, size_t inputs) {
    return POINTS * point_size(r, depth, inputs) * sizeof(float);
}

/* Packed as 36 x outputs / 8 x inputs x 8; `weights` are outputs x inputs x 3 x 3 with r * r * depth outputs. */
EXPORT(pack_3x3) void pack_3x3(const float *weights, size_t r, size_t depth, size_t inputs, float *packed) {
    static const double g[PATCH][3] = {
        {1. / 4, 0, 0},
        {-1. / 6, -1. / 6, -1. / 6},
        {-1. / 6, 1. / 6, -1. / 6},
        {1. / 24, 1. / 12, 1. / 6},
        {1. / 24, -1. / 12, 1. / 6},
        {0, 0, 1},
    };
    size_t outputs = r * r * depth, size = point_size(r, depth, inputs);
    memset(packed, 0, packed_3x3_size(r, depth, inputs));
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++, weights += 9) {
            size_t place = packed_place(o, depth);
            float *to = packed + (place / BLOCK * inputs + i) * BLOCK + place % BLOCK;
            for (int row = 0; row < PATCH; row++) {
                double half[3];
                for (int k = 0; k < 3; k++)
                    half[k] = g[row][0] * weights[k] + g[row][1] * weights[3 + k] + g[row][2] * weights[6 + k];
                for (int column = 0; column < PATCH; column++) {
                    const double *by = g[column];
                    double value = half[0] * by[0] + half[1] * by[1] + half[2] * by[2];
                    to[(size_t)(row * PATCH + column) * size] = (float)value;
                }
            }
        }
}

/* Six values in a row or a column of a patch, transformed in place. */
static inline __attribute__((always_inline)) void transform_six(vector *v, size_t step) {
    vector v0 = v[0], v1 = v[step], v2 = v[2 * step], v3 = v[3 * step], v4 = v[4 * step], v5 = v[5 * step];
    vector four = all(4), two = all(2), even = v4 - four * v2, odd = v3 - four * v1;
    vector even2 = v4 - v2, odd2 = two * (v3 - v1);
    v[0] = four * v0 - all(5) * v2 + v4;
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = even2 + odd2;
    v[4 * step] = even2 - odd2;
    v[5 * step] = four * v1 - all(5) * v3 + v5;
}

/* Six values to the four outputs. */
static inline __attribute__((always_inline)) void transform_back(const vector *v, size_t step, vector out[TILE]) {
    vector plus = v[step] + v[2 * step], minus = v[step] - v[2 * step];
    vector plus2 = v[3 * step] + v[4 * step], minus2 = v[3 * step] - v[4 * step];
    out[0] = v[0] + plus + plus2;
    out[1] = minus + all(2) * minus2;
    out[2] = plus + all(4) * plus2;
    out[3] = minus + all(8) * minus2 + v[5 * step];
}

struct picture {
    size_t rows, columns;
};

/* The transformed patch of one tile to point x tile x channel. Outside the picture all is zero. */
static void transform_tile(const float *x, struct picture p, size_t width, size_t tile_row, size_t tile_column,
                           float *points) {
    size_t top = tile_row * TILE, left = tile_column * TILE; /* of the outputs: the patch begins one before */
    for (size_t channel = 0; channel < width; channel += LANES) {
        vector patch[POINTS];
        for (size_t i = 0; i < PATCH; i++)
            for (size_t j = 0; j < PATCH; j++) {
                size_t y = top + i - 1, column = left + j - 1; /* -1 wraps around to a large number */
                int inside = y < p.rows && column < p.columns;
                patch[i * PATCH + j] = inside ? load(x + (y * p.columns + column) * width + channel) : all(0);
            }
        for (size_t i = 0; i < PATCH; i++) transform_six(patch + i, PATCH);
        for (size_t i = 0; i < PATCH; i++) transform_six(patch + i * PATCH, 1);
        for (size_t i = 0; i < POINTS; i++) store(points + i * TILES * width + channel, patch[i]);
    }
}

/* How the results of a convolution 3x3 are written. */
struct target {
    float *out;
    const float *bias; /* in the order of packed outputs */
    size_t r, width;   /* each group of `width` outputs is one of r x r positions */
    int end;
};

/* Four packed outputs of one tile, from its 36 products, which are `pitch` apart. */
static void write_tile(const struct target *t, struct picture p, size_t tile_row, size_t tile_column,
                       const float *products, size_t pitch, size_t output) {
    vector points[POINTS], half[TILE * PATCH], line[TILE], bias = load(t->bias + output);
    size_t group = output / t->width, channel = output % t->width, a = group / t->r, b = group % t->r;
    size_t columns = p.columns * t->r;
    for (size_t i = 0; i < POINTS; i++) points[i] = load(products + i * pitch);
    for (size_t j = 0; j < PATCH; j++) {
        transform_back(points + j, PATCH, line);
        for (size_t i = 0; i < TILE; i++) half[i * PATCH + j] = line[i];
    }
    for (size_t i = 0; i < TILE && tile_row * TILE + i < p.rows; i++) {
        transform_back(half + i * PATCH, 1, line);
        size_t y = (tile_row * TILE + i) * t->r + a;
        for (size_t j = 0; j < TILE && tile_column * TILE + j < p.columns; j++) {
            size_t x = (tile_column * TILE + j) * t->r + b;
            vector v = line[j] + bias;
            store(t->out + (y * columns + x) * t->width + channel, t->end == RELU ? positive(v) : v);
        }
    }
}

EXPORT(convolve_3x3_scratch) size_t convolve_3x3_scratch(size_t inputs) {
    return POINTS * TILES * (rounded(inputs, LANES) + PART) * sizeof(float);
}

/* A convolution 3x3 with zero padding, whose outputs are moved to an r times finer grid. */
EXPORT(convolve_3x3) void convolve_3x3(const float *x, size_t rows, size_t columns, size_t inputs, const float *packed,
                                       const float *bias, size_t r, size_t depth, int end, float *out,
                                       float *scratch) {
    struct picture p = {rows, columns};
    struct target target = {out, bias, r, rounded(depth, LANES), end};
    size_t outputs = packed_outputs(r, depth), width = rounded(inputs, LANES);
    size_t weights_pitch = point_size(r, depth, inputs);
    size_t tile_columns = (columns + TILE - 1) / TILE, tiles = (rows + TILE - 1) / TILE * tile_columns;
    float *points = scratch, *products = scratch + POINTS * TILES * width;
    for (size_t first = 0; first < tiles; first += TILES) {
        size_t count = tiles - first < TILES ? tiles - first : TILES;
        for (size_t i = 0; i < count; i++)
            transform_tile(x, p, width, (first + i) / tile_columns, (first + i) % tile_columns, points + i * width);
        for (size_t part = 0; part < outputs; part += PART) {
            size_t size = outputs - part < PART ? outputs - part : PART;
            for (size_t point = 0; point < POINTS; point++)
                for (size_t o = 0; o < size; o += BLOCK) {
                    const float *weights = packed + point * weights_pitch + (part + o) * inputs;
                    for (size_t i = 0; i < count; i += GROUP) {
                        struct sums sums = multiply(points + (point * TILES + i) * width, width, inputs, weights);
                        for (size_t k = 0; k < GROUP; k++)
                            for (size_t half = 0; half < 2; half++)
                                store(products + (point * TILES + i + k) * PART + o + half * LANES, sums.of[k][half]);
                    }
                }
            for (size_t i = 0; i < count; i++)
                for (size_t o = 0; o < size; o += LANES)
                    write_tile(&target, p, (first + i) / tile_columns, (first + i) % tile_columns,
                               products + i * PART + o, TILES * PART, part + o);
        }
    }
}

/* ---- latents and pixels ---- */

static const size_t place_of[2][2] = {{0, 2}, {3, 1}};

static size_t phase_of(size_t row, size_t column, size_t channel) {
    return (place_of[row % 2][column % 2] - channel) % 4; /* wraps around to the right one */
}

/* Symbols of one channel, from row `top` on, as scaled latents. */
static void scale_channel(const int32_t *symbols, size_t count, float scale, float *latents, size_t width) {
    for (size_t i = 0; i < count; i++) latents[i * width] = (float)symbols[i] * scale;
}

/* Symbols (channels x positions) to latents (positions x channels), times a scale for each channel. */
EXPORT(scale_symbols) void scale_symbols(const int32_t *symbols, size_t positions, size_t channels, const float *scales,
                                         float *latents) {
    size_t width = rounded(channels, LANES);
    for (size_t c = 0; c < width; c++)
        if (c < channels)
            scale_channel(symbols + c * positions, positions, scales[c], latents + c, width);
        else
            for (size_t i = 0; i < positions; i++) latents[i * width + c] = 0;
}

/* Add expected latents, times their trust, to those of one phase. */
EXPORT(add_expected) void add_expected(float *latents, const float *expected, size_t rows, size_t columns,
                                       size_t channels, size_t phase, const float *trust) {
    size_t width = rounded(channels, LANES);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++, latents += width, expected += width)
            for (size_t c = 0; c < channels; c++)
                if (phase_of(y, x, c) == phase) latents[c] += trust[c] * expected[c];
}

/* Latents of phases before `phase`, and zeros. */
EXPORT(keep_earlier) void keep_earlier(const float *latents, size_t rows, size_t columns, size_t channels, size_t phase,
                                       float *known) {
    size_t width = rounded(channels, LANES);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++, latents += width, known += width)
            for (size_t c = 0; c < width; c++) known[c] = phase_of(y, x, c) < phase ? latents[c] : 0;
}

/* relu(x + place), `place` being 2 x 2 x channels, for the parity of row and column. */
EXPORT(add_place) void add_place(float *x, size_t rows, size_t columns, size_t channels, const float *place) {
    size_t width = rounded(channels, LANES);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++, x += width)
            for (size_t c = 0; c < width; c += LANES)
                store(x + c, positive(load(x + c) + load(place + (row % 2 * 2 + column % 2) * width + c)));
}

/* A rectangle of positions of a larger array. */
EXPORT(cut_out) void cut_out(const float *x, size_t columns, size_t channels, size_t top, size_t left, size_t height,
                             size_t width, float *out) {
    size_t depth = rounded(channels, LANES);
    for (size_t y = 0; y < height; y++)
        memcpy(out + y * width * depth, x + ((top + y) * columns + left) * depth, width * depth * sizeof *x);
}

static uint8_t grey_level(float value) {
    float level = __builtin_rintf((value + .5f) * 255);
    return !(level > 0) ? 0 : level > 255 ? 255 : (uint8_t)level; /* 0 also for what is no number */
}

/* Pixels (R, G, B, 255) of a rectangle of the network's output, to a rectangle of a picture with so many columns. */
EXPORT(paint) void paint(const float *x, size_t columns, size_t top, size_t left, size_t height, size_t width, int grey,
                         uint8_t *pixels, size_t pixel_columns) {
    for (size_t row = 0; row < height; row++)
        for (size_t column = 0; column < width; column++) {
            const float *from = x + ((top + row) * columns + left + column) * LANES;
            uint8_t *to = pixels + (row * pixel_columns + column) * 4;
            for (int c = 0; c < 3; c++) to[c] = grey_level(from[c]);
            if (grey) to[0] = to[1] = to[2] = (uint8_t)((19595 * to[0] + 38470 * to[1] + 7471 * to[2] + 32768) >> 16);
            to[3] = 255;
        }
}
