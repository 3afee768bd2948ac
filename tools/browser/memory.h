/* How functions of the WebAssembly module are exported. */

#ifndef LIC_MEMORY_H
#define LIC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))

#endif
