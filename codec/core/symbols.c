/* Symbols <-> bytes, and the tables that they choose: the calls of core.h's first half. */

#include <string.h>

#include "walk.h"

enum { MAX_NUMBER = MAX_SYMBOL / 2 }; /* of a quantiser's levels */

/* The purpose of a walk: exactly one of encoder, decoder and numbers is there. */
struct task {
    struct encoder *encoder;
    struct decoder *decoder;
    uint16_t *numbers; /* of tables */
};

/* The positions of one table, and at the end of `escaped` those whose symbols do not fit in it. */
static void encode_run(struct walk *w, struct encoder *e, size_t table, const uint32_t *cells, size_t count,
                       uint32_t **escaped) {
    struct table t = w->all_tables[table];
    for (size_t i = 0; i < count; i++) {
        size_t cell = cells[i];
        int64_t entry = w->values[cell] - t.first;
        if (entry < 0 || entry >= t.escape) {
            entry = t.escape;
            *(*escaped)++ = (uint32_t)cell;
        }
        uint32_t below = t.below[entry];
        put(e, below, end_of(&t, (uint32_t)entry) - below);
    }
}

static enum lic_result decode_run(struct walk *w, struct decoder *decoder, size_t table, const uint32_t *cells,
                                  size_t count, uint32_t **escaped) {
    struct table t = w->all_tables[table];
    struct decoder d = *decoder; /* in registers, whatever the values' array might overlap */
    for (size_t i = 0; i < count; i++) {
        size_t cell = cells[i];
        uint32_t entry;
        if (get_entry(&d, &t, &entry)) return LIC_CORRUPT;
        if (entry == t.escape) {
            *(*escaped)++ = (uint32_t)cell;
            continue;
        }
        int64_t value = t.first + entry;
        if (value < -MAX_SYMBOL || value > MAX_SYMBOL) return LIC_CORRUPT;
        w->values[cell] = (int32_t)value;
    }
    *decoder = d;
    return LIC_OK;
}

/* Positions from `begin` to `end`. Those that escape are written over others that are done. */
static enum lic_result code_run(struct walk *w, const struct task *task, size_t table, size_t begin, size_t end,
                                uint32_t **escaped) {
    const uint32_t *cells = w->positions + begin;
    if (task->decoder) return decode_run(w, task->decoder, table, cells, end - begin, escaped);
    encode_run(w, task->encoder, table, cells, end - begin, escaped);
    return LIC_OK;
}

/* The symbols that escaped from their tables in a pass. */
static enum lic_result code_escaped(struct walk *w, const struct task *task, const uint32_t *end) {
    for (const uint32_t *cell = w->positions; cell < end; cell++) {
        int64_t value = w->values[*cell];
        if (task->encoder) {
            put_escaped(task->encoder, value);
            continue;
        }
        if (get_escaped(task->decoder, &value)) return LIC_CORRUPT;
        if (value < -MAX_SYMBOL || value > MAX_SYMBOL) return LIC_CORRUPT;
        w->values[*cell] = (int32_t)value;
    }
    return LIC_OK;
}

/* The order of symbols within a pass does not matter for the choice of their tables. */
static void note_tables(const struct walk *w, const struct task *task, size_t channel, size_t y, const struct line *line,
                        const uint8_t *chosen) {
    uint16_t *row = task->numbers + (channel * w->rows + y) * w->columns + line->parity;
    for (size_t i = 0; i < line->count; i++) row[2 * i] = chosen[i];
}

static enum lic_result code_pass(struct walk *w, const struct task *task, size_t channel, size_t pass) {
    uint32_t next[MAX_TABLES + 1] = {0}; /* first how many positions there are of each table */
    size_t count = 0;
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *line = line_of_pass(w, channel, pass, y);
        if (!line) continue;
        uint8_t *chosen = w->chosen + count;
        choose_tables(w, channel, pass, line, chosen);
        if (task->numbers) note_tables(w, task, channel, y, line, chosen);
        for (size_t i = 0; i < line->count; i++) next[chosen[i] + 1]++;
        count += line->count;
    }
    if (!task->numbers) {
        for (size_t table = 0; table < w->tables->count; table++) next[table + 1] += next[table];
        const uint8_t *chosen = w->chosen;
        for (size_t y = 0; y < w->rows; y++) {
            const struct line *line = line_of_pass(w, channel, pass, y);
            if (!line) continue;
            for (size_t i = 0; i < line->count; i++) w->positions[next[*chosen++]++] = (uint32_t)(line->at + i);
        }
        /* Now next[t] is where the run of table t ends. */
        uint32_t *escaped = w->positions;
        for (size_t table = 0, begin = 0; begin < count; begin = next[table++])
            if (next[table] > begin) {
                enum lic_result result = code_run(w, task, table, begin, next[table], &escaped);
                if (result) return result;
            }
        enum lic_result result = code_escaped(w, task, escaped);
        if (result) return result;
    }
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *line = line_of_pass(w, channel, pass, y);
        if (!line) continue;
        note_magnitudes(w, line, y);
    }
    return LIC_OK;
}

