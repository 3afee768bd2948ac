/* What the core takes from <stdlib.h>, for WebAssembly without a C library: memory.c has the functions. */
#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *block);
