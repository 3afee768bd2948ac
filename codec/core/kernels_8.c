#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define LANES 8
#define KERNELS lic_kernels_8
#define NAME "8"
#include "kernels_of_lanes.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
