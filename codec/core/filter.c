/* The filter behind the synthesis: whole numbers, computed from grey levels. codec/FORMAT.md, section 4, specifies it.

   All numbers stay below 2^24, where float32 is exact: so the order of sums does not matter. */

#include <string.h>

#include "stream.h"

/* A piece of work is ROWS x COLUMNS pixels, which depend on MARGIN pixels around them: a cell of 4 x 4. */
enum { CELL = 4, MARGIN = CELL, ROWS = 16, COLUMNS = 64, HEIGHT = ROWS + 2 * MARGIN, PITCH = COLUMNS + 2 * MARGIN };

static const float limits[FILTER_PLANES] = FILTER_LIMITS;

struct pieces {
    const struct lic_stream *s;
    const struct node *node;
    ptrdiff_t first, last, left, across; /* rows and the first column, in cells; how many pieces lie side by side */
};

static void take_cell(const struct lic_stream *s, const float *cell, float *plane) {
    float levels[3 * CELL * CELL], *at = levels;
    s->kernels->find_levels(cell, levels, 3 * CELL * CELL);
    for (int y = 0; y < CELL; y++)
        for (int x = 0; x < CELL; x++, at += 3) {
            float *to = plane + y * PITCH + x, red = at[0], green = at[1], blue = at[2];
            to[0] = red + green + blue;
            to[HEIGHT * PITCH] = red - blue;
            to[2 * HEIGHT * PITCH] = red - 2 * green + blue;
        }
}

/* The planes of a piece's pixels and of those around it; beyond the picture are the nearest ones. */
static void take_planes(const struct lic_stream *s, const struct ring *in, ptrdiff_t top, ptrdiff_t left, float *planes) {
    ptrdiff_t bottom = smaller(top + ROWS / CELL, in->height), right = smaller(left + COLUMNS / CELL, in->width);
    ptrdiff_t first = larger(top - 1, 0), last = smaller(bottom + 1, in->height);
    ptrdiff_t from = larger(left - 1, in->area.left), to = smaller(right + 1, in->area.right);
    for (ptrdiff_t y = first; y < last; y++)
        for (ptrdiff_t x = from; x < to; x++)
            take_cell(s, ring_cell(in, y, x), planes + ((y - top + 1) * PITCH + x - left + 1) * CELL);
    ptrdiff_t rows = (bottom - top + 1) * CELL, columns = (right - left + 1) * CELL; /* where the margin begins */
    for (int k = 0; k < FILTER_PLANES; k++, planes += HEIGHT * PITCH) {
        for (ptrdiff_t y = (first - top + 1) * CELL; y < (last - top + 1) * CELL; y++)
            for (int x = 0; x < MARGIN; x++) {
                float *row = planes + y * PITCH;
                if (left == 0) row[x] = row[MARGIN];
                if (right == in->width) row[columns + x] = row[columns - 1];
            }
        for (int y = 0; y < MARGIN; y++) {
            if (top == 0) memcpy(planes + y * PITCH, planes + MARGIN * PITCH, PITCH * sizeof *planes);
            if (bottom == in->height)
                memcpy(planes + (rows + y) * PITCH, planes + (rows - 1) * PITCH, PITCH * sizeof *planes);
        }
    }
}

/* The class of a block: how much its brightness bends, and in which direction most. */
static int class_of(const struct lic_stream *s, const float *brightness) {
    static const float activities[] = FILTER_ACTIVITIES;
    float bends[4];
    s->kernels->bend(brightness, PITCH, bends);
    int class = 0, direction = 0;
    for (size_t i = 0; i < sizeof activities / sizeof *activities; i++) class += bends[0] + bends[1] > activities[i];
    float most[2], least[2];
    for (int i = 0; i < 2; i++) {
        most[i] = bends[2 * i] > bends[2 * i + 1] ? bends[2 * i] : bends[2 * i + 1];
        least[i] = bends[2 * i] + bends[2 * i + 1] - most[i];
    }
    int diagonal = most[1] - least[1] > most[0] - least[0];
    if (5 * most[diagonal] > 8 * least[diagonal]) direction = 1 + 2 * diagonal + (bends[2 * diagonal] < most[diagonal]);
    return FILTER_DIRECTIONS * class + direction;
}

static void give_cell(const struct lic_stream *s, const float *cell, const float sums[FILTER_PLANES][FILTER_BLOCK],
                      int column, float *to) {
    float levels[3 * CELL * CELL], added[3 * CELL * CELL], *at = added;
    for (int y = 0; y < CELL; y++)
        for (int x = 0; x < CELL; x++, at += 3) {
            int i = y * FILTER_COLUMNS + column + x;
            float a = sums[0][i], b = sums[1][i], c = sums[2][i];
            at[0] = a + b + c, at[1] = a - 2 * c, at[2] = a - b + c;
        }
    s->kernels->find_levels(cell, levels, 3 * CELL * CELL);
    s->kernels->move_levels(levels, added, to, 3 * CELL * CELL);
}

