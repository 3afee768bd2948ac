/* The ends of streams, and the steps for latents and pixels between networks. */

#include <string.h>

#include "stream.h"

#define LARGEST_SYMBOL (float)MAX_SYMBOL
#define HALF_AND_DEAD_ZONE (float)(.5 + DEAD_ZONE) /* below it symbols are 0 */

/* A row of an output or, at the end of a stream, of the input. */
struct rows {
    const struct lic_stream *s;
    const struct node *node;
    ptrdiff_t first;
};

static void run_rows(struct lic_stream *s, const struct node *n, team_task *task, ptrdiff_t first, ptrdiff_t last) {
    struct rows rows = {s, n, first};
    team_run(s->team, task, &rows, (size_t)(last - first));
}

#define NODE(name, task) \
    void name(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) { run_rows(s, n, task, first, last); }

/* ---- latents ---- */

static void do_take_symbols(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item;
    size_t plane = (size_t)(s->arrays.rows_in * out->width);
    const int32_t *from = s->arrays.symbols + (y - s->arrays.first_in) * out->width + out->area.left;
    float *to = ring_cell(out, y, out->area.left);
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++, from++, to += out->depth) {
        for (size_t c = 0; c < s->channels; c++) to[c] = (float)from[c * plane] * s->inverse_gain[c];
        for (size_t c = s->channels; c < out->depth; c++) to[c] = 0;
    }
    (void)thread;
}

NODE(take_symbols, do_take_symbols)

static void do_take_latents(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item, at = (y - s->arrays.first_in) * out->width + out->area.left;
    size_t plane = (size_t)(s->arrays.rows_in * out->width);
    float *to = ring_cell(out, y, out->area.left);
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++, at++, to += out->depth) {
        memset(to, 0, out->depth * sizeof *to);
        for (size_t c = 0; c < s->channels; c++) to[c] = s->arrays.latents[(size_t)at + c * plane];
    }
    (void)thread;
}

NODE(take_latents, do_take_latents)

static void do_give_latents(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *in = &s->rings[rows->node->input];
    ptrdiff_t y = rows->first + (ptrdiff_t)item;
    size_t plane = (size_t)(s->arrays.rows_out * in->width);
    float *to = s->arrays.latents_out + (y - s->arrays.first_out) * in->width;
    for (ptrdiff_t x = 0; x < in->width; x++, to++) {
        const float *from = ring_cell(in, y, x);
        for (size_t c = 0; c < s->channels; c++) to[c * plane] = from[c];
    }
    (void)thread;
}

NODE(give_latents, do_give_latents)

static void do_unscale(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *in = &s->rings[rows->node->input], *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item;
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++) {
        const float *from = ring_cell(in, y, x);
        float *to = ring_cell(out, y, x);
        for (size_t c = 0; c < out->depth; c++) to[c] = c < s->channels ? from[c] * s->unscale[c] : 0;
    }
    (void)thread;
}

NODE(unscale_latents, do_unscale)

/* A share of the way from the first look's latents to those of a second one; or of a difference, added to them. */
static void mix(const struct rows *rows, size_t item, int is_difference) {
    const struct lic_stream *s = rows->s;
    const struct ring *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item;
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++) {
        const float *second = ring_cell(&s->rings[rows->node->input], y, x);
        const float *first = ring_cell(&s->rings[rows->node->base], y, x);
        float *to = ring_cell(out, y, x);
        for (size_t c = 0; c < out->depth; c++) {
            float difference = is_difference ? second[c] : second[c] - first[c];
            to[c] = first[c] + s->share * difference;
        }
    }
}

static void do_blend(void *about, size_t item, size_t thread) {
    mix(about, item, 0);
    (void)thread;
}

static void do_add_correction(void *about, size_t item, size_t thread) {
    mix(about, item, 1);
    (void)thread;
}

NODE(blend_latents, do_blend)
NODE(add_correction, do_add_correction)

/* ---- symbols ---- */

