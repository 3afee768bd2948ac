/* Models in memory, and packed ones, as codec/model/packed.py writes them: core.h. */

#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "tables.h"
#include "team.h"

#define MAGIC(letter) (size_t)('L' | 'I' << 8 | 'C' << 16 | (letter) << 24)

const uint8_t number_sizes[ARRAYS] = {4, 4, 8, 4, 4, 2, 4, 8, 1, 4, 4, 1, 1, 1, 8, 8};

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

/* From 2^-126 on: smaller numbers are not normal. */
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

/* The tensors of networks, one after the other; to be freed. */
static float *read_tensors(struct reader *r, size_t *found) {
    size_t tensors = next_number(r), count = next_number(r), at = 0;
    if (count > (size_t)(r->end - r->at)) r->result = LIC_CORRUPT; /* a weight has a byte at least */
    float *values = r->result ? NULL : malloc((count + 1) * sizeof *values);
    unsigned mode = lic_round_to_nearest();
    if (!r->result && !values) r->result = LIC_NO_MEMORY;
    for (size_t i = 0; !r->result && i < tensors; i++) at += read_tensor(r, values + at, count - at);
    lic_restore_rounding(mode);
    if (!r->result && (at != count || r->at != r->end)) r->result = LIC_CORRUPT;
    *found = count;
    return values;
}

/* A file: what it begins with, the layers' sizes, arrays from `first` to `last` - 1, and tensors. Sizes and tensors are to be
   freed. */
static float *read_file(struct reader *r, char letter, uint8_t *fingerprint, struct array *layers, struct array *arrays,
                        size_t first, size_t last, size_t *count) {
    if (next_number(r) != MAGIC(letter)) r->result = LIC_CORRUPT;
    next_number(r);
    if (!r->result) memcpy(fingerprint, r->at - FINGERPRINT_BYTES, FINGERPRINT_BYTES);
    size_t text = next_number(r);
    if (text > (size_t)(r->end - r->at)) r->result = LIC_CORRUPT;
    if (!r->result) r->at += text;
    *layers = next_array(r, sizeof(int32_t));
    for (size_t i = first; i < last && !r->result; i++) arrays[i] = next_array(r, number_sizes[i]);
    return read_tensors(r, count);
}

/* The sums of weights are small enough for the filter's integers. */
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
    if (!m->points || !m->channels || m->channels > MAX_CHANNELS) return 0;
    if (m->network && lic_network_channels(m->network) != m->channels) return 0;
    if (a[HEIGHTS].count && a[HEIGHTS].count != m->channels * KNOTS) return 0;
    if (a[STEPS].count != of_points || a[RESTORE].count != of_points) return 0;
    if (a[TRUST].count && a[TRUST].count != of_points) return 0;
    if (a[FILTER].count && (a[FILTER].count != m->points * FILTER_SIZE || !is_fine(&a[FILTER]))) return 0;
    for (size_t i = 0; i < of_points; i++)
        if (((int32_t *)a[STEPS].values)[i] < 1 || ((int32_t *)a[STEPS].values)[i] > MAX_STEP) return 0;
    if (!a[LIBRARY_STEPS].count) return 1;
    size_t most = (a[STATES].count ? QUANTISERS : 1) * MAX_TABLES; /* lic_workspace_size has the rest */
    return a[LIBRARY_STEPS].count <= most && a[STATES].count % 2 == 0 && a[THRESHOLDS].count < MAX_TABLES &&
           a[LIBRARY].count == a[LIBRARY_STEPS].count * KNOTS && a[WEIGHTS].count == of_phases * FEATURES &&
           a[INDEX].count == of_phases * (a[THRESHOLDS].count + 1) && a[SCALES].count == of_phases &&
           a[EARLIER].count == m->points * lic_earlier_size(m->channels);
}

static int is_whole_encoder(const struct lic_model *m, int *looks_quickly) {
    const struct array *a = m->arrays;
    const double *slow = a[SECOND_LOOK].values, *quick = a[QUICK_LOOK].values;
    if (a[SECOND_LOOK].count != m->points || a[QUICK_LOOK].count != m->points) return 0;
    *looks_quickly = 0;
    for (size_t k = 0; k < m->points; k++) {
        if (!(slow[k] >= 0 && slow[k] <= 1 && quick[k] >= 0 && quick[k] <= 1)) return 0;
        if (quick[k] > 0) *looks_quickly = 1;
    }
    return 1;
}

