#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const struct lic_kernels *const all_kernels[] = {
#if defined(__x86_64__)
    &lic_kernels_16, &lic_kernels_8,
#endif
    &lic_kernels_4,
#if !defined(__wasm__)
    &lic_kernels_1, /* for tests */
#endif
};

#if defined(__x86_64__)
enum { AVX2 = 1 << 5, AVX512F = 1 << 16 };    /* of leaf 7 */
enum { YMM_SAVED = 0x06, ZMM_SAVED = 0xe6 }; /* by the operating system */

/* Asked of the processor itself: __builtin_cpu_supports() does not link everywhere. */
static int has(unsigned feature, unsigned saved) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & saved) == saved && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & feature;
}

static int is_of_amd(void) {
    unsigned a, b, c, d;
    return __get_cpuid(0, &a, &b, &c, &d) && c == signature_AMD_ecx;
}
#endif

static int runs(const struct lic_kernels *kernels) {
#if defined(__x86_64__)
    if (kernels == &lic_kernels_16) return has(AVX512F, ZMM_SAVED);
    if (kernels == &lic_kernels_8) return has(AVX2, YMM_SAVED);
#endif
    return kernels != NULL;
}

/* Processors of AMD add and multiply two vectors of eight at a time each, and take longer for sixteen. */
static int pays(const struct lic_kernels *kernels) {
#if defined(__x86_64__)
    if (kernels == &lic_kernels_16) return !is_of_amd();
#endif
    return kernels != NULL;
}

static int is_named(const struct lic_kernels *kernels, const char *name) {
    const char *own = kernels->name;
    while (*name && *name == *own) name++, own++;
    return *name == *own;
}

const struct lic_kernels *lic_kernels_named(const char *name) {
    for (size_t i = 0; i < sizeof all_kernels / sizeof *all_kernels; i++) {
        const struct lic_kernels *kernels = all_kernels[i];
        if (runs(kernels) && (name ? is_named(kernels, name) : pays(kernels))) return kernels;
    }
    return NULL;
}
