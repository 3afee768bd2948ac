/* The kernels for vectors of LANES floats; included by a file for each width, which defines LANES and KERNELS. */

#include "kernels.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))

#if LANES == 1
typedef float vector;
typedef float unaligned;
INLINE vector all(float value) { return value; }
#else
typedef float vector __attribute__((vector_size(4 * LANES)));
typedef float unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
INLINE vector all(float value) { return value - (vector){0}; }
#endif

INLINE vector load(const float *at) { return *(const unaligned *)at; }
INLINE void store(float *at, vector value) { *(unaligned *)at = value; }

INLINE vector larger(vector v, vector least) {
#if LANES == 1
    return v > least ? v : least;
#else
    __typeof__(v > least) mask = v > least;
    return (vector)((mask & (__typeof__(mask))v) | (~mask & (__typeof__(mask))least));
#endif
}

INLINE vector root(vector v) {
#if LANES == 1
    return __builtin_sqrtf(v);
#elif LANES == 16
    return (vector)_mm512_sqrt_ps((__m512)v);
#elif LANES == 8
    return (vector)_mm256_sqrt_ps((__m256)v);
#elif defined(__SSE2__)
    return (vector)_mm_sqrt_ps((__m128)v);
#elif defined(__aarch64__)
    return (vector)vsqrtq_f32((float32x4_t)v);
#elif defined(__wasm_simd128__)
    return __builtin_wasm_sqrt_f32x4(v);
#else
    for (int i = 0; i < LANES; i++) v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

/* ---- products of matrices ---- */

#if LANES == 16
enum { ROWS = 8, SECOND = BLOCK };
#elif LANES == 8
enum { ROWS = 6, SECOND = LANES };
#else
enum { ROWS = 4, SECOND = LANES };
#endif

/* Some rows of two vectors of outputs. `next` is from the weights of the first vector to those of the second. */
INLINE void multiply_rows(const int rows, const int ahead, const float *x, size_t pitch, size_t inputs,
                          const float *weights, size_t next, const float *start, float *out, size_t out_pitch) {
    vector sums[ROWS][2];
    vector left = start ? load(start) : all(0), right = start ? load(start + SECOND) : all(0);
    for (int k = 0; k < rows; k++) sums[k][0] = left, sums[k][1] = right;
    for (size_t i = 0; i < inputs; i++, weights += BLOCK) {
        left = load(weights), right = load(weights + next);
        if (ahead) __builtin_prefetch(weights + BLOCK * inputs, 0, 2);
        for (int k = 0; k < rows; k++) {
            vector value = all(x[k * pitch + i]);
            sums[k][0] += value * left;
            sums[k][1] += value * right;
        }
    }
    for (int k = 0; k < rows; k++) {
        store(out + k * out_pitch, sums[k][0]);
        store(out + k * out_pitch + SECOND, sums[k][1]);
    }
}

INLINE void multiply_one(const float *x, size_t inputs, const float *weights, const float *start, float *out) {
    vector sum = start ? load(start) : all(0);
    for (size_t i = 0; i < inputs; i++) sum += all(x[i]) * load(weights + i * BLOCK);
    store(out, sum);
}

static void multiply(const float *x, size_t pitch, size_t positions, size_t inputs, const float *weights,
                     size_t outputs, const float *start, float *out, size_t out_pitch) {
    size_t o = 0;
    for (; o + SECOND + LANES <= outputs; o += LANES == 16 ? 2 * BLOCK : 2 * LANES) {
        const float *w = weights + o / BLOCK * BLOCK * inputs + o % BLOCK, *from = start ? start + o : NULL;
        size_t next = LANES == 16 ? BLOCK * inputs : LANES, i = 0;
        if (i + ROWS <= positions) {
            multiply_rows(ROWS, 1, x, pitch, inputs, w, next, from, out + o, out_pitch);
            i = ROWS;
        }
        for (; i + ROWS <= positions; i += ROWS)
            multiply_rows(ROWS, 0, x + i * pitch, pitch, inputs, w, next, from, out + i * out_pitch + o, out_pitch);
        for (; i < positions; i++)
            multiply_rows(1, 0, x + i * pitch, pitch, inputs, w, next, from, out + i * out_pitch + o, out_pitch);
    }
    for (; o < outputs; o += LANES)
        for (size_t i = 0; i < positions; i++)
            multiply_one(x + i * pitch, inputs, weights + o / BLOCK * BLOCK * inputs + o % BLOCK, start ? start + o : NULL,
                         out + i * out_pitch + o);
}

/* ---- Winograd's transforms ---- */

INLINE void transform_six(vector v[PATCH]) {
    vector v0 = v[0], v1 = v[1], v2 = v[2], v3 = v[3], v4 = v[4], v5 = v[5], four = all(4), five = all(5);
    vector even = v4 - four * v2, odd = v3 - four * v1, even2 = v4 - v2, odd2 = v3 - v1;
    odd2 = odd2 + odd2;
    v[0] = four * v0 - five * v2 + v4;
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
    v[5] = four * v1 - five * v3 + v5;
}

static void transform(const float *const patch[POINTS], size_t channels, float *points, size_t pitch) {
    for (size_t channel = 0; channel < channels; channel += LANES) {
        vector columns[PATCH][PATCH];
        for (int j = 0; j < PATCH; j++) {
            vector v[PATCH];
            for (int i = 0; i < PATCH; i++) v[i] = load(patch[i * PATCH + j] + channel);
            transform_six(v);
            for (int i = 0; i < PATCH; i++) columns[i][j] = v[i];
        }
        for (int i = 0; i < PATCH; i++) {
            transform_six(columns[i]);
            for (int j = 0; j < PATCH; j++) store(points + (size_t)(i * PATCH + j) * pitch + channel, columns[i][j]);
        }
    }
}

INLINE void transform_four(const vector v[PATCH], vector out[TILE]) {
    vector plus = v[1] + v[2], minus = v[1] - v[2], plus2 = v[3] + v[4], minus2 = v[3] - v[4];
    out[0] = v[0] + plus + plus2;
    out[1] = minus + all(2) * minus2;
    out[2] = plus + all(4) * plus2;
    out[3] = minus + all(8) * minus2 + v[5];
}

static void transform_back(const float *points, size_t pitch, size_t channels, const float *bias, float least,
                           float *out, size_t out_pitch) {
    for (size_t channel = 0; channel < channels; channel += LANES) {
        vector half[TILE][PATCH], of_channel = load(bias + channel);
        for (int j = 0; j < PATCH; j++) {
            vector v[PATCH], four[TILE];
            for (int i = 0; i < PATCH; i++) v[i] = load(points + (size_t)(i * PATCH + j) * pitch + channel);
            transform_four(v, four);
            for (int i = 0; i < TILE; i++) half[i][j] = four[i];
        }
        for (int i = 0; i < TILE; i++) {
            vector four[TILE];
            transform_four(half[i], four);
            for (int j = 0; j < TILE; j++)
                store(out + (size_t)(i * TILE + j) * out_pitch + channel, larger(four[j] + of_channel, all(least)));
        }
    }
}

/* ---- one by one ---- */

static void rectify(float *x, size_t count) {
    for (size_t i = 0; i < count; i += LANES) store(x + i, larger(load(x + i), all(0)));
}

static void add(const float *x, const float *y, float *to, size_t count) {
    for (size_t i = 0; i < count; i += LANES) store(to + i, load(x + i) + load(y + i));
}

static void square(const float *x, float *to, size_t count) {
    for (size_t i = 0; i < count; i += LANES) store(to + i, load(x + i) * load(x + i));
}

static void scale_up(const float *x, const float *pool, float *to, size_t count) {
    for (size_t i = 0; i < count; i += LANES) store(to + i, load(x + i) * root(load(pool + i)));
}

static void scale_down(const float *x, const float *pool, float *to, size_t count) {
    for (size_t i = 0; i < count; i += LANES) store(to + i, load(x + i) / root(load(pool + i)));
}

static void to_levels(const float *x, uint8_t *levels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float level = (x[i] + .5f) * 255;
        level = level > 0 ? level : 0; /* also for what is no number */
        level = level < 255 ? level : 255;
        const float shift = 8388608; /* 2^23: behind it no fractions are left */
        level = level + shift - shift;
        levels[i] = (uint8_t)level;
    }
}

