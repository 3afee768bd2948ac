/* What the examples need of zlib, for processors that there is no zlib of: files that are not compressed, and CRC-32. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { Z_OK };
typedef unsigned uInt;
typedef unsigned long uLong;
typedef FILE *gzFile;

static inline gzFile gzopen(const char *name, const char *mode) { return fopen(name, mode); }
static inline int gzread(gzFile file, void *data, uInt size) { return (int)fread(data, 1, size, file); }
static inline int gzclose(gzFile file) { return fclose(file); }

static inline uLong crc32(uLong before, const uint8_t *data, uInt size) {
    uint32_t sum = ~(uint32_t)before;
    for (; size; size--, data++) {
        sum ^= *data;
        for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ~sum & 0xffffffff;
}
