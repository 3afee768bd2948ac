/* What the core takes from <math.h>, for WebAssembly without a C library. */
#define INFINITY __builtin_inff()
#define sqrt(x) __builtin_sqrt(x)
