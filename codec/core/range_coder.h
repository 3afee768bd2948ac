/* The range coder: numbers by their frequencies of 2^24 <-> bytes. FORMAT.md, section 2. */

#ifndef LIC_RANGE_CODER_H
#define LIC_RANGE_CODER_H

#include <stddef.h>
#include <stdint.h>

#include "constants.h"
#include "core.h"

#define TOTAL (UINT32_C(1) << TOTAL_BITS)

/* The place of the leading one. */
static inline int log2_of(uint64_t value) {
#ifdef __GNUC__
    return 63 - __builtin_clzll(value);
#else
    int bits = 0;
    while (value >>= 1) bits++;
    return bits;
#endif
}

struct encoder {
    uint64_t lower, range;
    uint8_t *begin, *at, *end;
    int full;
};

static inline void write_word(struct encoder *e, uint32_t word) {
    if (e->end - e->at < 4) {
        e->full = 1;
        return;
    }
    for (int shift = 24; shift >= 0; shift -= 8) *e->at++ = (uint8_t)(word >> shift);
}

/* Add one to the number that the bytes so far are. */
static inline void carry(struct encoder *e) {
    for (uint8_t *byte = e->at; byte > e->begin && ++*--byte == 0;) {
    }
}

static inline void put(struct encoder *e, uint32_t below, uint32_t frequency) {
    uint64_t scale = e->range >> TOTAL_BITS;
    uint64_t lower = e->lower + scale * below;
    if (lower < e->lower) carry(e);
    e->lower = lower;
    e->range = scale * frequency;
    if (e->range >> 32 == 0) {
        write_word(e, (uint32_t)(lower >> 32));
        e->lower <<= 32;
        e->range <<= 32;
    }
}

/* Enough of `lower` to stay within the range, whatever a decoder reads behind it. */
static inline void finish(struct encoder *e) {
    uint64_t point = e->lower + UINT32_MAX;
    if (point < e->lower) carry(e);
    uint32_t word = (uint32_t)(point >> 32), upper = (uint32_t)((e->lower + e->range) >> 32);
    write_word(e, word);
    if (upper == word) write_word(e, 0);
    for (int i = 0; i < MAX_CUT && e->at > e->begin && e->at[-1] == 0xff; i++) e->at--;
}

/* FORMAT.md's decoder has `lower` and `point`; only their difference counts. */
struct decoder {
    uint64_t ahead, range;
    const uint8_t *data;
    size_t at, size;
};

static inline uint32_t read_word(struct decoder *d) {
    uint32_t word = 0;
    size_t filled = (d->size + 4 + 3) / 4 * 4; /* with bytes of 255: the data's end, and words of 0 behind it */
    if (d->at >= filled) return 0;
    for (int i = 0; i < 4; i++, d->at++) word = word << 8 | (d->at < d->size ? d->data[d->at] : 0xff);
    return word;
}

static inline void take(struct decoder *d, uint64_t below, uint64_t range) {
    d->ahead -= below;
    d->range = range;
    if (range >> 32 == 0) {
        d->ahead = (d->ahead << 32) + read_word(d);
        d->range = range << 32;
    }
}

/* The uniform symbols: all have the same frequency, but the last takes the rest, too. */

static inline uint32_t uniform_frequency(uint32_t value, uint32_t size) {
    uint32_t each = TOTAL / size;
    return value + 1 < size ? each : TOTAL - each * (size - 1);
}

static inline void put_uniform(struct encoder *e, uint32_t value, uint32_t size) {
    put(e, TOTAL / size * value, uniform_frequency(value, size));
}

static inline enum lic_result get_uniform(struct decoder *d, uint32_t size, uint32_t *value) {
    uint64_t scale = d->range >> TOTAL_BITS, quantile = d->ahead / scale;
    if (quantile >= TOTAL) return LIC_CORRUPT;
    uint32_t each = TOTAL / size, found = (uint32_t)quantile / each;
    *value = found < size ? found : size - 1;
    take(d, scale * (each * *value), scale * uniform_frequency(*value, size));
    return LIC_OK;
}

/* 0, -1, 1, -2, 2 ... as 1, 2, 3, 4, 5 ... */
static inline uint64_t zigzag_plus_one(int64_t symbol) {
    uint64_t size = symbol < 0 ? ~(uint64_t)symbol : (uint64_t)symbol;
    return 2 * size + (symbol < 0) + 1;
}

static inline void put_escaped(struct encoder *e, int64_t symbol) {
    uint64_t value = zigzag_plus_one(symbol);
    int bits = log2_of(value); /* at most 31, of symbols up to MAX_SYMBOL */
    put_uniform(e, (uint32_t)bits, 32);
    for (int shift = 0; shift < bits; shift += PIECE_BITS) {
        int piece = bits - shift < PIECE_BITS ? bits - shift : PIECE_BITS;
        put_uniform(e, (uint32_t)(value >> shift) & ((1u << piece) - 1), 1u << piece);
    }
}

static inline enum lic_result get_escaped(struct decoder *d, int64_t *symbol) {
    uint32_t bits, part;
    if (get_uniform(d, 32, &bits)) return LIC_CORRUPT;
    uint64_t value = UINT64_C(1) << bits;
    for (uint32_t shift = 0; shift < bits; shift += PIECE_BITS) {
        uint32_t piece = bits - shift < PIECE_BITS ? bits - shift : PIECE_BITS;
        if (get_uniform(d, 1u << piece, &part)) return LIC_CORRUPT;
        value += (uint64_t)part << shift;
    }
    value -= 1;
    *symbol = value % 2 ? -(int64_t)(value / 2) - 1 : (int64_t)(value / 2);
    return LIC_OK;
}

struct table {
    int64_t first;
    const uint32_t *below;
    uint32_t escape; /* the last entry */
    uint32_t likeliest, likeliest_below, likeliest_frequency;
};

static inline uint32_t end_of(const struct table *t, uint32_t entry) { return entry < t->escape ? t->below[entry + 1] : TOTAL; }

/* Most symbols are the likeliest of their tables, and are recognised without a division. */
static inline enum lic_result get_entry(struct decoder *d, const struct table *t, uint32_t *entry) {
    uint64_t scale = d->range >> TOTAL_BITS;
    uint64_t below = scale * t->likeliest_below, range = scale * t->likeliest_frequency;
    *entry = t->likeliest;
    if (d->ahead - below >= range) {
        uint64_t quantile = d->ahead / scale;
        if (quantile >= TOTAL) return LIC_CORRUPT;
        uint32_t low = 0, high = t->escape + 1; /* below[low] <= quantile < below[high] */
        while (high - low > 1) {
            uint32_t middle = low + (high - low) / 2;
            if (t->below[middle] <= quantile)
                low = middle;
            else
                high = middle;
        }
        *entry = low;
        below = scale * t->below[low];
        range = scale * (end_of(t, low) - t->below[low]);
    }
    take(d, below, range);
    return LIC_OK;
}

#endif
