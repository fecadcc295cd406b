/* SPDX-License-Identifier: MIT */
/* Growing arrays of the tool chain's own. Memory that cannot be had ends the program: nothing here
 * could go on without. */
#ifndef TOOLCHAIN_VEC_H
#define TOOLCHAIN_VEC_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>

#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *v;                                                                                      \
        uint32_t n, cap;                                                                           \
    }

static inline void *vec_alloc(void *old, size_t bytes)
{
    void *p = realloc(old, bytes ? bytes : 1);
    if (!p) {
        fputs("chrysalis: out of memory\n", stderr);
        exit(70);
    }
    return p;
}

#define vec_reserve(a, want)                                                                       \
    do {                                                                                           \
        uint32_t need_ = (want);                                                                   \
        if (need_ > (a)->cap) {                                                                    \
            (a)->cap = need_ > 2 * (a)->cap ? need_ : 2 * (a)->cap;                                \
            (a)->v = vec_alloc((a)->v, sizeof(*(a)->v) * (a)->cap);                                \
        }                                                                                          \
    } while (0)
#define vec_push(a, x)                                                                             \
    do {                                                                                           \
        vec_reserve(a, (a)->n + 1);                                                                \
        (a)->v[(a)->n++] = (x);                                                                    \
    } while (0)

/* Adds k zeroed elements. */
#define vec_zeros(a, k)                                                                            \
    do {                                                                                           \
        uint32_t k_ = (k);                                                                         \
        vec_reserve(a, (a)->n + k_);                                                               \
        if (k_)                                                                                    \
            memset((a)->v + (a)->n, 0, sizeof(*(a)->v) * k_);                                      \
        (a)->n += k_;                                                                              \
    } while (0)
#define vec_free(a)                                                                                \
    do {                                                                                           \
        free((a)->v);                                                                              \
        (a)->v = NULL;                                                                             \
        (a)->n = (a)->cap = 0;                                                                     \
    } while (0)

#endif