/* ---- two quantisers: codec/entropy/quantisers.py ---- */

/* The levels of a line become numbers, which are coded, or their tables noted. */
static enum lic_result encode_line(struct walk *w, const struct task *task, size_t channel, size_t pass, size_t y,
                                   const struct line *line) {
    size_t first = (channel * w->rows + y) * w->columns + line->parity;
    uint8_t *state = &w->states[pass];
    for (size_t i = 0; i < line->count; i++) {
        unsigned quantiser = *state & 1;
        size_t table = w->chosen[i] + quantiser * w->pairs;
        int64_t level = w->values[line->at + i], half = ((level < 0 ? -level : level) + quantiser) / 2;
        int64_t number = level < 0 ? -half : half;
        if (level_of(number, quantiser) != level || half > MAX_NUMBER) return LIC_BAD_ARGUMENT;
        w->values[line->at + i] = (int32_t)number;
        *state = w->contexts->states[2 * *state + (number & 1)];
        if (task->numbers) {
            task->numbers[first + 2 * i] = (uint16_t)table;
            continue;
        }
        struct table t = w->all_tables[table];
        int64_t inside = number - t.first;
        uint32_t entry = inside < 0 || inside >= t.escape ? t.escape : (uint32_t)inside;
        put(task->encoder, t.below[entry], end_of(&t, entry) - t.below[entry]);
        if (entry == t.escape) put_escaped(task->encoder, number);
    }
    return LIC_OK;
}

/* The numbers of a line, and in `chosen` their quantisers. */
static enum lic_result decode_line(struct walk *w, struct decoder *decoder, size_t pass, const struct line *line) {
    const uint8_t *states = w->contexts->states;
    const struct table *tables[QUANTISERS] = {w->all_tables, w->all_tables + w->pairs};
    struct decoder d = *decoder; /* in registers */
    size_t state = w->states[pass];
    for (size_t i = 0; i < line->count; i++) {
        const struct table *t = tables[state & 1] + w->chosen[i];
        uint32_t entry;
        if (get_entry(&d, t, &entry)) return LIC_CORRUPT;
        int64_t number = t->first + entry;
        if (entry == t->escape && get_escaped(&d, &number)) return LIC_CORRUPT;
        if (number < -MAX_NUMBER || number > MAX_NUMBER) return LIC_CORRUPT;
        w->values[line->at + i] = (int32_t)number;
        w->chosen[i] = state & 1;
        state = states[2 * state + (number & 1)];
    }
    w->states[pass] = (uint8_t)state;
    *decoder = d;
    return LIC_OK;
}

/* Decoded numbers become levels. */
static void restore_levels(const struct walk *w, const struct line *line) {
    int32_t *values = w->values + line->at;
    for (size_t i = 0; i < line->count; i++) values[i] = (int32_t)level_of(values[i], w->chosen[i]);
}

/* In row-major order, since every symbol depends on the one before. None is a neighbour of another one in the pass, so
   contexts may count each line at once. */
static enum lic_result code_dependent_pass(struct walk *w, const struct task *task, size_t channel, size_t pass) {
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *line = line_of_pass(w, channel, pass, y);
        if (!line) continue;
        choose_tables(w, channel, pass, line, w->chosen);
        enum lic_result result = task->decoder ? decode_line(w, task->decoder, pass, line)
                                               : encode_line(w, task, channel, pass, y, line);
        if (result) return result;
        note_magnitudes(w, line, y);
        if (task->decoder) restore_levels(w, line);
    }
    return LIC_OK;
}

/* The one pass of a channel without contexts. */
static enum lic_result code_plain(struct walk *w, const struct task *task, size_t channel) {
    uint32_t *escaped = w->positions;
    size_t count = 0, positions = w->rows * w->columns;
    if (task->numbers) {
        for (size_t i = 0; i < positions; i++) task->numbers[channel * positions + i] = (uint16_t)channel;
        return LIC_OK;
    }
    for (size_t y = 0; y < w->rows; y++) {
        const struct line *even = line_at(w, y, 0), *odd = line_at(w, y, 1);
        for (size_t x = 0; x < w->columns; x++)
            w->positions[count++] = (uint32_t)((x % 2 ? odd->at : even->at) + x / 2);
    }
    enum lic_result result = code_run(w, task, channel, 0, count, &escaped);
    return result ? result : code_escaped(w, task, escaped);
}

static enum lic_result code_channel(struct walk *w, const struct task *task, size_t channel) {
    if (w->contexts->order == LIC_PLAIN) return code_plain(w, task, channel);
    open_channel(w, channel);
    for (size_t pass = 0; pass < PHASES; pass++) {
        enum lic_result result = w->contexts->states ? code_dependent_pass(w, task, channel, pass)
                                                     : code_pass(w, task, channel, pass);
        if (result) return result;
    }
    add_channel(w, channel);
    return LIC_OK;
}