static void do_filter(void *about, size_t item, size_t thread) {
    const struct pieces *p = about;
    const struct lic_stream *s = p->s;
    const struct ring *in = &s->rings[p->node->input], *out = &s->rings[p->node->output];
    ptrdiff_t top = p->first + (ptrdiff_t)item / p->across * (ROWS / CELL);
    ptrdiff_t left = p->left + (ptrdiff_t)item % p->across * (COLUMNS / CELL);
    ptrdiff_t bottom = smaller(top + ROWS / CELL, p->last), right = smaller(left + COLUMNS / CELL, out->area.right);
    float *planes = scratch_of(s, thread);
    take_planes(s, in, top, left, planes);
    for (ptrdiff_t y = top; y < bottom; y++)
        for (ptrdiff_t x = left; x < right; x += FILTER_COLUMNS / CELL) {
            const float *at = planes + ((y - top + 1) * PITCH + x - left + 1) * CELL;
            const float *weights = s->filter + class_of(s, at) * FILTER_PLANES * FILTER_TAPS;
            float sums[FILTER_PLANES][FILTER_BLOCK];
            for (int k = 0; k < FILTER_PLANES; k++, at += HEIGHT * PITCH, weights += FILTER_TAPS)
                s->kernels->weigh(at, PITCH, weights, limits[k], sums[k]);
            for (int i = 0; i < FILTER_COLUMNS / CELL; i++)
                if (ring_has(out, y, x + i))
                    give_cell(s, ring_cell(in, y, x + i), sums, i * CELL, ring_cell(out, y, x + i));
        }
}

void filter_pixels(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) {
    const struct area *area = &s->rings[n->output].area;
    struct pieces p = {s, n, first, last, area->left / TILE * TILE, 0};
    p.across = divided_up(area->right - p.left, COLUMNS / CELL);
    team_run(s->team, do_filter, &p, (size_t)(p.across * divided_up(last - first, ROWS / CELL)));
}

size_t filter_scratch(void) { return FILTER_PLANES * HEIGHT * PITCH; }

/* ---- what a file adds to the weights: codec/picture/adjustment.py ---- */

struct bits {
    const uint8_t *data;
    size_t at, count;
};

/* The next bit, or -1 behind the last one. */
static int next_bit(struct bits *b) {
    if (b->at == b->count) return -1;
    int bit = b->data[b->at / 8] >> (7 - b->at % 8) & 1;
    b->at++;
    return bit;
}

/* An exponential Golomb code of a signed number; ADJUSTED_MOST + 1 where there is none. */
static int next_weight(struct bits *b) {
    int length = ADJUSTED_ORDER, bit, number = 1;
    while ((bit = next_bit(b)) == 0 && length < 16) length++;
    while (bit >= 0 && length-- > 0) {
        bit = next_bit(b);
        number = 2 * number + (bit > 0);
    }
    if (bit < 0 || number > 2 * ADJUSTED_MOST + (1 << ADJUSTED_ORDER)) return ADJUSTED_MOST + 1;
    number -= 1 << ADJUSTED_ORDER;
    return number % 2 ? (number + 1) / 2 : -number / 2;
}

enum lic_result lic_rate_adjust(struct lic_rate *rate, const uint8_t *data, size_t size) {
    int16_t *filter = (int16_t *)rate->point.filter;
    struct bits bits = {data, 0, size > FILTER_PLANES * FILTER_TAPS * 4 ? 0 : 8 * size};
    if (!filter) return LIC_CORRUPT;
    for (int plane = 0; plane < FILTER_PLANES; plane++) {
        int added[FILTER_TAPS] = {0}, sum = 0, has = next_bit(&bits);
        if (has < 0) return LIC_CORRUPT;
        for (int tap = 0; has && tap < FILTER_TAPS; tap++) {
            added[tap] = next_weight(&bits);
            sum += added[tap] < 0 ? -added[tap] : added[tap];
            if (sum > ADJUSTED_MOST) return LIC_CORRUPT;
        }
        for (int class = 0; class < FILTER_CLASSES; class++)
            for (int tap = 0; tap < FILTER_TAPS; tap++)
                filter[(class * FILTER_PLANES + plane) * FILTER_TAPS + tap] += (int16_t)(ADJUSTED_UNIT * added[tap]);
    }
    if (bits.count - bits.at >= 8) return LIC_CORRUPT;
    while (bits.at < bits.count)
        if (next_bit(&bits)) return LIC_CORRUPT;
    return LIC_OK;
}
