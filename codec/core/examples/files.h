/* What both examples do with files: read them whole, unpack models by zlib, and end with a reason where something fails. */

#ifndef LIC_EXAMPLES_FILES_H
#define LIC_EXAMPLES_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static void fail(const char *reason) {
    fprintf(stderr, "%s\n", reason);
    exit(1);
}

static void *room(size_t count, size_t size) {
    void *block = calloc(count + 1, size);
    if (!block) fail("out of memory");
    return block;
}

/* A whole file; what is compressed by gzip is unpacked. */
static uint8_t *read_file(const char *name, size_t *size) {
    size_t most = 1 << 16;
    uint8_t *data = room(most, 1);
    gzFile file = gzopen(name, "rb");
    if (!file) fail("a file cannot be opened");
    int count;
    for (*size = 0; (count = gzread(file, data + *size, (unsigned)(most - *size))) > 0; *size += (size_t)count)
        if (most - *size == (size_t)count && !(data = realloc(data, most *= 2))) fail("out of memory");
    if (count < 0 || gzclose(file) != Z_OK) fail("a file cannot be read");
    return data;
}

#endif
