/* Fuzz the compiled coder under sanitizers: random models, latents and damaged streams.

       gcc -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Icodec/core \
           tests/fuzz/core.c codec/core/{contexts,symbols,team,trellis,walk}.c -lm -o fuzz-core
       ./fuzz-core 0 100000       # the first seed, and how many

   Each seed is one execution. It makes tables and contexts, from sensible to absurd, and latents, in memory of exactly
   their size; for two quantisers it makes levels of them, or chooses some; encodes and prices them; decodes the stream,
   the stream damaged, and noise. Where a sanitizer finds something, or a claim does not hold, the program ends and says
   which seed it was. */

#include <math.h>
#include <string.h>

#include "core.h"
#include "fuzz.h"
#include "phases.h"

struct model {
    struct lic_tables tables;
    struct lic_contexts contexts;
    double *cost;
    int broken; /* the core must refuse it */
};

static void make_tables(struct model *m, size_t count, int absurd) {
    int32_t *first = room(count, sizeof *first);
    uint32_t *start = room(count + 1, sizeof *start), entries = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t size = 2 + below(below(4) ? 30 : 2);
        first[i] = absurd && !below(4) ? (int32_t)wild(32) : (int32_t)below(3) - (int32_t)(size / 2);
        start[i] = entries;
        entries += size;
    }
    start[count] = entries;
    uint32_t *sums = room(entries, sizeof *sums);
    m->cost = room(entries, sizeof *m->cost);
    for (size_t i = 0; i < count; i++) {
        uint32_t sum = 0, left = (1 << 24) - (start[i + 1] - start[i]);
        for (uint32_t j = start[i]; j < start[i + 1]; j++) {
            uint32_t part = below(left + 1) >> (i + j) % 4;
            if (!below(3)) part = 0;
            if (j + 1 == start[i + 1]) part = left;
            m->cost[j] = 24 - log2(1 + part);
            sums[j] = sum;
            sum += 1 + part;
            left -= part;
        }
    }
    if (!below(100)) {
        m->broken = 1;
        uint32_t table = below((uint32_t)count);
        if (below(2))
            sums[start[table]] = 1; /* a table that does not begin at 0 */
        else
            start[table + 1] = start[table]; /* one without entries */
    }
    m->tables = (struct lic_tables){count, first, start, sums};
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void make_model(struct model *m) {
    int absurd = !below(3);
    enum lic_order order = (enum lic_order)below(2);
    size_t channels = 1 + below(below(3) ? 12 : 27), passes = 4;
    size_t thresholds_count = below(below(4) ? 30 : 256), tables = 1 + below(below(8) ? 20 : 256);
    int dependent = order == LIC_PHASES && below(2);
    *m = (struct model){.contexts = {.order = order, .channels = channels, .thresholds_count = thresholds_count}};
    make_tables(m, order == LIC_PLAIN ? channels : dependent ? 2 * tables : tables, absurd);
    if (order == LIC_PLAIN) return;
    size_t weights_count = channels * passes * 9;
    int32_t *weights = room(weights_count, sizeof *weights);
    for (size_t i = 0; i < weights_count; i++)
        weights[i] = absurd ? (int32_t)wild(32) : (int32_t)below(1 << 15) - (1 << 12);
    int64_t *thresholds = room(thresholds_count, sizeof *thresholds);
    for (size_t i = 0; i < thresholds_count; i++)
        thresholds[i] = absurd ? wild(64) : (int64_t)(exp2(14 + 15.0 * (double)i / (double)thresholds_count));
    qsort(thresholds, thresholds_count, sizeof *thresholds, by_size);
    size_t index_count = channels * passes * (thresholds_count + 1);
    uint8_t *index = room(index_count, sizeof *index);
    for (size_t i = 0; i < index_count; i++) index[i] = (uint8_t)below((uint32_t)tables);
    if (tables < 256 && !below(100)) {
        m->broken = 1;
        index[below((uint32_t)index_count)] = (uint8_t)tables;
    }
    int16_t *earlier = NULL;
    if (below(3)) {
        size_t count = lic_earlier_size(channels);
        earlier = room(count, sizeof *earlier);
        for (size_t i = 0; i < count; i++) earlier[i] = (int16_t)(absurd ? wild(16) : (int64_t)below(2000) - 1000);
    }
    uint8_t *states = NULL;
    if (dependent) {
        size_t count = m->contexts.states_count = 2 + below(7);
        states = room(2 * count, 1);
        for (size_t i = 0; i < 2 * count; i++) states[i] = (uint8_t)below((uint32_t)count);
        if (!below(100)) {
            m->broken = 1;
            states[below(2 * (uint32_t)count)] = (uint8_t)count;
        }
    }
    m->contexts.states = states;
    m->contexts.weights = weights;
    m->contexts.thresholds = thresholds;
    m->contexts.index = index;
    m->contexts.earlier = earlier;
}

