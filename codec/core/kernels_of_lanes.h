/* The kernels for vectors of LANES floats; included by a file for each width, which defines LANES and KERNELS. */

#include "kernels.h"

#if defined(__SSE2__)
#include <immintrin.h>
#if defined(_MSC_VER) /* clang-cl leaves these out, unless all of the file is for such processors */
#include <smmintrin.h>
#include <avxintrin.h>
#include <avx2intrin.h>
#include <avx512fintrin.h>
#endif
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
        level = level > 0 ? level : 0; /* also NaN */
        level = level < 255 ? level : 255;
        const float shift = 8388608; /* 2^23: behind it no fractions are left */
        level = level + shift - shift;
        levels[i] = (uint8_t)level;
    }
}

/* ---- the filter ---- */

/* NaN becomes the least. */
INLINE vector within(vector v, vector least, vector most) {
#if LANES == 1
    v = v > least ? v : least;
    return v < most ? v : most;
#elif LANES == 16
    return (vector)_mm512_min_ps(_mm512_max_ps((__m512)v, (__m512)least), (__m512)most);
#elif LANES == 8
    return (vector)_mm256_min_ps(_mm256_max_ps((__m256)v, (__m256)least), (__m256)most);
#elif defined(__SSE2__)
    return (vector)_mm_min_ps(_mm_max_ps((__m128)v, (__m128)least), (__m128)most);
#elif defined(__aarch64__)
    return (vector)vminnmq_f32(vmaxnmq_f32((float32x4_t)v, (float32x4_t)least), (float32x4_t)most);
#elif defined(__wasm_simd128__)
    return __builtin_wasm_pmin_f32x4(most, __builtin_wasm_pmax_f32x4(least, v));
#else
    return -larger(-larger(v, least), -most);
#endif
}

INLINE vector absolute(vector v) {
#if LANES == 1
    return __builtin_fabsf(v);
#else
    typedef int32_t bits __attribute__((vector_size(4 * LANES)));
    return (vector)((bits)v & 0x7fffffff);
#endif
}

INLINE vector rounded_level(vector v) {
    const vector shift = all(8388608); /* 2^23: behind it no fractions are left */
    return within(v, all(0), all(255)) + shift - shift;
}

static void find_levels(const float *x, float *levels, size_t count) {
    for (size_t i = 0; i < count; i += LANES) store(levels + i, rounded_level((load(x + i) + all(.5f)) * all(255)));
}

/* A quarter of the last digit is added, so no value lies between two levels. */
static void move_levels(const float *levels, const float *sums, float *to, size_t count) {
    const vector unit = all(1.f / FILTER_ONE), quarter = all(.25f / FILTER_ONE);
    for (size_t i = 0; i < count; i += LANES)
        store(to + i, rounded_level(load(levels + i) + (load(sums + i) * unit + quarter)) / all(255) - all(.5f));
}

#if LANES >= 8 /* vectors of sixteen are longer than a block's rows */
#define bend lic_bend_8
#define weigh lic_weigh_8
void bend(const float *, size_t, float[4]);
void weigh(const float *, size_t, const float *, float, float[FILTER_BLOCK]);
#define OF_BLOCKS
#else
#define OF_BLOCKS static
#endif

#if LANES <= 8
OF_BLOCKS void bend(const float *x, size_t pitch, float sums[4]) {
    const ptrdiff_t down = (ptrdiff_t)pitch, steps[4] = {down, 1, down + 1, down - 1};
    vector of_lanes[4] = {all(0), all(0), all(0), all(0)};
    for (ptrdiff_t y = -1; y <= FILTER_ROWS; y++)
        for (ptrdiff_t column = 0; column < FILTER_COLUMNS; column += LANES) {
            const float *at = x + y * down + column;
            vector twice = load(at) + load(at);
            for (int i = 0; i < 4; i++) of_lanes[i] += absolute(twice - (load(at - steps[i]) + load(at + steps[i])));
        }
    for (int i = 0; i < 4; i++) {
        float lanes[LANES];
        store(lanes, of_lanes[i]);
        sums[i] = 0;
        for (int k = 0; k < LANES; k++) sums[i] += lanes[k];
    }
}

/* Rises to twice the limit, and falls to 0 at three times the limit. */
INLINE vector constrained(vector difference, float limit) {
    vector near = within(difference, all(-limit), all(limit));
    return near + near + near - within(difference, all(-3 * limit), all(3 * limit));
}

OF_BLOCKS void weigh(const float *x, size_t pitch, const float *weights, float limit, float sums[FILTER_BLOCK]) {
    static const int neighbours[FILTER_PAIRS][2] = FILTER_NEIGHBOURS;
    ptrdiff_t p = (ptrdiff_t)pitch, places[FILTER_PAIRS];
    for (int k = 0; k < FILTER_PAIRS; k++) places[k] = neighbours[k][0] * p + neighbours[k][1];
    for (ptrdiff_t i = 0; i < FILTER_BLOCK; i += LANES) {
        const float *at = x + i / FILTER_COLUMNS * p + i % FILTER_COLUMNS;
        vector own = load(at), sum = all(0);
        for (int k = 0; k < FILTER_PAIRS; k++) {
            vector before = load(at - places[k]) - own, after = load(at + places[k]) - own;
            sum += all(weights[k]) * (before + after);
            sum += all(weights[FILTER_PAIRS + k]) * (constrained(before, limit) + constrained(after, limit));
        }
        store(sums + i, sum);
    }
}
#endif

const struct lic_kernels KERNELS = {
    NAME, multiply, transform, transform_back, rectify, add, square, scale_up, scale_down, to_levels,
    find_levels, move_levels, bend, weigh,
};
