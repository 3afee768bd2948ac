/* Packed models, as codec/model/packed.py writes them, and what they are at a rate position: core.h. */

#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "core.h"
#include "tables.h"

#define MAGIC (size_t)('L' | 'I' << 8 | 'C' << 16 | 'M' << 24)

#define FILTER_SIZE (size_t)(FILTER_CLASSES * FILTER_PLANES * FILTER_TAPS)

/* In the order of the file. Those that a model does not have are empty. */
enum { LAYERS, HEIGHTS, STEPS, UNIT_OF, RESTORE, TRUST, FILTER, WEIGHTS, THRESHOLDS, INDEX, LIBRARY, LIBRARY_STEPS, EARLIER, SCALES, ARRAYS };

static const size_t sizes_of[ARRAYS] = {4, 4, 4, 8, 4, 4, 2, 4, 8, 1, 4, 4, 1, 1}; /* bytes of a number */

struct array {
    size_t count;
    void *values;
};

struct lic_model {
    uint8_t fingerprint[FINGERPRINT_BYTES];
    struct lic_network *network;
    size_t channels, points;
    struct array arrays[ARRAYS];
};

/* ---- reading ---- */

struct reader {
    const uint8_t *at, *end;
    enum lic_result result;
};

static size_t next_number(struct reader *r) {
    if (r->end - r->at < 4) r->result = LIC_CORRUPT;
    if (r->result) return 0;
    r->at += 4;
    return (size_t)r->at[-4] | (size_t)r->at[-3] << 8 | (size_t)r->at[-2] << 16 | (size_t)r->at[-1] << 24;
}

/* An array: how many numbers, and their bytes, those of lowest significance first. */
static struct array next_array(struct reader *r, size_t size) {
    struct array array = {next_number(r), NULL};
    if (!r->result && array.count > (size_t)(r->end - r->at) / size) r->result = LIC_CORRUPT;
    if (!r->result && !(array.values = calloc(array.count + 1, size))) r->result = LIC_NO_MEMORY;
    if (r->result) return array;
    for (size_t i = 0; i < array.count; i++) {
        uint64_t bits = 0;
        for (size_t byte = 0; byte < size; byte++) bits |= (uint64_t)r->at[byte * array.count + i] << 8 * byte;
        uint8_t as1 = (uint8_t)bits;
        uint16_t as2 = (uint16_t)bits;
        uint32_t as4 = (uint32_t)bits;
        const void *from = size == 1 ? (void *)&as1 : size == 2 ? (void *)&as2 : size == 4 ? (void *)&as4 : (void *)&bits;
        memcpy((uint8_t *)array.values + i * size, from, size);
    }
    r->at += array.count * size;
    return array;
}

enum { EXPONENT_BIAS = 127 }; /* of a float */

