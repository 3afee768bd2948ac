/* Frequency tables from densities: FORMAT.md, section 3. */

#ifndef LIC_TABLES_H
#define LIC_TABLES_H

#include "core.h"

/* A table for each of `count` densities, of KNOTS heights, at its step. What it finds is to be freed. */
enum lic_result make_frequencies(size_t count, const int32_t *heights, const int32_t *steps, struct lic_tables *);
void free_frequencies(struct lic_tables *);

#endif
