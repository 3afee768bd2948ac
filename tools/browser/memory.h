/* How functions of the WebAssembly module are exported, and what they share. */

#ifndef LIC_MEMORY_H
#define LIC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))

extern struct lic_team *team; /* of the one picture at a time that is decoded or encoded */

#endif
