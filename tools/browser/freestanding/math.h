/* What codec/core/core.c takes from <math.h>, for WebAssembly without a C library. */
#define INFINITY __builtin_inff()
