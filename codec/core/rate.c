/* A model at a rate position: core.h. */

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "tables.h"
#include "team.h"

/* ---- scales and weights ---- */

/* The step of a channel, as an integer and in latents, and how much of it is restored: codec/model/frozen.py,
   FrozenModel.at. */
struct scale {
    int32_t step;
    double unit, restored;
};

static struct scale scale_at(const struct lic_model *m, size_t k, size_t f, size_t c) {
    size_t channels = m->channels, after = k + 1 < m->points ? k + 1 : k;
    const int32_t *steps = m->arrays[STEPS].values;
    const float *restore = m->arrays[RESTORE].values;
    int64_t s = steps[k * channels + c], t = steps[after * channels + c];
    double a = (double)(POSITIONS - f) / (double)s, b = (double)f / (double)t;
    struct scale found = {.step = (int32_t)(POSITIONS * s * t / (t * (int64_t)(POSITIONS - f) + s * (int64_t)f))};
    found.unit = found.step * ((double *)m->arrays[UNIT_OF].values)[c] / (1 << STEP_BITS);
    found.restored = ((double)restore[k * channels + c] * a + (double)restore[after * channels + c] * b) / (a + b);
    return found;
}

/* Of a value at each of two lambda points. */
static double between(double left, double right, size_t f) { return left + (right - left) * ((double)f / POSITIONS); }

/* The scales of a point, one after the other in `values`. */
static void set_scales(const struct lic_model *m, size_t k, size_t f, int32_t *steps, float *values, struct lic_point *point) {
    size_t channels = m->channels, after = k + 1 < m->points ? k + 1 : k;
    const float *trusts = m->arrays[TRUST].values;
    float *gain = values, *inverse_gain = values + channels, *trust = values + 2 * channels, *unscale = values + 3 * channels;
    for (size_t c = 0; c < channels; c++) {
        struct scale here = scale_at(m, k, f, c), finest = scale_at(m, m->points - 1, 0, c);
        steps[c] = here.step;
        gain[c] = (float)(1 / here.unit);
        inverse_gain[c] = (float)(here.unit * here.restored);
        unscale[c] = (float)(1 / finest.unit * (finest.unit * finest.restored));
        if (m->arrays[TRUST].count) trust[c] = (float)between(trusts[k * channels + c], trusts[after * channels + c], f);
    }
    point->gain = gain, point->inverse_gain = inverse_gain;
    point->unscale = m->encodes ? unscale : NULL;
    point->trust = m->arrays[TRUST].count ? trust : NULL;
}

static void set_filter(const struct lic_model *m, size_t k, size_t f, int16_t *filter) {
    const int16_t *left = (int16_t *)m->arrays[FILTER].values + k * FILTER_SIZE;
    const int16_t *right = left + (k + 1 < m->points ? FILTER_SIZE : 0);
    for (size_t i = 0; i < FILTER_SIZE; i++) {
        int32_t sum = left[i] * (int32_t)(POSITIONS - f) + right[i] * (int32_t)f + POSITIONS / 2;
        filter[i] = (int16_t)(sum >= 0 ? sum / POSITIONS : -((-sum + POSITIONS - 1) / POSITIONS));
    }
}

/* The weights of earlier magnitudes at a lambda point: bytes, times the scales of their channels and phases. */
static void scale_earlier(const struct lic_model *m, size_t k, int16_t *earlier) {
    size_t channels = m->channels;
    const int8_t *from = (int8_t *)m->arrays[EARLIER].values + k * lic_earlier_size(channels);
    const uint8_t *scales = (uint8_t *)m->arrays[SCALES].values + k * channels * PHASES;
    for (size_t start = CONTEXT_BLOCK; start < channels; start += CONTEXT_BLOCK)
        for (size_t phase = 0; phase < PHASES; phase++)
            for (size_t c = start; c < channels && c < start + CONTEXT_BLOCK; c++, from += start, earlier += start)
                for (size_t d = 0; d < start; d++) earlier[d] = (int16_t)(from[d] * scales[c * PHASES + phase]);
}

