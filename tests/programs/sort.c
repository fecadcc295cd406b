/* SPDX-License-Identifier: MIT */
/* Sorting: by insertion, by heap, and quicksort with a comparison by pointer. */
#include "include/console.h"

enum { N = 600 };
static uint32_t seed = 1, a[N], b[N], c[N];

static uint32_t next(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 3;
}

static void insertion(uint32_t *v, int n)
{
    for (int i = 1; i < n; i++) {
        uint32_t x = v[i];
        int j = i;
        for (; j > 0 && v[j - 1] > x; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

static void sift(uint32_t *v, int i, int n)
{
    for (int k; (k = 2 * i + 1) < n; i = k) {
        k += k + 1 < n && v[k] < v[k + 1];
        if (v[i] >= v[k])
            return;
        uint32_t t = v[i];
        v[i] = v[k];
        v[k] = t;
    }
}

static void heap(uint32_t *v, int n)
{
    for (int i = n / 2; i >= 0; i--)
        sift(v, i, n);
    while (--n > 0) {
        uint32_t t = v[0];
        v[0] = v[n];
        v[n] = t;
        sift(v, 0, n);
    }
}

static int up(const uint32_t *x, const uint32_t *y)
{
    return *x < *y ? -1 : *x > *y;
}

static int down(const uint32_t *x, const uint32_t *y)
{
    return -up(x, y);
}

static void quick(uint32_t *v, int n, int (*cmp)(const uint32_t *, const uint32_t *))
{
    if (n < 2)
        return;
    uint32_t p = v[n / 2];
    int i = 0, j = n - 1;
    while (i <= j) {
        while (cmp(&v[i], &p) < 0)
            i++;
        while (cmp(&v[j], &p) > 0)
            j--;
        if (i <= j) {
            uint32_t t = v[i];
            v[i++] = v[j];
            v[j--] = t;
        }
    }
    quick(v, j + 1, cmp);
    quick(v + i, n - i, cmp);
}

static uint32_t digest(const uint32_t *v)
{
    uint32_t h = 0;
    for (int i = 0; i < N; i++)
        h = h * 31 + v[i];
    return h;
}

int main(void)
{
    for (int i = 0; i < N; i++)
        a[i] = b[i] = c[i] = next() % 5000;
    insertion(a, N);
    heap(b, N);
    quick(c, N, up);
    say("insertion", digest(a));
    say("heap", digest(b));
    say("quick", digest(c));
    quick(c, N, down);
    say("downwards", digest(c));
    return 0;
}
