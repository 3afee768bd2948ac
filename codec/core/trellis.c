/* Which levels an encoder chooses in dependent quantisation: core.h. codec/entropy/level_choice.py chooses the same.

   Viterbi's algorithm: of all ways through a pass's symbols that end in the same state only the cheapest can be part of
   the best one. So from symbol to symbol one way into each state is kept, its cost and the step that it came by. */

#include <stdlib.h>
#include <string.h>

#include "team.h"
#include "walk.h"

#define FARTHEST (float)(MAX_SYMBOL - BEYOND)
#define UNREACHED __builtin_inff() /* a cost */

enum { PARITIES = 2 };
enum { BELOW, ABOVE, ZERO }; /* which of the numbers that are tried */

/* The cheapest even, or odd, number that a symbol can become in a quantiser: which of those tried, and its cost. */
struct candidate {
    unsigned which;
    float cost;
};

struct trellis {
    const struct lic_tables *tables;
    const float *prices;
    const struct lic_contexts *contexts;
    const struct lic_choice *choice;
    size_t half; /* tables of a quantiser */
    float *sure; /* by table: targets nearer to 0 become even numbers, which are 0 */
};

/* log2 of a frequency in 1/2^16, rounded: by the series of the inverse hyperbolic tangent, whose sums and quotients are
   the same on every machine. */
static float price_of(uint32_t frequency) {
    int places = log2_of(frequency);
    double mantissa = (double)frequency / (double)(UINT32_C(1) << places); /* 1 to 2 */
    double t = (mantissa - 1.4142135623730951) / (mantissa + 1.4142135623730951), square = t * t, power = t, sum = 0;
    for (int n = 1; n < 24; n += 2, power *= square) sum += power / n;
    double log2 = places + .5 + sum * 2.8853900817779268; /* 2 / ln 2 */
    return (float)(TOTAL_BITS - __builtin_floor(log2 * 65536 + .5) / 65536);
}

void lic_prices(const struct lic_tables *tables, float *prices) {
    for (size_t i = 0; i < tables->count; i++)
        for (uint32_t j = tables->start[i]; j < tables->start[i + 1]; j++) {
            uint32_t end = j + 1 < tables->start[i + 1] ? tables->below[j + 1] : TOTAL;
            prices[j] = price_of(end - tables->below[j]);
        }
}

/* The bits of a number under a table. */
static float bits_of(const struct trellis *t, size_t table, int64_t number) {
    uint32_t start = t->tables->start[table], escape = t->tables->start[table + 1] - 1 - start;
    int64_t entry = number - t->tables->first[table];
    if (entry >= 0 && entry < escape) return t->prices[start + entry];
    return t->prices[start + escape] + (float)(ESCAPED_BITS + log2_of(zigzag_plus_one(number)));
}

/* Those that are tried for a target of this size, without its sign: the two around it, and 0. */
static int64_t number_of(float size, size_t quantiser, unsigned parity, unsigned which) {
    int64_t below = (int64_t)((size + (float)quantiser) / 2);
    below -= (below ^ parity) & 1;
    return which == ZERO ? 0 : which == ABOVE ? below + 2 : below;
}

static float size_of(float target) {
    float size = target < 0 ? -target : target;
    return size < FARTHEST ? size : FARTHEST;
}

static void find_candidates(const struct trellis *t, size_t table, float target, int32_t present,
                            struct candidate best[QUANTISERS][PARITIES]) {
    float size = size_of(target);
    int sign = target < 0 ? -1 : 1;
    for (size_t q = 0; q < QUANTISERS; q++, table += t->half)
        for (unsigned parity = 0; parity < PARITIES; parity++) {
            best[q][parity].cost = UNREACHED;
            for (unsigned which = BELOW; which <= (parity ? ABOVE : ZERO); which++) {
                int64_t number = number_of(size, q, parity, which), level = level_of(number, (unsigned)q);
                float distance = size - (float)level;
                float cost = bits_of(t, table, sign * number) + t->choice->weight * (distance * distance);
                if (sign * level == present) cost -= t->choice->kept;
                if (cost < best[q][parity].cost) best[q][parity] = (struct candidate){which, cost};
            }
        }
}

/* For each table, how near to 0 a target must be for odd numbers to cost SURE_BITS more, in both quantisers. */
static void find_sure(const struct trellis *t) {
    float weight = t->choice->weight;
    for (size_t i = 0; i < t->half; i++) {
        t->sure[i] = UNREACHED;
        for (size_t q = 0; q < QUANTISERS; q++)
            for (int sign = -1; sign <= 1; sign += 2) {
                size_t table = i + q * t->half;
                float level = (float)(2 - q), more = bits_of(t, table, sign) - bits_of(t, table, 0);
                /* more + weight ((level - x)^2 - x^2) >= SURE_BITS */
                float border = (more - (float)SURE_BITS + weight * (level * level)) / (2 * level * weight);
                if (border < t->sure[i]) t->sure[i] = border;
            }
    }
}

/* One way to each state, in the order of the symbols. */
struct step {
    uint8_t from[MAX_STATES]; /* the state before, and the lowest bit is the parity */
    uint8_t which;            /* two bits for each candidate */
};