/* ---- the encoder's part ---- */

/* The second look, which is a quick one unless a point at hand has no other than a slow one. */
static void set_look(const struct lic_model *m, size_t k, size_t f, struct lic_point *point) {
    const double *slow = m->arrays[SECOND_LOOK].values, *quick = m->arrays[QUICK_LOOK].values;
    size_t after = k + 1 < m->points ? k + 1 : k, last = f ? after : k;
    double share = (slow[k] > 0 && !(quick[k] > 0)) || (slow[last] > 0 && !(quick[last] > 0)) ? 0 : between(quick[k], quick[after], f);
    point->quick = share > 0;
    point->share = (float)(point->quick ? share : between(slow[k], slow[after], f));
}

/* ---- opening ---- */

enum lic_result lic_rate_open(const struct lic_model *m, unsigned position, struct lic_rate **opened) {
    size_t k = position / POSITIONS, f = position % POSITIONS, channels = m->channels;
    *opened = NULL;
    if (k >= m->points || (k + 1 == m->points && f)) return LIC_BAD_ARGUMENT;
    struct lic_rate *rate = calloc(1, sizeof *rate);
    if (!rate) return LIC_NO_MEMORY;
    const struct array *a = m->arrays;
    int has_contexts = a[LIBRARY_STEPS].count > 0;
    float *scales = calloc(4 * channels, sizeof *scales);
    int32_t *steps = calloc(channels, sizeof *steps);
    int16_t *filter = a[FILTER].count ? calloc(FILTER_SIZE, sizeof *filter) : NULL;
    int16_t *earlier = has_contexts ? calloc(lic_earlier_size(channels) + 1, sizeof *earlier) : NULL;
    rate->point = (struct lic_point){.gain = scales, .filter = filter};
    rate->contexts = (struct lic_contexts){.order = has_contexts ? LIC_PHASES : LIC_PLAIN, .channels = channels, .earlier = earlier};
    enum lic_result result = scales && steps && (filter || !a[FILTER].count) && (earlier || !has_contexts) ? LIC_OK : LIC_NO_MEMORY;
    unsigned mode = lic_round_to_nearest();
    if (!result) {
        set_scales(m, k, f, steps, scales, &rate->point);
        if (filter) set_filter(m, k, f, filter);
        if (has_contexts) {
            size_t upper = (position + TO_UPPER_POINT) / POSITIONS, thresholds = a[THRESHOLDS].count;
            rate->contexts.weights = (int32_t *)a[WEIGHTS].values + upper * channels * PHASES * FEATURES;
            rate->contexts.thresholds = a[THRESHOLDS].values;
            rate->contexts.thresholds_count = thresholds;
            rate->contexts.index = (uint8_t *)a[INDEX].values + upper * channels * PHASES * (thresholds + 1);
            rate->contexts.states = a[STATES].count ? a[STATES].values : NULL;
            rate->contexts.states_count = a[STATES].count / 2;
            scale_earlier(m, upper, earlier);
            rate->tables = m->library;
        } else if (a[HEIGHTS].count)
            result = make_frequencies(channels, a[HEIGHTS].values, steps, &rate->tables);
    }
    free(steps);
    if (!result && m->encodes) set_look(m, k, f, &rate->point);
    lic_restore_rounding(mode);
    if (result)
        lic_rate_close(rate);
    else
        *opened = rate;
    return result;
}

void lic_rate_close(struct lic_rate *rate) {
    if (!rate) return;
    if (rate->contexts.order == LIC_PLAIN) free_frequencies(&rate->tables); /* else they are the model's */
    free((void *)rate->contexts.earlier);
    free((void *)rate->point.gain); /* and all other scales */
    free((void *)rate->point.filter);
    free(rate);
}