void choose_symbols(const struct lic_stream *s, const float *latents, const float *predicted, ptrdiff_t y, ptrdiff_t x,
                    size_t phase, float *chosen, float *restored) {
    size_t every = phase == PHASES ? 1 : PHASES;
    size_t first = phase == PHASES ? 0 : (phase_of(y, x, 0) - phase) % PHASES; /* wraps around, likewise */
    for (size_t c = first; c < s->channels; c += every) {
        float expected = predicted ? s->trust[c] * predicted[c] : 0, scaled = (latents[c] - expected) * s->gain[c];
        float symbol = scaled < HALF_AND_DEAD_ZONE && scaled > -HALF_AND_DEAD_ZONE ? 0 : __builtin_floorf(scaled + .5f);
        if (!(symbol < LARGEST_SYMBOL)) symbol = LARGEST_SYMBOL;
        if (symbol < -LARGEST_SYMBOL) symbol = -LARGEST_SYMBOL;
        chosen[c] = symbol;
        restored[c] = symbol * s->inverse_gain[c] + expected;
    }
}

static void do_choose_first(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct node *n = rows->node;
    const struct ring *out = &s->rings[n->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item;
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++) {
        float *restored = ring_cell(out, y, x), *chosen = ring_cell(&s->rings[n->kept], y, x);
        memset(restored, 0, out->depth * sizeof *restored);
        memset(chosen, 0, out->depth * sizeof *chosen);
        choose_symbols(s, ring_cell(&s->rings[n->input], y, x), NULL, y, x, n->phase, chosen, restored);
    }
    (void)thread;
}

NODE(choose_first, do_choose_first)

static void do_give_symbols(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *chosen = &s->rings[rows->node->other];
    ptrdiff_t y = rows->first + (ptrdiff_t)item;
    size_t plane = (size_t)(s->arrays.rows_out * chosen->width);
    int32_t *to = s->arrays.symbols_out + (y - s->arrays.first_out) * chosen->width;
    for (ptrdiff_t x = 0; x < chosen->width; x++, to++) {
        const float *from = ring_cell(chosen, y, x);
        for (size_t c = 0; c < s->channels; c++) to[c * plane] = (int32_t)from[c];
    }
    (void)thread;
}

NODE(give_symbols, do_give_symbols)

/* ---- pixels ---- */

/* The pixel at a place, of which the picture's last ones stand for those beyond it; centred: -0.5 to 0.5. */
static float pixel_at(const struct lic_stream *s, ptrdiff_t y, ptrdiff_t x, ptrdiff_t colour) {
    y = smaller(y, s->picture.height - 1), x = smaller(x, s->picture.width - 1);
    return (float)s->arrays.pixels[(y * s->picture.width + x) * 3 + colour] / 255 - .5f;
}

static float clipped_to_picture(float value) {
    value = value > -.5f ? value : -.5f;
    return value < .5f ? value : .5f;
}

static void do_take_pixels(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item, f = s->rows_of_cell;
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++) {
        float *to = ring_cell(out, y, x);
        for (ptrdiff_t i = 0; i < f * f * 3; i++) to[i] = pixel_at(s, y * f + i / (3 * f), x * f + i / 3 % f, i % 3);
        for (size_t i = (size_t)(f * f * 3); i < out->depth; i++) to[i] = 0;
    }
    (void)thread;
}

NODE(take_pixels, do_take_pixels)

/* x + (x - decoded): the picture and the error of its reconstruction. */
static void do_correct(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item, f = s->rows_of_cell;
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++) {
        const float *decoded = ring_cell(&s->rings[rows->node->input], y, x);
        float *to = ring_cell(out, y, x);
        memset(to, 0, out->depth * sizeof *to);
        for (ptrdiff_t i = 0; i < f * f * 3; i++) {
            float pixel = pixel_at(s, y * f + i / (3 * f), x * f + i / 3 % f, i % 3);
            to[i] = pixel + (pixel - clipped_to_picture(decoded[i]));
        }
    }
    (void)thread;
}

NODE(correct_picture, do_correct)

/* x - decoded. */
static void do_find_difference(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item, f = s->rows_of_cell;
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++) {
        const float *decoded = ring_cell(&s->rings[rows->node->input], y, x);
        float *to = ring_cell(out, y, x);
        for (ptrdiff_t i = 0; i < f * f * 3; i++)
            to[i] = pixel_at(s, y * f + i / (3 * f), x * f + i / 3 % f, i % 3) - clipped_to_picture(decoded[i]);
    }
    (void)thread;
}

NODE(find_difference, do_find_difference)

/* The slopes of half the sum of squared errors, 0 where the picture is clipped. The errors are those of the filtered
   picture, of which the filter's own derivative is left out. */
