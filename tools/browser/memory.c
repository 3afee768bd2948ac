/* Memory without a C library: blocks in the order of their addresses, each behind a header; freed neighbours become
   one. There are few blocks, so the first that is large enough is looked for from the beginning. */

#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 65536
#define ALIGNMENT 16

struct block {
    size_t size; /* of what follows the header */
    int used;
    char padding[ALIGNMENT - sizeof(size_t) - sizeof(int)];
};

extern unsigned char __heap_base; /* of the linker: where static data end */
static unsigned char *begin, *end; /* of all blocks */

static struct block *next_of(struct block *block) { return (struct block *)((unsigned char *)(block + 1) + block->size); }

/* A new block behind the last one. */
static struct block *append(size_t size) {
    if (!begin) begin = end = (unsigned char *)(((size_t)&__heap_base + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    size_t memory = __builtin_wasm_memory_size(0) * (uint64_t)PAGE, room = memory - (size_t)end;
    size_t wanted = size + sizeof(struct block);
    if (wanted > room && __builtin_wasm_memory_grow(0, (wanted - room + PAGE - 1) / PAGE) == SIZE_MAX) return NULL;
    struct block *block = (struct block *)end;
    end += wanted;
    *block = (struct block){.size = size};
    return block;
}

EXPORT(allocate) void *malloc(size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *found = NULL;
    for (struct block *block = (struct block *)begin; (unsigned char *)block < end && !found; block = next_of(block)) {
        if (block->used) continue;
        for (struct block *next; (unsigned char *)(next = next_of(block)) < end && !next->used;)
            block->size += sizeof *next + next->size;
        if (block->size >= size) found = block;
    }
    if (!found && !(found = append(size))) return NULL;
    if (found->size > size + sizeof *found) { /* the rest is a block of its own */
        size_t rest = found->size - size - sizeof *found;
        found->size = size;
        *next_of(found) = (struct block){.size = rest};
    }
    found->used = 1;
    return found + 1;
}

EXPORT(release) void free(void *at) {
    if (at) ((struct block *)at - 1)->used = 0;
}

void *calloc(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) return NULL;
    void *block = malloc(count * size);
    if (block) memset(block, 0, count * size);
    return block;
}

/* The compiler calls these two for long copies; with bulk memory operations it has instructions for them. */

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    unsigned char *out = to;
    const unsigned char *in = from;
    for (size_t i = 0; i < size; i++) out[i] = in[i];
    return to;
}

void *memset(void *to, int byte, size_t size) {
    unsigned char *out = to;
    for (size_t i = 0; i < size; i++) out[i] = (unsigned char)byte;
    return to;
}

int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *a = left, *b = right;
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

/* What the module was made of: .ci/wasm. */
EXPORT(sources) const char *sources(void) { return SOURCES; }
