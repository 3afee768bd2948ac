/* Memory of the WebAssembly module, and how its functions are exported. */

#ifndef LIC_MEMORY_H
#define LIC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else /* tests/fuzz/layers.c */
#define EXPORT(name)
#endif

/* Where the stack of blocks ends, to be given to `release` later. */
size_t mark(void);

void release(size_t to);

/* A block for any type, not initialised; NULL if the module cannot grow that far. */
void *allocate(size_t size);

#endif