static void free_model(struct model *m) {
    free((void *)m->tables.first);
    free((void *)m->tables.start);
    free((void *)m->tables.below);
    free((void *)m->contexts.weights);
    free((void *)m->contexts.thresholds);
    free((void *)m->contexts.index);
    free((void *)m->contexts.earlier);
    free((void *)m->contexts.states);
    free(m->cost);
}

/* The levels that symbols, as numbers of the quantisers, stand for. */
static void make_levels(const struct model *m, const struct lic_chunk *chunk, int32_t *symbols) {
    size_t states[4] = {0};
    for (size_t c = 0; c < m->contexts.channels; c++)
        for (size_t y = 0; y < chunk->rows; y++)
            for (size_t x = 0; x < chunk->columns; x++, symbols++) {
                int32_t number = *symbols / 4;
                size_t *state = &states[phase_of(y, x, c)];
                *symbols = 2 * number - (int32_t)(*state & 1) * ((number > 0) - (number < 0));
                *state = m->contexts.states[2 * *state + (number & 1)];
            }
}

static int32_t clamped(int32_t value) { return value < -(1 << 30) ? -(1 << 30) : value > 1 << 30 ? 1 << 30 : value; }

/* A copy in memory of exactly its size; damaged: with bits flipped, and longer or shorter. */
static uint8_t *copy_of(const uint8_t *data, size_t *size, int damage) {
    size_t more = damage && !below(3) ? below(20) : 0, length = *size + more;
    uint8_t *whole = room(length, 1);
    if (*size) memcpy(whole, data, *size);
    for (size_t i = *size; i < length; i++) whole[i] = (uint8_t)next();
    for (uint32_t i = damage && length ? below(4) : 0; i; i--) {
        uint32_t bit = below(8 * (uint32_t)length);
        whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    if (damage && !below(3)) length -= below((uint32_t)length + 1);
    uint8_t *out = room(length, 1);
    if (length) memcpy(out, whole, length);
    free(whole);
    *size = length;
    return out;
}

/* What a symbol costs under a table. */
static double price(const struct model *m, size_t number, int32_t symbol) {
    if (number == LIC_NO_TABLE) return symbol ? INFINITY : 0;
    MUST(number < m->tables.count);
    uint32_t start = m->tables.start[number], escape = m->tables.start[number + 1] - start - 1;
    if (m->contexts.states) {
        int quantiser = number >= m->tables.count / 2;
        int32_t level = symbol;
        symbol = (level + quantiser * (level > 0) - quantiser * (level < 0)) / 2;
        MUST(level == 2 * symbol - quantiser * ((symbol > 0) - (symbol < 0)));
    }
    int64_t entry = (int64_t)symbol - m->tables.first[number];
    if (entry >= 0 && entry < escape) return m->cost[start + entry];
    return m->cost[start + escape] + 5 + floor(log2(symbol < 0 ? -2.0 * symbol : 2.0 * symbol + 1));
}

static enum lic_result decode(const struct model *m, const struct lic_chunk *chunk, size_t count, const uint8_t *data,
                              size_t size, int damage, int32_t *out) {
    uint8_t *copy = copy_of(data, &size, damage);
    memset(out, 0x55, count * sizeof *out);
    enum lic_result result = lic_decode(&m->tables, &m->contexts, chunk, copy, size, out);
    if (result == LIC_OK)
        for (size_t i = 0; i < count; i++) MUST(out[i] == clamped(out[i]));
    free(copy);
    return result;
}

/* Levels for targets of all sizes, in the place of others. */
static void choose_levels(const struct model *m, const struct lic_chunk *chunk, size_t count, const uint16_t *numbers, int32_t *levels) {
    float *prices = room(m->tables.start[m->tables.count], sizeof *prices), *targets = room(count, sizeof *targets);
    lic_prices(&m->tables, prices);
    for (size_t i = 0; i < count; i++) targets[i] = (float)wild(below(4) ? 5 : 40) / 4;
    struct lic_choice choice = {.weight = (float)(1 + below(100)) / 8, .kept = (float)below(8), .targets = targets};
    choice.numbers = numbers, choice.levels = levels;
    for (choice.phase = 0; choice.phase < PHASES; choice.phase++)
        MUST(lic_choose_levels(&m->tables, &m->contexts, prices, chunk->rows, chunk->columns, &choice) == LIC_OK);
    MUST(lic_choose_levels(&m->tables, &m->contexts, prices, chunk->rows, chunk->columns, &choice) == LIC_BAD_ARGUMENT);
    free(prices);
    free(targets);
}

static size_t ends[2][LIC_BAD_ARGUMENT + 1]; /* how often encoding and decoding came to each result */

static void execute(void) {
    struct model m;
    make_model(&m);
    struct lic_chunk chunk = {.rows = 1 + below(9)};
    chunk.columns = 1 + below(below(8) ? 9 : 40);
    size_t count = m.contexts.channels * chunk.rows * chunk.columns, size = 0, most = lic_encoded_bound(count);
    size_t workspace = lic_workspace_size(&m.tables, &m.contexts, chunk.rows, chunk.columns);
    MUST(workspace > 0);
    chunk.workspace = room(workspace, 1);
    memset(chunk.workspace, (int)below(256), workspace); /* what an earlier call may have left there */
    int32_t *symbols = room(count, sizeof *symbols), *decoded = room(count, sizeof *decoded);
    int spread = (int)below(4);
    size_t empty_from = below((uint32_t)m.contexts.channels + 5);
    for (size_t i = 0; i < count; i++) {
        symbols[i] = spread == 0 ? (int32_t)wild(32) : (int32_t)wild(2 + spread);
        if (spread && below(3)) symbols[i] = 0;
        if (i / (chunk.rows * chunk.columns) >= empty_from) symbols[i] = 0;
    }
    uint8_t *data = room(most, 1);
    uint16_t *numbers = room(count, sizeof *numbers);
    enum lic_result found = lic_guess_tables(&m.tables, &m.contexts, &chunk, symbols, numbers);
    MUST((found == LIC_BAD_ARGUMENT) == m.broken || (found == LIC_OK && m.contexts.states));
    if (m.contexts.states) { /* most symbols are no levels */
        MUST((found = lic_encode(&m.tables, &m.contexts, &chunk, symbols, data, most, &size)) != LIC_CORRUPT);
        MUST(found != LIC_OK || decode(&m, &chunk, count, data, size, 0, decoded) == LIC_OK);
        if (!m.broken && below(2)) make_levels(&m, &chunk, symbols);
        else if (!m.broken) choose_levels(&m, &chunk, count, numbers, symbols);
    }
    enum lic_result result = lic_encode(&m.tables, &m.contexts, &chunk, symbols, data, most, &size);
    ends[0][result]++;
    MUST(result == (m.broken ? LIC_BAD_ARGUMENT : LIC_OK));

    found = lic_find_tables(&m.tables, &m.contexts, &chunk, symbols, numbers);
    MUST((found == LIC_BAD_ARGUMENT) == m.broken);
    if (result == LIC_OK) {
        double sum = log2((double)m.contexts.channels + 1);
        int clamps = 0;
        for (size_t i = 0; i < count; i++) {
            double bits = price(&m, numbers[i], clamped(symbols[i]));
            MUST(bits >= 0 && bits < 100);
            sum += bits;
            clamps |= symbols[i] != clamped(symbols[i]);
        }
        MUST(clamps || fabs(8.0 * (double)size - sum) < 0.01 * sum + 72);
        MUST(decode(&m, &chunk, count, data, size, 0, decoded) == LIC_OK);
        for (size_t i = 0; i < count; i++) MUST(decoded[i] == clamped(symbols[i]));
        if (size) { /* too little room is found out; a little more than the stream is written before its end is cut */
            size_t little = below((uint32_t)size), written = 0;
            uint8_t *out = room(little, 1);
            MUST(lic_encode(&m.tables, &m.contexts, &chunk, symbols, out, little, &written) == LIC_BAD_ARGUMENT);
            free(out);
        }
    } else {
        size = below(60);
        for (size_t i = 0; i < size; i++) data[i] = (uint8_t)next();
    }
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            for (size_t k = 0; k < size; k++) data[k] = (uint8_t)next();
        result = decode(&m, &chunk, count, data, size, 1, decoded);
        ends[1][result]++;
        MUST((result == LIC_BAD_ARGUMENT) == m.broken);
        if (result == LIC_OK) {
            size_t again;
            uint8_t *out = room(most, 1);
            MUST(lic_encode(&m.tables, &m.contexts, &chunk, decoded, out, most, &again) == LIC_OK);
            memcpy(symbols, decoded, count * sizeof *symbols);
            MUST(decode(&m, &chunk, count, out, again, 0, decoded) == LIC_OK);
            MUST(!memcmp(symbols, decoded, count * sizeof *symbols));
            free(out);
        }
    }
    free(numbers);
    free(data);
    free(symbols);
    free(decoded);
    free(chunk.workspace);
    free_model(&m);
}

int main(int count, char **arguments) {
    fuzz(count, arguments, execute);
    printf("encoded %zu, refused %zu; decoded %zu, corrupt %zu, refused %zu\n", ends[0][LIC_OK],
           ends[0][LIC_BAD_ARGUMENT], ends[1][LIC_OK], ends[1][LIC_CORRUPT], ends[1][LIC_BAD_ARGUMENT]);
    return 0;
}
