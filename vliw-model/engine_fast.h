/* SPDX-License-Identifier: MIT */
/* What engine.c calls from its handlers: the short ways that are worth a function, and the door to
 * the long ones. */
#ifndef VLIW_MODEL_ENGINE_FAST_H
#define VLIW_MODEL_ENGINE_FAST_H

#include <string.h>
#include "vliw-model/engine.h"
#include "vliw-model/sem_fp.h"
#include "vliw-model/sem_fp_fast.h"
#include "vliw-model/sem_simd.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef uint32_t v4u __attribute__((vector_size(16), aligned(16), may_alias));

/* The registers above r15 to their shadows: what a commit does on a machine with 48 shadowed
 * registers. */
static inline void commit_48(struct vm_state *s)
{
    const v4u *from = (const v4u *)(s->r + 16);
    v4u *to = (v4u *)(s->shadow + 16);
    for (unsigned i = 0; i < 12; i++)
        to[i] = from[i];
}

static void commit_any(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    unsigned lo = vm->shadow_lo;
    memcpy(s->shadow + lo, s->r + lo, (NGPR - lo) * sizeof s->r[0]);
}

/*
 * The filter does not exclude a gated store to the aligned chunk. True: it has been found out
 * whether there is one, and q (the bytes of memory, or of the chunk with what is gated over them)
 * can be read at the address's place in a chunk.
 */
static bool __attribute__((noinline))
sb_look(struct vm *vm, uint32_t pa, uint32_t size, uint64_t *q)
{
    struct vm_state *s = &vm->s;
    if (s->mshr_n || (vm->broken & BREAK_FORWARD))
        return false;
    memcpy(q, vm->mem + (pa & ~7u), 8);
    for (uint32_t i = 0; i < s->sb_n; i++)
        if (s->sb[i].pa == (pa & ~7u)) {
            uint64_t mask = s->sb[i].mask;
            *q = (*q & ~mask) | s->sb[i].data;
            if (mask >> 8 * (pa & 7) & ~0ull >> (64 - 8 * size))
                s->st.sb_forwards++;
            return true;
        }
    return true;
}

/* A store to a chunk that already has an entry joins it. */
static bool __attribute__((noinline))
sb_join(struct vm *vm, uint32_t pa, uint64_t mask, uint64_t data)
{
    struct vm_state *s = &vm->s;
    if (s->mshr_n)
        return false;
    for (uint32_t i = 0; i < s->sb_n; i++)
        if (s->sb[i].pa == (pa & ~7u)) {
            s->sb[i].data = (s->sb[i].data & ~mask) | data;
            s->sb[i].mask |= mask;
            s->st.sb_stores++;
            return true;
        }
    return false;
}

static inline void sb_release_fast(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    for (uint32_t i = 0; i < s->sb_n; i++) {
        const struct sb_entry *e = &s->sb[i];
        uint64_t q;
        memcpy(&q, vm->mem + e->pa, 8);
        q = (q & ~e->mask) | e->data;
        memcpy(vm->mem + e->pa, &q, 8);
    }
    vm->filter = s->mshr_n ? ~0ull : 0;
    s->sb_filter = 0;
    s->sb_n = 0;
}

/* A wide register that an op names has to be ready; what it writes will be, `latency` after issue.
 * Returns the pipeline's time, which was `pipe`. */
static inline uint64_t wide_use(struct vm *vm, uint64_t pipe, uint32_t a, uint32_t b,
                                uint32_t latency)
{
    uint64_t *ready = vm->s.wide_ready;
    uint64_t when = ready[a & 31] > ready[b & 31] ? ready[a & 31] : ready[b & 31];
    if (when > pipe - 1) {
        vm->row[CA_LONGOP] += when - (pipe - 1);
        pipe = when + 1;
    }
    ready[a & 31] = pipe - 1 + latency;
    return pipe;
}

/* The same for valu and its kin. */
static inline uint64_t simd_use(struct vm *vm, uint64_t pipe, uint32_t b, uint32_t latency)
{
    return wide_use(vm, pipe, SIMD_D(b), SIMD_S(b), simd_fn_reads_only(SIMD_FN(b)) ? 0 : latency);
}

/* An FP op. Result: the status it raised; its exceptions stay in FSW. A function each, so that what
 * is common about it is folded. */