/* From 2^-126 on: what is smaller is no normal number. */
static float power_of_two(int exponent) {
    uint32_t bits = (uint32_t)(exponent + EXPONENT_BIAS) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A tensor of the networks, into `values`: floats; or integers (of an input one after the other), with a scale for each
   output and perhaps an exponent for each input. */
static size_t read_tensor(struct reader *r, float *values, size_t room) {
    size_t size = next_number(r);
    if (size != 1 && size != 2 && size != 4) r->result = LIC_CORRUPT;
    if (r->result) return 0;
    struct array whole = next_array(r, size), scale = {0}, exponents = {0};
    if (size < 4) scale = next_array(r, 4), exponents = next_array(r, 1);
    size_t outputs = scale.count, inputs = outputs ? whole.count / outputs : 0;
    if (whole.count > room) r->result = LIC_CORRUPT;
    if (size < 4 && (outputs * inputs != whole.count || (exponents.count && exponents.count != inputs))) r->result = LIC_CORRUPT;
    if (!r->result && size == 4) memcpy(values, whole.values, whole.count * size);
    for (size_t at = 0; !r->result && size < 4 && at < whole.count; at++) {
        size_t output = at % outputs, input = at / outputs;
        uint32_t zigzag = size == 1 ? ((uint8_t *)whole.values)[at] : ((uint16_t *)whole.values)[at];
        float value = (float)(zigzag & 1 ? -(int32_t)(zigzag >> 1) - 1 : (int32_t)(zigzag >> 1)) * ((float *)scale.values)[output];
        if (exponents.count && ((int8_t *)exponents.values)[input] <= -EXPONENT_BIAS) r->result = LIC_CORRUPT;
        if (exponents.count) value *= power_of_two(((int8_t *)exponents.values)[input]);
        values[output * inputs + input] = value;
    }
    free(whole.values);
    free(scale.values);
    free(exponents.values);
    return r->result ? 0 : whole.count;
}

static void read_network(struct reader *r, const struct array *layers, struct lic_network **network) {
    size_t tensors = next_number(r), count = next_number(r), at = 0;
    if (count > (size_t)(r->end - r->at)) r->result = LIC_CORRUPT; /* a weight has a byte at least */
    float *values = r->result ? NULL : malloc((count + 1) * sizeof *values);
    if (!r->result && !values) r->result = LIC_NO_MEMORY;
    for (size_t i = 0; !r->result && i < tensors; i++) at += read_tensor(r, values + at, count - at);
    if (!r->result && at != count) r->result = LIC_CORRUPT;
    if (!r->result) r->result = lic_network_open(layers->values, layers->count, values, count, 0, network);
    if (r->result == LIC_BAD_ARGUMENT) r->result = LIC_CORRUPT;
    free(values);
}

/* The sums of weights are within what the filter's arithmetic holds. */
static int is_fine(const struct array *filter) {
    const int16_t *weights = filter->values;
    for (size_t i = 0; i < filter->count; i += FILTER_TAPS) {
        int sum = 0;
        for (size_t tap = 0; tap < FILTER_TAPS; tap++) sum += weights[i + tap] < 0 ? -weights[i + tap] : weights[i + tap];
        if (sum > FILTER_MOST) return 0;
    }
    return 1;
}

static int is_whole(const struct lic_model *m) {
    const struct array *a = m->arrays;
    size_t of_points = m->points * m->channels, of_phases = of_points * PHASES;
    if (!m->points || !m->channels || m->channels > MAX_CHANNELS || lic_network_channels(m->network) != m->channels) return 0;
    if (a[HEIGHTS].count != m->channels * KNOTS || a[STEPS].count != of_points || a[RESTORE].count != of_points) return 0;
    if (a[TRUST].count && a[TRUST].count != of_points) return 0;
    if (a[FILTER].count && (a[FILTER].count != m->points * FILTER_SIZE || !is_fine(&a[FILTER]))) return 0;
    for (size_t i = 0; i < of_points; i++)
        if (((int32_t *)a[STEPS].values)[i] < 1 || ((int32_t *)a[STEPS].values)[i] > MAX_STEP) return 0;
    if (!a[LIBRARY_STEPS].count) return 1;
    return a[LIBRARY_STEPS].count <= MAX_TABLES && a[THRESHOLDS].count < MAX_TABLES &&
           a[LIBRARY].count == a[LIBRARY_STEPS].count * KNOTS && a[WEIGHTS].count == of_phases * FEATURES &&
           a[INDEX].count == of_phases * (a[THRESHOLDS].count + 1) && a[SCALES].count == of_phases &&
           a[EARLIER].count == m->points * lic_earlier_size(m->channels);
}

enum lic_result lic_model_open(const uint8_t *data, size_t size, struct lic_model **opened) {
    struct reader r = {data, data + size, LIC_OK};
    struct lic_model *m = calloc(1, sizeof *m);
    *opened = NULL;
    if (!m) return LIC_NO_MEMORY;
    if (next_number(&r) != MAGIC) r.result = LIC_CORRUPT;
    next_number(&r);
    if (!r.result) memcpy(m->fingerprint, r.at - FINGERPRINT_BYTES, FINGERPRINT_BYTES);
    size_t text = next_number(&r);
    if (text > (size_t)(r.end - r.at)) r.result = LIC_CORRUPT;
    if (!r.result) r.at += text;
    for (int i = 0; i < ARRAYS && !r.result; i++) m->arrays[i] = next_array(&r, sizes_of[i]);
    if (!r.result) read_network(&r, &m->arrays[LAYERS], &m->network);
    m->channels = m->arrays[UNIT_OF].count;
    m->points = m->channels ? m->arrays[STEPS].count / m->channels : 0;
    if (!r.result && (r.at != r.end || !is_whole(m))) r.result = LIC_CORRUPT;
    if (r.result)
        lic_model_close(m);
    else
        *opened = m;
    return r.result;
}

void lic_model_close(struct lic_model *m) {
    if (!m) return;
    lic_network_close(m->network);
    for (int i = 0; i < ARRAYS; i++) free(m->arrays[i].values);
    free(m);
}

const uint8_t *lic_model_fingerprint(const struct lic_model *m) { return m->fingerprint; }
const struct lic_network *lic_model_network(const struct lic_model *m) { return m->network; }
size_t lic_model_channels(const struct lic_model *m) { return m->channels; }

/* ---- rate positions ---- */

/* Integers and scales: codec/model/frozen.py, FrozenModel.at. */
static void set_scales(const struct lic_model *m, size_t k, size_t f, int32_t *steps, float *inverse_gain, float *trust) {
    size_t channels = m->channels, after = k + 1 < m->points ? k + 1 : k;
    const int32_t *left = (int32_t *)m->arrays[STEPS].values + k * channels;
    const int32_t *right = (int32_t *)m->arrays[STEPS].values + after * channels;
    const float *restore = m->arrays[RESTORE].values, *trusts = m->arrays[TRUST].values;
    const double *unit = m->arrays[UNIT_OF].values;
    for (size_t c = 0; c < channels; c++) {
        int64_t s = left[c], t = right[c];
        steps[c] = (int32_t)(POSITIONS * s * t / (t * (int64_t)(POSITIONS - f) + s * (int64_t)f));
        double a = (double)(POSITIONS - f) / (double)s, b = (double)f / (double)t;
        double restored = ((double)restore[k * channels + c] * a + (double)restore[after * channels + c] * b) / (a + b);
        inverse_gain[c] = (float)(steps[c] * unit[c] / (1 << STEP_BITS) * restored);
        if (!trust) continue;
        double from = trusts[k * channels + c], to = trusts[after * channels + c];
        trust[c] = (float)(from + (to - from) * ((double)f / POSITIONS));
    }
}

static void set_filter(const struct lic_model *m, size_t k, size_t f, int16_t *filter) {
    const int16_t *left = (int16_t *)m->arrays[FILTER].values + k * FILTER_SIZE;
    const int16_t *right = left + (k + 1 < m->points ? FILTER_SIZE : 0);
    for (size_t i = 0; i < FILTER_SIZE; i++) {
        int32_t sum = left[i] * (int32_t)(POSITIONS - f) + right[i] * (int32_t)f + POSITIONS / 2;
        filter[i] = (int16_t)(sum >= 0 ? sum / POSITIONS : -((-sum + POSITIONS - 1) / POSITIONS));
    }
}

/* The bytes of a lambda point, by earlier channel d, times the scales of their channels c and phases; packed as in
   FORMAT.md. */
static void scale_earlier(const struct lic_model *m, size_t k, int16_t *earlier) {
    size_t channels = m->channels;
    const int8_t *from = (int8_t *)m->arrays[EARLIER].values + k * lic_earlier_size(channels);
    const uint8_t *scales = (uint8_t *)m->arrays[SCALES].values + k * channels * PHASES;
    for (size_t d = 0; d < channels; d++)
        for (size_t c = (d / CONTEXT_BLOCK + 1) * CONTEXT_BLOCK; c < channels; c++)
            for (size_t phase = 0; phase < PHASES; phase++) {
                size_t start = c / CONTEXT_BLOCK * CONTEXT_BLOCK, left = channels - start;
                size_t size = left < CONTEXT_BLOCK ? left : CONTEXT_BLOCK;
                int16_t *of_group = earlier + lic_earlier_size(start);
                of_group[(phase * size + c - start) * start + d] = (int16_t)(*from++ * scales[c * PHASES + phase]);
            }
}

enum lic_result lic_rate_open(const struct lic_model *m, unsigned position, struct lic_rate **opened) {
    size_t k = position / POSITIONS, f = position % POSITIONS, channels = m->channels;
    *opened = NULL;
    if (k >= m->points || (k + 1 == m->points && f)) return LIC_BAD_ARGUMENT;
    struct lic_rate *rate = calloc(1, sizeof *rate);
    if (!rate) return LIC_NO_MEMORY;
    const struct array *a = m->arrays;
    int has_contexts = a[LIBRARY_STEPS].count > 0;
    float *scales = calloc(2 * channels, sizeof *scales);
    int32_t *steps = calloc(channels, sizeof *steps);
    int16_t *filter = a[FILTER].count ? calloc(FILTER_SIZE, sizeof *filter) : NULL;
    int16_t *earlier = has_contexts ? calloc(lic_earlier_size(channels) + 1, sizeof *earlier) : NULL;
    rate->point = (struct lic_point){.inverse_gain = scales, .filter = filter};
    if (a[TRUST].count && scales) rate->point.trust = scales + channels;
    rate->contexts = (struct lic_contexts){.order = has_contexts ? LIC_PHASES : LIC_PLAIN, .channels = channels, .earlier = earlier};
    enum lic_result result = scales && steps && (filter || !a[FILTER].count) && (earlier || !has_contexts) ? LIC_OK : LIC_NO_MEMORY;
    if (!result) {
        set_scales(m, k, f, steps, scales, rate->point.trust ? scales + channels : NULL);
        if (filter) set_filter(m, k, f, filter);
        if (has_contexts) {
            size_t upper = (position + 7 * POSITIONS / 8) / POSITIONS, thresholds = a[THRESHOLDS].count;
            rate->contexts.weights = (int32_t *)a[WEIGHTS].values + upper * channels * PHASES * FEATURES;
            rate->contexts.thresholds = a[THRESHOLDS].values;
            rate->contexts.thresholds_count = thresholds;
            rate->contexts.index = (uint8_t *)a[INDEX].values + upper * channels * PHASES * (thresholds + 1);
            scale_earlier(m, upper, earlier);
            result = make_frequencies(a[LIBRARY_STEPS].count, a[LIBRARY].values, a[LIBRARY_STEPS].values, &rate->tables);
        } else
            result = make_frequencies(channels, a[HEIGHTS].values, steps, &rate->tables);
    }
    free(steps);
    if (result)
        lic_rate_close(rate);
    else
        *opened = rate;
    return result;
}

void lic_rate_close(struct lic_rate *rate) {
    if (!rate) return;
    free_frequencies(&rate->tables);
    free((void *)rate->contexts.earlier);
    free((void *)rate->point.inverse_gain);
    free((void *)rate->point.filter);
    free(rate);
}
