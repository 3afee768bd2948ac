/* Memory without a C library: a stack of blocks that grows with the module's memory.

   What is needed for long (a model) is allocated first. A decoding notes where the stack ends, allocates what it needs,
   and releases all of it at once. */

#include "memory.h"

#include <string.h>

#define PAGE 65536
#define ALIGNMENT 16

extern unsigned char __heap_base; /* of the linker: where static data end */
static size_t top;

EXPORT(mark) size_t mark(void) {
    if (!top) top = ((size_t)&__heap_base + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return top;
}

EXPORT(release) void release(size_t to) { top = to; }

EXPORT(allocate) void *allocate(size_t size) {
    size_t start = mark(), room = __builtin_wasm_memory_size(0) * (uint64_t)PAGE - start;
    if (size > SIZE_MAX - ALIGNMENT - start) return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > room && __builtin_wasm_memory_grow(0, (size - room + PAGE - 1) / PAGE) == SIZE_MAX) return NULL;
    top = start + size;
    return (void *)start;
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

/* What the module was made of: .ci/wasm. */
EXPORT(sources) const char *sources(void) { return SOURCES; }