enum lic_result model_complete(struct lic_model *m) {
    const struct array *a = m->arrays;
    m->channels = a[UNIT_OF].count;
    m->points = m->channels ? a[STEPS].count / m->channels : 0;
    m->encodes = a[SECOND_LOOK].count || a[QUICK_LOOK].count;
    int looks_quickly;
    if (!is_whole(m) || (m->encodes && !is_whole_encoder(m, &looks_quickly))) return LIC_CORRUPT;
    if (!a[LIBRARY_STEPS].count) return LIC_OK;
    return make_frequencies(a[LIBRARY_STEPS].count, a[LIBRARY].values, a[LIBRARY_STEPS].values, &m->library);
}

/* A file has the weights of earlier magnitudes by earlier channel d, channel c and phase; in memory they are packed as in
   FORMAT.md. */
static enum lic_result repack_earlier(struct lic_model *m) {
    size_t channels = m->channels, count = m->arrays[EARLIER].count, size = lic_earlier_size(channels);
    const int8_t *from = m->arrays[EARLIER].values;
    if (!m->library.count) return LIC_OK;
    int8_t *packed = malloc(count + 1);
    if (!packed) return LIC_NO_MEMORY;
    for (int8_t *of_point = packed; of_point < packed + count; of_point += size)
        for (size_t d = 0; d < channels; d++)
            for (size_t start = (d / CONTEXT_BLOCK + 1) * CONTEXT_BLOCK; start < channels; start += CONTEXT_BLOCK) {
                size_t width = channels - start < CONTEXT_BLOCK ? channels - start : CONTEXT_BLOCK;
                int8_t *to = of_point + lic_earlier_size(start) + d;
                for (size_t c = 0; c < width; c++)
                    for (size_t phase = 0; phase < PHASES; phase++) to[(phase * width + c) * start] = *from++;
            }
    free(m->arrays[EARLIER].values);
    m->arrays[EARLIER].values = packed;
    return LIC_OK;
}

enum lic_result lic_model_open(const uint8_t *data, size_t size, struct lic_model **opened) {
    struct reader r = {data, data + size, LIC_OK};
    struct lic_model *m = calloc(1, sizeof *m);
    struct array layers = {0};
    size_t count;
    *opened = NULL;
    if (!m) return LIC_NO_MEMORY;
    float *values = read_file(&r, 'M', m->fingerprint, &layers, m->arrays, 0, OF_ENCODER, &count);
    if (!r.result) r.result = lic_network_open(layers.values, layers.count, values, count, 0, &m->network);
    free(layers.values);
    free(values);
    if (!r.result) r.result = model_complete(m);
    if (!r.result) r.result = repack_earlier(m);
    if (r.result == LIC_BAD_ARGUMENT) r.result = LIC_CORRUPT;
    if (r.result)
        lic_model_close(m);
    else
        *opened = m;
    return r.result;
}

enum lic_result lic_model_add_encoder(struct lic_model *m, const uint8_t *data, size_t size) {
    struct reader r = {data, data + size, LIC_OK};
    uint8_t fingerprint[FINGERPRINT_BYTES];
    struct array layers = {0};
    int looks_quickly;
    size_t count;
    if (m->encodes) return LIC_BAD_ARGUMENT;
    float *values = read_file(&r, 'E', fingerprint, &layers, m->arrays, OF_ENCODER, ARRAYS, &count);
    if (!r.result && memcmp(fingerprint, m->fingerprint, FINGERPRINT_BYTES)) r.result = LIC_BAD_ARGUMENT;
    if (!r.result && !is_whole_encoder(m, &looks_quickly)) r.result = LIC_CORRUPT;
    if (!r.result) {
        r.result = network_add_encoder(m->network, layers.values, layers.count, values, count, looks_quickly);
        if (r.result == LIC_BAD_ARGUMENT) r.result = LIC_CORRUPT;
    }
    free(layers.values);
    free(values);
    m->encodes = !r.result;
    for (size_t i = OF_ENCODER; r.result && i < ARRAYS; i++) {
        free(m->arrays[i].values);
        m->arrays[i] = (struct array){0};
    }
    return r.result;
}

void lic_model_close(struct lic_model *m) {
    if (!m) return;
    lic_network_close(m->network);
    free_frequencies(&m->library);
    for (int i = 0; i < ARRAYS; i++) free(m->arrays[i].values);
    free(m);
}

const uint8_t *lic_model_fingerprint(const struct lic_model *m) { return m->fingerprint; }
const struct lic_network *lic_model_network(const struct lic_model *m) { return m->network; }
size_t lic_model_channels(const struct lic_model *m) { return m->channels; }