/* ---- the filter ---- */

/* Vectors no longer than the row of a block. */
#if LANES == 16
enum { SHORT = FILTER_COLUMNS };
typedef float short_vector __attribute__((vector_size(4 * SHORT)));
typedef float short_unaligned __attribute__((vector_size(4 * SHORT), aligned(4), may_alias));
INLINE short_vector same(float value) { return value - (short_vector){0}; }
#else
enum { SHORT = LANES };
typedef vector short_vector;
typedef unaligned short_unaligned;
INLINE short_vector same(float value) { return all(value); }
#endif

INLINE short_vector load_short(const float *at) { return *(const short_unaligned *)at; }
INLINE void store_short(float *at, short_vector value) { *(short_unaligned *)at = value; }

INLINE short_vector absolute(short_vector v) {
#if LANES == 1
    return __builtin_fabsf(v);
#else
    typedef int32_t bits __attribute__((vector_size(4 * SHORT)));
    return (short_vector)((bits)v & 0x7fffffff);
#endif
}

static void bend(const float *x, size_t pitch, float sums[4]) {
    const ptrdiff_t down = (ptrdiff_t)pitch, steps[4] = {down, 1, down + 1, down - 1};
    short_vector of_lanes[4] = {same(0), same(0), same(0), same(0)};
    for (ptrdiff_t y = -1; y <= FILTER_ROWS; y++)
        for (ptrdiff_t column = 0; column < FILTER_COLUMNS; column += SHORT) {
            const float *at = x + y * down + column;
            short_vector twice = load_short(at) + load_short(at);
            for (int i = 0; i < 4; i++)
                of_lanes[i] += absolute(twice - (load_short(at - steps[i]) + load_short(at + steps[i])));
        }
    for (int i = 0; i < 4; i++) {
        float lanes[SHORT];
        store_short(lanes, of_lanes[i]);
        sums[i] = 0;
        for (int k = 0; k < SHORT; k++) sums[i] += lanes[k];
    }
}