/* A channel's symbols to its cells, and to the largest ones; levels as they are, since that would change their parity. */
static void load(const struct walk *w, const int32_t *symbols) {
    int64_t limit = w->contexts->order == LIC_PHASES && w->contexts->states ? INT64_MAX : MAX_SYMBOL;
    for (size_t y = 0; y < w->rows; y++)
        for (unsigned parity = 0; parity < 2; parity++) {
            const struct line *line = line_at(w, y, parity);
            const int32_t *row = symbols + y * w->columns + parity;
            for (size_t i = 0; i < line->count; i++) {
                int64_t value = row[2 * i];
                w->values[line->at + i] = (int32_t)(value < -limit ? -limit : value > limit ? limit : value);
            }
        }
}

/* And back. */
static void store(const struct walk *w, int32_t *symbols) {
    for (size_t y = 0; y < w->rows; y++)
        for (unsigned parity = 0; parity < 2; parity++) {
            const struct line *line = line_at(w, y, parity);
            int32_t *row = symbols + y * w->columns + parity;
            for (size_t i = 0; i < line->count; i++) row[2 * i] = w->values[line->at + i];
        }
}

/* The number of channels up to the last that is not all zero. */
static size_t used_channels(const int32_t *symbols, size_t channels, size_t positions) {
    while (channels) {
        const int32_t *channel = symbols + (channels - 1) * positions;
        for (size_t i = 0; i < positions; i++)
            if (channel[i]) return channels;
        channels--;
    }
    return 0;
}

enum lic_result lic_encode(const struct lic_tables *tables, const struct lic_contexts *contexts,
                           const struct lic_chunk *chunk, const int32_t *symbols, uint8_t *data, size_t room,
                           size_t *size) {
    struct walk w;
    struct encoder e = {.range = UINT64_MAX, .begin = data, .at = data, .end = data + room};
    struct task task = {.encoder = &e};
    enum lic_result result = walk_start(&w, tables, contexts, chunk);
    if (result) return result;
    size_t positions = w.rows * w.columns, used = used_channels(symbols, contexts->channels, positions);
    put_uniform(&e, (uint32_t)used, (uint32_t)contexts->channels + 1);
    for (size_t channel = 0; channel < used; channel++) {
        load(&w, symbols + channel * positions);
        result = code_channel(&w, &task, channel);
        if (result) return result;
    }
    finish(&e);
    *size = (size_t)(e.at - data);
    return e.full ? LIC_BAD_ARGUMENT : LIC_OK;
}

enum lic_result lic_decode(const struct lic_tables *tables, const struct lic_contexts *contexts,
                           const struct lic_chunk *chunk, const uint8_t *data, size_t size, int32_t *symbols) {
    struct walk w;
    struct decoder d = {.range = UINT64_MAX, .data = data, .size = size};
    struct task task = {.decoder = &d};
    enum lic_result result = walk_start(&w, tables, contexts, chunk);
    if (result) return result;
    d.ahead = (uint64_t)read_word(&d) << 32;
    d.ahead += read_word(&d);
    uint32_t used;
    if (get_uniform(&d, (uint32_t)contexts->channels + 1, &used)) return LIC_CORRUPT;
    size_t positions = w.rows * w.columns;
    for (size_t channel = 0; channel < used; channel++) {
        result = code_channel(&w, &task, channel);
        if (result) return result;
        store(&w, symbols + channel * positions);
    }
    memset(symbols + used * positions, 0, (contexts->channels - used) * positions * sizeof *symbols);
    return LIC_OK;
}

enum lic_result lic_find_tables(const struct lic_tables *tables, const struct lic_contexts *contexts,
                                const struct lic_chunk *chunk, const int32_t *symbols, uint16_t *numbers) {
    struct walk w;
    struct task task = {.numbers = numbers};
    enum lic_result result = walk_start(&w, tables, contexts, chunk);
    if (result) return result;
    size_t positions = w.rows * w.columns, used = used_channels(symbols, contexts->channels, positions);
    for (size_t channel = 0; channel < used; channel++) {
        load(&w, symbols + channel * positions);
        result = code_channel(&w, &task, channel);
        if (result) return result;
    }
    for (size_t i = used * positions; i < contexts->channels * positions; i++) numbers[i] = LIC_NO_TABLE;
    return LIC_OK;
}

enum lic_result lic_guess_tables(const struct lic_tables *tables, const struct lic_contexts *contexts,
                                 const struct lic_chunk *chunk, const int32_t *guessed, uint16_t *numbers) {
    struct lic_tables of_one = *tables;
    struct lic_contexts uniform = *contexts;
    if (contexts->order == LIC_PHASES && contexts->states) of_one.count /= QUANTISERS, uniform.states = NULL;
    return lic_find_tables(&of_one, &uniform, chunk, guessed, numbers);
}
