/* SPDX-License-Identifier: MIT */
/*
 * The handlers of loads and stores, as macros: engine.c expands them inside engine_run, for each
 * size and operand form. Each takes the short way if it can and else the long way of mem.c.
 */
#ifndef VLIW_MODEL_ENGINE_MEM_H
#define VLIW_MODEL_ENGINE_MEM_H

#define LD1(q) (*(const uint8_t *)(q))
#define LD2(q) (*(const uint16_t *)(const void *)(q))
#define LD4(q) (*(const uint32_t *)(const void *)(q))
#define ID(v)  (v)
#define S8(v)  ((uint32_t)(int32_t)(int8_t)(v))
#define S16(v) ((uint32_t)(int32_t)(int16_t)(v))
/* L1D by the guess; true: hit. */
#define GUESSED(line, i)                                                                           \
    (i = vm->a.l1d.guess[(line) & (GUESS_N - 1)], LIKELY(vm->a.l1d.tag[i] == (line)))
#define TOUCH(i) vm->a.l1d.stamp[((i) + 1) & vm->a.l1d.stamp_mask] = pipe
#define SZMASK1  0xffull
#define SZMASK2  0xffffull
#define SZMASK4  0xffffffffull
#define GLOAD(ADDR, SZ, FT, KIND, CONV)                                                            \
    {                                                                                              \
        uint32_t la = ADDR, i;                                                                     \
        const struct fast_tlb *e = &vm->ft[FT][la >> 12 & (FT_N - 1)];                             \
        if (LIKELY((la & (0xfffff000u | (SZ - 1))) == e->tag)) {                                   \
            const uint8_t *q = e->add + la;                                                        \
            uint32_t line = (uint32_t)(q - mem) >> vm->a.l1d.line_shift;                           \
            uint64_t gated;                                                                        \
            if (GUESSED(line, i)) {                                                                \
                if (LIKELY(!(vm->filter >> (la >> 3 & 63) & 1))) {                                 \
                    TOUCH(i);                                                                      \
                    vm->a.tlb_stamp[e->index] = pipe;                                              \
                    SET_READY(p->x, (pipe << 2) + vm->ready_load);                                 \
                    r[p->rd] = CONV(LD##SZ(q));                                                    \
                    NEXT();                                                                        \
                }                                                                                  \
                if (sb_look(vm, (uint32_t)(q - mem), SZ, &gated)) {                                \
                    TOUCH(i);                                                                      \
                    vm->a.tlb_stamp[e->index] = pipe;                                              \
                    SET_READY(p->x, (pipe << 2) + vm->ready_load);                                 \
                    r[p->rd] = CONV((uint32_t)(gated >> 8 * (la & 7) & SZMASK##SZ));               \
                    NEXT();                                                                        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        LONG(mem_load(vm, la, SZ, KIND));                                                          \
        SET_READY(p->x, vm->ready);                                                                \
        r[p->rd] = CONV(vm->val);                                                                  \
        NEXT();                                                                                    \
    }
#define GLOADS(name, SZ, FT, KIND, CONV)                                                           \
    L_##name : GLOAD(r[p->ra] + B, SZ, FT, KIND, CONV) L_##name##_I                                \
        : GLOAD(r[p->ra] + p->imm, SZ, FT, KIND, CONV)
#define GSTORE(ADDR, SZ)                                                                           \
    {                                                                                              \
        uint32_t la = ADDR, i;                                                                     \
        const struct fast_tlb *e = &vm->ft[FT_W][la >> 12 & (FT_N - 1)];                           \
        if (LIKELY((la & (0xfffff000u | (SZ - 1))) == e->tag)) {                                   \
            uint32_t pa = (uint32_t)(e->add + la - mem), line = pa >> vm->a.l1d.line_shift;        \
            uint32_t n = vm->s.sb_n;                                                               \
            unsigned sh = (la & 7) * 8;                                                            \
            uint64_t mask = SZMASK##SZ << sh, data = (r[p->x] & SZMASK##SZ) << sh;                 \
            if (GUESSED(line, i)) {                                                                \
                if (LIKELY(!(vm->filter >> (la >> 3 & 63) & 1) && n < vm->m.sb_entries)) {         \
                    TOUCH(i);                                                                      \
                    vm->a.l1d.flag[i] |= LINE_DIRTY;                                               \
                    vm->a.tlb_stamp[e->index] = pipe;                                              \
                    vm->s.sb[n].pa = pa & ~7u;                                                     \
                    vm->s.sb[n].mask = mask;                                                       \
                    vm->s.sb[n].data = data;                                                       \
                    vm->s.sb_n = ++n;                                                              \
                    vm->s.st.sb_stores++;                                                          \
                    if (n > vm->s.st.sb_max)                                                       \
                        vm->s.st.sb_max = n;                                                       \
                    vm->s.sb_filter |= 1ull << (la >> 3 & 63);                                     \
                    vm->filter |= 1ull << (la >> 3 & 63);                                          \
                    NEXT();                                                                        \
                }                                                                                  \
                if (sb_join(vm, pa, mask, data)) {                                                 \
                    TOUCH(i);                                                                      \
                    vm->a.l1d.flag[i] |= LINE_DIRTY;                                               \
                    vm->a.tlb_stamp[e->index] = pipe;                                              \
                    NEXT();                                                                        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        LONG(mem_store(vm, la, r[p->x], SZ, 0));                                                   \
        NEXT();                                                                                    \
    }
#define GSTORES(name, SZ)                                                                          \
    L_##name : GSTORE(r[p->ra] + B, SZ) L_##name##_I : GSTORE(r[p->ra] + p->imm, SZ)
/* Wide: rd is where it goes, x the register it is for. In one page and 8-aligned (4 bytes:
 * 4-aligned), the short way. */
#define WIDE_PLAIN(SZ, AL)                                                                         \
    ((la & (0xfffff000u | ((SZ) == 4 ? 3 : 7))) == e->tag &&                                       \
     ((SZ) <= 8 || ((la & 0xff8) != 0xff8 && !((AL) && (la & 8)))))
#define WIDE_FREE(SZ)                                                                              \
    (!(vm->filter >> (la >> 3 & 63) & 1) &&                                                        \
     ((SZ) <= 8 || !(vm->filter >> ((la + 8) >> 3 & 63) & 1)))
#define WIDE_SET(FROM, SZ, ZERO)                                                                   \
    do {                                                                                           \
        memcpy(vm->s.wide[p->rd], FROM, SZ);                                                       \
        if (ZERO)                                                                                  \
            memset(vm->s.wide[p->rd] + (SZ), 0, 16 - (SZ));                                        \
    } while (0)
#define WIDE_TOUCH(SZ, FLAGS)                                                                      \
    do {                                                                                           \
        TOUCH(i);                                                                                  \
        vm->a.l1d.flag[i] |= (FLAGS);                                                              \
        if ((SZ) == 16) {                                                                          \
            TOUCH(k);                                                                              \
            vm->a.l1d.flag[k] |= (FLAGS);                                                          \
            vm->s.l1d_extra++;                                                                     \
        }                                                                                          \
        vm->a.tlb_stamp[e->index] = pipe;                                                          \
    } while (0)
#define WLOAD(ADDR, SZ, AL, ZERO)                                                                  \
    {                                                                                              \
        uint32_t la = ADDR, i, k;                                                                  \
        const struct fast_tlb *e = &vm->ft[FT_R][la >> 12 & (FT_N - 1)];                           \
        pipe = wide_use(vm, pipe, p->x, p->x, 0);                                                  \
        if (LIKELY(WIDE_PLAIN(SZ, AL))) {                                                          \
            const uint8_t *q = e->add + la;                                                        \
            uint32_t line = (uint32_t)(q - mem) >> vm->a.l1d.line_shift;                           \
            uint32_t line2 = (uint32_t)(q + 8 - mem) >> vm->a.l1d.line_shift;                      \
            uint64_t gated;                                                                        \
            if (GUESSED(line, i) && ((SZ) <= 8 || GUESSED(line2, k))) {                            \
                if (LIKELY(WIDE_FREE(SZ))) {                                                       \
                    WIDE_TOUCH(SZ, 0);                                                             \
                    WIDE_SET(q, SZ, ZERO);                                                         \
                    vm->s.wide_ready[p->x] = pipe + (vm->ready_load >> 2);                         \
                    vm->misc_dirty = 1;                                                            \
                    NEXT();                                                                        \
                }                                                                                  \
                if ((SZ) <= 8 && sb_look(vm, (uint32_t)(q - mem), SZ, &gated)) {                   \
                    WIDE_TOUCH(SZ, 0);                                                             \
                    gated >>= 8 * (la & 7);                                                        \
                    WIDE_SET(&gated, (SZ) < 8 ? (SZ) : 8, ZERO);                                   \
                    vm->s.wide_ready[p->x] = pipe + (vm->ready_load >> 2);                         \
                    vm->misc_dirty = 1;                                                            \
                    NEXT();                                                                        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        LONG(mem_wide_load(vm, la, SZ, AL));                                                       \
        WIDE_SET(vm->wide_val, SZ, ZERO);                                                          \
        vm->s.wide_ready[p->x] = vm->ready >> 2;                                                   \
        vm->misc_dirty = 1;                                                                        \
        NEXT();                                                                                    \
    }
#define WLOADS(name, SZ, AL, ZERO)                                                                 \
    L_##name : WLOAD(r[p->ra] + B, SZ, AL, ZERO) L_##name##_I                                      \
        : WLOAD(r[p->ra] + p->imm, SZ, AL, ZERO)
#define WENTRY(at, AT, WORD, SZ)                                                                   \
    do {                                                                                           \
        uint64_t data, mask = (SZ) == 4 ? SZMASK4 << 8 * ((AT)&4) : ~0ull;                         \
        memcpy(&data, vm->s.wide[p->x] + 8 * (WORD), 8);                                           \
        vm->s.sb[at].pa = (AT) & ~7u;                                                              \
        vm->s.sb[at].mask = mask;                                                                  \
        vm->s.sb[at].data = (SZ) == 4 ? data << 8 * ((AT)&4) & mask : data;                        \
        vm->s.sb_filter |= 1ull << ((AT) >> 3 & 63);                                               \
        vm->filter |= 1ull << ((AT) >> 3 & 63);                                                    \
    } while (0)
#define WSTORE(ADDR, SZ, AL)                                                                       \
    {                                                                                              \
        uint32_t la = ADDR, i, k;                                                                  \
        const struct fast_tlb *e = &vm->ft[FT_W][la >> 12 & (FT_N - 1)];                           \
        pipe = wide_use(vm, pipe, p->x, p->x, 0);                                                  \
        if (LIKELY(WIDE_PLAIN(SZ, AL))) {                                                          \
            uint32_t pa = (uint32_t)(e->add + la - mem), line = pa >> vm->a.l1d.line_shift;        \
            uint32_t line2 = (pa + 8) >> vm->a.l1d.line_shift, n = vm->s.sb_n;                     \
            if (WIDE_FREE(SZ) && n + ((SZ) + 4) / 8 <= vm->m.sb_entries && GUESSED(line, i) &&     \
                ((SZ) <= 8 || GUESSED(line2, k))) {                                                \
                WIDE_TOUCH(SZ, LINE_DIRTY);                                                        \
                WENTRY(n, pa, 0, SZ);                                                              \
                if ((SZ) == 16)                                                                    \
                    WENTRY(n + 1, pa + 8, 1, SZ);                                                  \
                vm->s.sb_n = n += ((SZ) + 4) / 8;                                                  \
                vm->s.st.sb_stores++;                                                              \
                if (n > vm->s.st.sb_max)                                                           \
                    vm->s.st.sb_max = n;                                                           \
                NEXT();                                                                            \
            }                                                                                      \
        }                                                                                          \
        LONG(mem_wide_store(vm, la, vm->s.wide[p->x], SZ, AL));                                    \
        NEXT();                                                                                    \
    }
#define WSTORES(name, SZ, AL)                                                                      \
    L_##name : WSTORE(r[p->ra] + B, SZ, AL) L_##name##_I : WSTORE(r[p->ra] + p->imm, SZ, AL)
#define NLOAD(ADDR, SZ, CONV)                                                                      \
    {                                                                                              \
        uint32_t pa = ADDR, line = pa >> vm->a.l1d.line_shift, i;                                  \
        if (LIKELY(!(pa & (SZ - 1)) && pa < vm->mem_size && !vm->s.mshr_n) && GUESSED(line, i)) {  \
            TOUCH(i);                                                                              \
            SET_READY(p->x, (pipe << 2) + vm->ready_load);                                         \
            r[p->rd] = CONV(LD##SZ(mem + pa));                                                     \
            NEXT();                                                                                \
        }                                                                                          \
        LONG(mem_native_load(vm, pa, SZ));                                                         \
        SET_READY(p->x, vm->ready);                                                                \
        r[p->rd] = CONV(vm->val);                                                                  \
        NEXT();                                                                                    \
    }
#define NLOADS(name, SZ, CONV)                                                                     \
    L_##name : NLOAD(r[p->ra] + B, SZ, CONV) L_##name##_I : NLOAD(r[p->ra] + p->imm, SZ, CONV)
#define ST1(q, v) (*(uint8_t *)(q) = (uint8_t)(v))
#define ST2(q, v) (*(uint16_t *)(void *)(q) = (uint16_t)(v))
#define ST4(q, v) (*(uint32_t *)(void *)(q) = (v))
#define NSTORE(ADDR, SZ)                                                                           \
    {                                                                                              \
        uint32_t pa = ADDR, line = pa >> vm->a.l1d.line_shift, i;                                  \
        if (LIKELY(!(pa & (SZ - 1)) && pa < vm->mem_size && !vm->s.mshr_n) && GUESSED(line, i)) {  \
            TOUCH(i);                                                                              \
            vm->a.l1d.flag[i] |= LINE_DIRTY;                                                       \
            ST##SZ(mem + pa, r[p->x]);                                                             \
            NEXT();                                                                                \
        }                                                                                          \
        LONG(mem_native_store(vm, pa, r[p->x], SZ));                                               \
        NEXT();                                                                                    \
    }
#define NSTORES(name, SZ)                                                                          \
    L_##name : NSTORE(r[p->ra] + B, SZ) L_##name##_I : NSTORE(r[p->ra] + p->imm, SZ)

#endif