static void do_find_error(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct ring *out = &s->rings[rows->node->output];
    ptrdiff_t y = rows->first + (ptrdiff_t)item, f = s->rows_of_cell, width = divided_up(s->picture.width, DOWNSAMPLING);
    for (ptrdiff_t x = out->area.left; x < out->area.right; x++) {
        const float *shown = ring_cell(&s->rings[rows->node->input], y, x);
        const float *decoded = ring_cell(&s->rings[rows->node->base], y, x);
        float *to = ring_cell(out, y, x);
        uint8_t levels[3 * DOWNSAMPLING * DOWNSAMPLING];
        int32_t sum = 0;
        memset(to, 0, out->depth * sizeof *to);
        s->kernels->to_levels(shown, levels, (size_t)(f * f * 3));
        for (ptrdiff_t i = 0; i < f * f * 3; i++) {
            ptrdiff_t row = y * f + i / (3 * f), column = x * f + i / 3 % f;
            if (row >= s->picture.height || column >= s->picture.width) continue;
            ptrdiff_t at = (row * s->picture.width + column) * 3 + i % 3;
            int32_t error = (int32_t)levels[i] - s->arrays.pixels[at];
            sum += error * error;
            if (decoded[i] > -.5f && decoded[i] < .5f) to[i] = shown[i] - pixel_at(s, row, column, i % 3);
        }
        __atomic_fetch_add(&s->arrays.errors_out[y * f / DOWNSAMPLING * width + x * f / DOWNSAMPLING], sum, __ATOMIC_RELAXED);
    }
    (void)thread;
}

NODE(find_error, do_find_error)

static void do_give_pixels(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct lic_picture *p = &s->picture;
    const struct ring *in = &s->rings[rows->node->input];
    ptrdiff_t y = rows->first + (ptrdiff_t)item, f = s->rows_of_cell;
    for (ptrdiff_t x = in->area.left; x < in->area.right; x++) {
        uint8_t levels[3 * DOWNSAMPLING * DOWNSAMPLING];
        s->kernels->to_levels(ring_cell(in, y, x), levels, (size_t)(f * f * 3));
        ptrdiff_t from = larger(x * f, p->left), to = smaller(x * f + f, p->right);
        for (ptrdiff_t row = larger(y * f, p->top); row < smaller(y * f + f, p->bottom) && from < to; row++)
            memcpy(s->arrays.pixels_out + ((row - s->arrays.first_out) * (p->right - p->left) + from - p->left) * 3,
                   levels + ((row - y * f) * f + from - x * f) * 3, (size_t)(to - from) * 3);
    }
    (void)thread;
}

/* A reduced picture has the means of squares of pixels. */
static void do_give_means(void *about, size_t item, size_t thread) {
    const struct rows *rows = about;
    const struct lic_stream *s = rows->s;
    const struct lic_picture *p = &s->picture;
    const struct ring *in = &s->rings[rows->node->input];
    ptrdiff_t n = p->reduce, f = s->rows_of_cell, left = p->left / n, right = divided_up(p->right, n);
    ptrdiff_t y = rows->first + (ptrdiff_t)item; /* of the reduced picture */
    for (ptrdiff_t x = left; x < right; x++)
        for (ptrdiff_t colour = 0; colour < 3; colour++) {
            float sum = 0, mean;
            for (ptrdiff_t i = 0; i < n * n; i++) {
                ptrdiff_t row = y * n + i / n, column = x * n + i % n;
                sum += ring_cell(in, row / f, column / f)[(row % f * f + column % f) * 3 + colour];
            }
            mean = sum / (float)(n * n);
            s->kernels->to_levels(&mean, s->arrays.pixels_out + ((y - s->arrays.first_out) * (right - left) + x - left) * 3 + colour, 1);
        }
    (void)thread;
}

void give_pixels(struct lic_stream *s, const struct node *n, ptrdiff_t first, ptrdiff_t last) {
    ptrdiff_t f = s->rows_of_cell, reduce = s->picture.reduce;
    if (reduce == 1) run_rows(s, n, do_give_pixels, first, last);
    if (reduce == 1) return;
    ptrdiff_t top = larger(first * f, s->picture.top) / reduce, bottom = divided_up(smaller(last * f, s->picture.bottom), reduce);
    struct rows rows = {s, n, top};
    if (top < bottom) team_run(s->team, do_give_means, &rows, (size_t)(bottom - top));
}