#define FP_RUN(name)                                                                               \
    static uint32_t __attribute__((noinline)) fp_run_##name(struct vm *vm, uint32_t a, uint32_t b) \
    {                                                                                              \
        uint32_t *fpsr = vm->s.fpsr, st;                                                           \
        if (!fp_fast(OP_##name, vm->s.wide[a & 31], vm->s.wide[b & 31], fpsr[0], a, b, &st))       \
            st = fp_op_host(OP_##name, vm->s.wide, fpsr[0], a, b);                                 \
        fpsr[SR_FSW - SR_FCW] |= st & 0x3f;                                                        \
        vm->misc_dirty = 1;                                                                        \
        return st;                                                                                 \
    }
FP_RUN(FLD)
FP_RUN(FST)
FP_RUN(FADD)
FP_RUN(FSUB)
FP_RUN(FSUBR)
FP_RUN(FMUL)
FP_RUN(FDIV)
FP_RUN(FDIVR)
FP_RUN(FCOM)
FP_RUN(FUCOM)
FP_RUN(FSQRT)
FP_RUN(FRND)
#undef FP_RUN

/* A vfp or vfdiv. T_NONE: its result for rd is vm->val. */
static enum trap_code __attribute__((noinline)) simd_run(struct vm *vm, uint32_t b)
{
    uint32_t *mxcsr = &vm->s.fpsr[SR_MXCSR - SR_FP_FIRST];
    uint32_t raised = simd_float(vm->s.wide, b, *mxcsr, &vm->val);
    if (UNLIKELY(MX_UNMASKED(*mxcsr, raised) != 0)) {
        vm->fault.info = raised;
        vm->fault.addr = 0;
        return T_FPX;
    }
    *mxcsr |= raised;
    vm->misc_dirty = 1;
    return T_NONE;
}

/* The same without an effect. */
static enum trap_code __attribute__((noinline)) simd_check(struct vm *vm, uint32_t b)
{
    uint8_t *d = vm->s.wide[SIMD_D(b)], kept[16];
    uint32_t mxcsr = vm->s.fpsr[SR_MXCSR - SR_FP_FIRST];
    memcpy(kept, d, sizeof kept);
    enum trap_code t = simd_run(vm, b);
    memcpy(d, kept, sizeof kept);
    vm->s.fpsr[SR_MXCSR - SR_FP_FIRST] = mxcsr;
    return t;
}

/* The static forms: rd, ra, b and b's format. What is frequent is a function that needs few
 * registers. */
static inline void fp_raise(struct vm *vm, uint32_t d, uint32_t st)
{
    uint32_t *fsw = &vm->s.fpsr[SR_FSW - SR_FCW];
    *fsw |= st & 0x3f;
    if (d & WIDE_C1)
        *fsw = (*fsw & ~(uint32_t)FS_C1) | (st & FS_C1);
    vm->misc_dirty = 1;
}

#define FP_STATIC(name, base, what)                                                                \
    static void __attribute__((noinline))                                                          \
    fp_slow_##name##_##what(struct vm *vm, uint32_t d, uint32_t a, uint32_t b, uint32_t format)    \
    {                                                                                              \
        uint32_t fcw = vm->s.fpsr[0], st;                                                          \
        uint8_t(*w)[16] = vm->s.wide;                                                              \
        uint8_t *to = w[d & 31];                                                                   \
        if (!(FP_IS_##what && fp_fast3(OP_##base, to, w[a], w[b], fcw, FP_FORMAT_##what, &st)) &&  \
            !fp_fast3(OP_##base, to, w[a], w[b], fcw, format, &st))                                \
            st = fp_op3_host(OP_##base, to, w[a], w[b], fcw, format);                              \
        fp_raise(vm, d, st);                                                                       \
    }                                                                                              \
    static void __attribute__((noinline))                                                          \
    fp_static_##name##_##what(struct vm *vm, uint32_t d, uint32_t a, uint32_t b, uint32_t format)  \
    {                                                                                              \
        enum {                                                                                     \
            QUICK = OP_##base == OP_FADD || OP_##base == OP_FSUB || OP_##base == OP_FSUBR ||       \
                    OP_##base == OP_FMUL                                                           \
        };                                                                                         \
        uint32_t st;                                                                               \
        uint8_t(*w)[16] = vm->s.wide;                                                              \
        if (QUICK && FP_IS_##what &&                                                               \
            LIKELY((vm->s.fpsr[0] & (FP_CW_ROUND | FP_CW_PRECISION)) == FP_CW_PRECISION &&         \
                   fp_quick(OP_##base, w[d & 31], w[a], w[b], FP_FORMAT_##what, &st)))             \
            fp_raise(vm, d, st);                                                                   \
        else                                                                                       \
            fp_slow_##name##_##what(vm, d, a, b, format);                                          \
    }
/* Most are of 80 bits, and most others of 64. */
#define FP_IS_x80     true
#define FP_FORMAT_x80 WF_X80
#define FP_IS_mem     (format == WF_F64)
#define FP_FORMAT_mem WF_F64
#define FP_STATICS(M)                                                                              \
    M(WLD, FLD)                                                                                    \
    M(WST, FST)                                                                                    \
    M(WADD, FADD)                                                                                  \
    M(WSUB, FSUB)                                                                                  \
    M(WSUBR, FSUBR)                                                                                \
    M(WMUL, FMUL)                                                                                  \
    M(WDIV, FDIV)                                                                                  \
    M(WDIVR, FDIVR)                                                                                \
    M(WSQRT, FSQRT)                                                                                \
    M(WRND, FRND)
#define FP_BOTH(name, base) FP_STATIC(name, base, x80) FP_STATIC(name, base, mem)
FP_STATICS(FP_BOTH)
#undef FP_BOTH

static inline uint64_t wide_use3(struct vm *vm, uint64_t pipe, uint32_t d, uint32_t a, uint32_t b,
                                 uint32_t latency)
{
    uint64_t *ready = vm->s.wide_ready, when = ready[d];
    when = ready[a] > when ? ready[a] : when;
    when = ready[b] > when ? ready[b] : when;
    if (when > pipe - 1) {
        vm->row[CA_LONGOP] += when - (pipe - 1);
        pipe = when + 1;
    }
    ready[d] = pipe - 1 + latency;
    return pipe;
}

static inline uint32_t wide_get(uint8_t (*wide)[16], uint32_t b)
{
    uint32_t v;
    memcpy(&v, &wide[b >> 2 & 31][(b & 3) * 4], 4);
    return v;
}

static inline void wide_put(uint8_t (*wide)[16], uint32_t a, uint32_t b)
{
    memcpy(&wide[b >> 2 & 31][(b & 3) * 4], &a, 4);
}

static const uint8_t wait_cause[4] = {CA_LOADUSE, CA_LONGOP, CA_DL1, CA_DL2}; /* by RC_* */

/* Waits for the registers of a bundle that are in flight, if they are several. */
static void __attribute__((noinline)) interlock(struct vm *vm, uint64_t uses)
{
    struct vm_state *s = &vm->s;
    uint64_t worst = s->pipe << 2 | 3;
    for (uint64_t m = s->pending & uses; m; m &= m - 1) {
        unsigned r = (unsigned)__builtin_ctzll(m);
        if (s->ready[r] > worst)
            worst = s->ready[r];
        if (s->ready[r] >> 2 <= s->pipe)
            s->pending &= ~((uint64_t)1 << r);
    }
    if (worst >> 2 > s->pipe) {
        acct_wait(vm, (worst >> 2) - s->pipe, wait_cause[worst & 3]);
        s->pending &= ~uses;
    }
}

/* Fetch enters a line: where it was found last time, or the long way. */
static inline void fetch_line(struct vm *vm, uint32_t line)
{
    struct cache *c = &vm->a.l1i;
    uint32_t i = c->guess[line & (GUESS_N - 1)];
    if (LIKELY(c->tag[i] == line)) {
        vm->s.st.l1i_accesses++;
        c->stamp[(i + 1) & c->stamp_mask] = vm->s.pipe;
        return;
    }
    cache_fetch(vm, line);
}

static void __attribute__((noinline)) fetch_lines(struct vm *vm, const struct head *h)
{
    unsigned sh = vm->a.l1i.line_shift;
    uint32_t first = h->pc >> sh, last = (h->pc + 4u * h->words - 1) >> sh;
    if (first != vm->s.cur_line)
        fetch_line(vm, first);
    if (last != first)
        fetch_line(vm, last);
    vm->s.cur_line = last;
}

enum pause { GO_ON, STOP_LIMIT, STOP_ASKED, TRAPPED };

/* An appointment: what it was, and the next one. */
static enum pause __attribute__((noinline)) pause_at(struct vm *vm, uint32_t pc)
{
    acct_flush(vm);
    if (vm->single) {
        vm->s.pc = pc;
        return STOP_LIMIT;
    }
    if (vm->s.event) {
        vm->s.event = 0;
        vm->fault = (struct trap_record){0};
        vm->last_ops = 0;
        trap_take(vm, T_EVENT, vm->s.commit_pc);
        return TRAPPED;
    }
    vm->s.pc = pc;
    if (vm->stop_request)
        return STOP_ASKED;
    if (vm_now(vm) >= vm->limit)
        return STOP_LIMIT;
    if (vm->drop_code) {
        code_drop_all(vm);
        vm->trapped = T_NONE;
        return TRAPPED; /* begin again at s.pc */
    }
    acct_limits(vm);
    return GO_ON;
}

#endif