static void take_step(const struct trellis *t, double *costs, struct step *step, struct candidate best[QUANTISERS][PARITIES],
                      unsigned parities) {
    const uint8_t *states = t->contexts->states;
    size_t count = t->contexts->states_count;
    double next[MAX_STATES];
    for (size_t s = 0; s < count; s++) next[s] = UNREACHED;
    for (size_t s = 0; s < count; s++)
        for (unsigned parity = 0; parity < parities; parity++) {
            double cost = costs[s] + (double)best[s & 1][parity].cost;
            size_t to = states[2 * s + parity];
            if (!(cost < next[to])) continue;
            next[to] = cost;
            step->from[to] = (uint8_t)(s << 1 | parity);
        }
    memcpy(costs, next, sizeof next);
}

/* The symbols of a pass, in coding order: `places` are where they lie. */
static void find_ways(const struct trellis *t, const size_t *places, size_t count, struct step *steps, double *costs) {
    const struct lic_choice *c = t->choice;
    for (size_t i = 0; i < count; i++) {
        size_t table = c->numbers[places[i]];
        float target = c->targets[places[i]], size = size_of(target);
        int32_t present = c->levels[places[i]];
        struct candidate best[QUANTISERS][PARITIES];
        if (size < t->sure[table] && present == 0) {
            for (size_t q = 0; q < QUANTISERS; q++)
                best[q][0] = (struct candidate){ZERO, bits_of(t, table + q * t->half, 0) + c->weight * (size * size)};
            steps[i].which = ZERO | ZERO << 4;
            take_step(t, costs, &steps[i], best, 1);
            continue;
        }
        find_candidates(t, table, target, present, best);
        steps[i].which = (uint8_t)(best[0][0].which | best[0][1].which << 2 | best[1][0].which << 4 | best[1][1].which << 6);
        take_step(t, costs, &steps[i], best, PARITIES);
    }
}

/* Back along the cheapest way. */
static void take_way(const struct trellis *t, const size_t *places, size_t count, const struct step *steps, const double *costs) {
    size_t state = 0;
    for (size_t s = 1; s < t->contexts->states_count; s++)
        if (costs[s] < costs[state]) state = s;
    for (size_t i = count; i-- > 0;) {
        unsigned parity = steps[i].from[state] & 1;
        state = steps[i].from[state] >> 1;
        size_t q = state & 1;
        float target = t->choice->targets[places[i]];
        int64_t number = number_of(size_of(target), q, parity, steps[i].which >> (4 * q + 2 * parity) & 3);
        t->choice->levels[places[i]] = (int32_t)(target < 0 ? -1 : 1) * (int32_t)level_of(number, (unsigned)q);
    }
}

/* The places of a pass in channels that are in use, in coding order. */
static size_t find_places(const struct lic_contexts *contexts, size_t rows, size_t columns, const struct lic_choice *c, size_t *places) {
    size_t count = 0;
    for (size_t channel = 0; channel < contexts->channels; channel++) {
        size_t first = channel * rows * columns;
        if (c->numbers[first] == LIC_NO_TABLE) {
            for (size_t i = 0; i < rows * columns; i++)
                if (phase_of(i / columns, i % columns, channel) == c->phase) c->levels[first + i] = 0;
            continue;
        }
        for (size_t y = 0; y < rows; y++)
            for (size_t x = phase_of(y, 0, channel) != c->phase; x < columns && phase_of(y, x, channel) == c->phase; x += 2)
                places[count++] = first + y * columns + x;
    }
    return count;
}

enum lic_result lic_choose_levels(const struct lic_tables *tables, const struct lic_contexts *contexts, const float *prices,
                                  size_t rows, size_t columns, const struct lic_choice *choice) {
    size_t symbols = contexts->channels * rows * columns, half = tables->count / 2;
    size_t states = contexts->states ? contexts->states_count : 0;
    if (states < 1 || states > MAX_STATES || !(choice->weight > 0) || choice->phase >= PHASES) return LIC_BAD_ARGUMENT;
    for (size_t i = 0; i < 2 * states; i++)
        if (contexts->states[i] >= states) return LIC_BAD_ARGUMENT;
    for (size_t i = 0; i < symbols; i++)
        if (choice->numbers[i] >= half && choice->numbers[i] != LIC_NO_TABLE) return LIC_BAD_ARGUMENT;
    size_t most = (rows + 1) / 2 * ((columns + 1) / 2) * contexts->channels;
    struct trellis t = {tables, prices, contexts, choice, half, malloc(half * sizeof(float))};
    size_t *places = malloc(most * sizeof *places);
    struct step *steps = malloc(most * sizeof *steps);
    enum lic_result result = t.sure && places && steps ? LIC_OK : LIC_NO_MEMORY;
    if (!result) {
        double costs[MAX_STATES];
        unsigned mode = lic_round_to_nearest();
        for (size_t s = 0; s < MAX_STATES; s++) costs[s] = s ? UNREACHED : 0;
        size_t count = find_places(contexts, rows, columns, choice, places);
        find_sure(&t);
        find_ways(&t, places, count, steps, costs);
        take_way(&t, places, count, steps, costs);
        lic_restore_rounding(mode);
    }
    free(t.sure);
    free(places);
    free(steps);
    return result;
}