/* Differences of at most a limit are halves of |d + limit| - |d - limit|. */
static void weigh(const float *x, size_t pitch, const float *weights, float limit, float sums[FILTER_BLOCK]) {
    const ptrdiff_t p = (ptrdiff_t)pitch;
    const ptrdiff_t places[FILTER_TAPS] = {1, 2, 3, p - 2, p - 1, p, p + 1, p + 2, 2 * p - 1, 2 * p, 2 * p + 1, 3 * p,
                                           1, 2, p - 1, p, p + 1, 2 * p};
    for (ptrdiff_t i = 0; i < FILTER_BLOCK; i += SHORT) {
        const float *at = x + i / FILTER_COLUMNS * p + i % FILTER_COLUMNS;
        short_vector own = load_short(at), twice = own + own, low = own - same(limit), high = own + same(limit);
        short_vector plain = same(0), constrained = same(0);
        for (int k = 0; k < FILTER_PLAIN; k++)
            plain += same(weights[k]) * (load_short(at - places[k]) + load_short(at + places[k]) - twice);
        for (int k = FILTER_PLAIN; k < FILTER_TAPS; k++) {
            short_vector before = load_short(at - places[k]), after = load_short(at + places[k]);
            constrained += same(weights[k]) * (absolute(before - low) - absolute(before - high) +
                                               (absolute(after - low) - absolute(after - high)));
        }
        store_short(sums + i, plain + same(.5f) * constrained);
    }
}

const struct lic_kernels KERNELS = {
    NAME, multiply, transform, transform_back, rectify, add, square, scale_up, scale_down, to_levels, bend, weigh,
};
