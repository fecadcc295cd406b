/* SPDX-License-Identifier: MIT */
/*
 * What the handlers of engine.c are made of, as macros that are expanded inside engine_run: they
 * name its variables and labels. What every op of a family does is here, what one op does is there;
 * loads and stores are in engine_mem.h.
 *
 * A step that calls a function which reads or writes a machine register kept in a host register
 * (pipe, pending, acc, acc2) stands between SYNC and RELOAD.
 */
#ifndef VLIW_MODEL_ENGINE_STEPS_H
#define VLIW_MODEL_ENGINE_STEPS_H

#define SYNC()                                                                                     \
    do {                                                                                           \
        vm->s.pipe = pipe;                                                                         \
        vm->s.pending = pending;                                                                   \
        vm->acc = acc;                                                                             \
        vm->acc2 = acc2;                                                                           \
    } while (0)
#define RELOAD()                                                                                   \
    do {                                                                                           \
        pipe = vm->s.pipe;                                                                         \
        pending = vm->s.pending;                                                                   \
        acc = vm->acc;                                                                             \
        acc2 = vm->acc2;                                                                           \
    } while (0)
#define NEXT()                                                                                     \
    do {                                                                                           \
        p++;                                                                                       \
        goto * p->h;                                                                               \
    } while (0)
#define B (r[p->rb] + p->imm)
/* A long way: fn returns a trap or T_NONE. */
#define LONG(call)                                                                                 \
    do {                                                                                           \
        SYNC();                                                                                    \
        enum trap_code t_ = (call);                                                                \
        RELOAD();                                                                                  \
        if (UNLIKELY(t_ != T_NONE)) {                                                              \
            trap = t_;                                                                             \
            goto take_trap;                                                                        \
        }                                                                                          \
    } while (0)
#define SET_READY(reg, when)                                                                       \
    do {                                                                                           \
        vm->s.ready[reg] = (when);                                                                 \
        pending |= 1ull << ((reg)&63);                                                             \
    } while (0)

/* ---- heads ---- */

#define HEAD_BODY()                                                                                \
    hp = (const struct head *)p;                                                                   \
    if (UNLIKELY(pipe >= vm->stop_at)) {                                                           \
        SYNC();                                                                                    \
        enum pause w_ = pause_at(vm, hp->pc);                                                      \
        RELOAD();                                                                                  \
        if (w_ == STOP_LIMIT)                                                                      \
            return VM_CYCLES;                                                                      \
        if (w_ == STOP_ASKED)                                                                      \
            return VM_STOP;                                                                        \
        if (w_ == TRAPPED)                                                                         \
            goto trapped;                                                                          \
    }                                                                                              \
    if (UNLIKELY(hp->line != vm->s.cur_line)) {                                                    \
        const struct cache *c_ = &vm->a.l1i;                                                       \
        uint32_t i_ = c_->guess[hp->line & (GUESS_N - 1)];                                         \
        if (LIKELY(c_->tag[i_] == hp->line)) { /* never so for LINE_SPAN */                        \
            vm->s.st.l1i_accesses++;                                                               \
            c_->stamp[(i_ + 1) & c_->stamp_mask] = pipe;                                           \
            vm->s.cur_line = hp->line;                                                             \
        } else {                                                                                   \
            SYNC();                                                                                \
            fetch_lines(vm, hp);                                                                   \
            RELOAD();                                                                              \
        }                                                                                          \
    }
#define HEAD_ISSUE()                                                                               \
    {                                                                                              \
        uint64_t m_ = pending & hp->uses;                                                          \
        if (UNLIKELY(m_ != 0)) {                                                                   \
            if (LIKELY((m_ & (m_ - 1)) == 0)) {                                                    \
                uint64_t when_ = vm->s.ready[__builtin_ctzll(m_)];                                 \
                pending &= ~m_;                                                                    \
                if (when_ >> 2 > pipe) {                                                           \
                    vm->row[wait_cause[when_ & 3]] += (when_ >> 2) - pipe;                         \
                    pipe = when_ >> 2;                                                             \
                }                                                                                  \
            } else {                                                                               \
                SYNC();                                                                            \
                interlock(vm, hp->uses);                                                           \
                RELOAD();                                                                          \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    acc += hp->acc;                                                                                \
    acc2 += hp->acc2;                                                                              \
    pipe++;
#define HEAD_DEADLINE()                                                                            \
    if (UNLIKELY(vm->s.retired + hp->retire > vm->s.deadline)) {                                   \
        vm->fault.info = hp->retire;                                                               \
        vm->fault.addr = 0;                                                                        \
        trap = T_DEADLINE;                                                                         \
        goto take_trap;                                                                            \
    }
#define HEAD_NEXT()                                                                                \
    p += HEAD_POPS;                                                                                \
    goto * p->h

/* ---- control ---- */

/* Through a link, which is made if both ends are in the same region. */
#define FOLLOW()                                                                                   \
    do {                                                                                           \
        struct head *to_ = ((const struct link *)(p + 1))->to;                                     \
        if (LIKELY(to_ != NULL)) {                                                                 \
            p = (const struct pop *)to_;                                                           \
            goto * p->h;                                                                           \
        }                                                                                          \
        goto make_link;                                                                            \
    } while (0)

#define TAKEN()                                                                                    \
    do {                                                                                           \
        uint64_t n_ = vm->m.br_taken;                                                              \
        pipe += n_;                                                                                \
        vm->row[CA_TAKEN] += n_;                                                                   \
        vm->s.commit_dir |= hp->commits;                                                           \
    } while (0)

#define BRANCH(cond)                                                                               \
    do {                                                                                           \
        bool tk_ = (cond);                                                                         \
        vm->s.st.branches++;                                                                       \
        if (LIKELY(vm->pht_now != NULL)) {                                                         \
            uint32_t hist_ = *vm->hist_now;                                                        \
            uint8_t *c_ = vm->pht_now + ((hp->pc >> 2 ^ (hist_ & vm->hist_mask)) & vm->pht_mask);  \
            unsigned was_ = *c_;                                                                   \
            *vm->hist_now = hist_ << 1 | tk_;                                                      \
            *c_ = (uint8_t)(tk_ ? was_ + (was_ < 3) : was_ - (was_ > 0));                          \
            if (LIKELY((was_ >> 1) == tk_)) {                                                      \
                if (tk_) {                                                                         \
                    vm->s.st.branches_taken++;                                                     \
                    TAKEN();                                                                       \
                    FOLLOW();                                                                      \
                }                                                                                  \
                p += 2;                                                                            \
                goto * p->h;                                                                       \
            }                                                                                      \
            if (tk_)                                                                               \
                goto mispredicted_taken;                                                           \
            goto mispredicted_on;                                                                  \
        }                                                                                          \
        if (tk_)                                                                                   \
            goto plain_taken;                                                                      \
        goto plain_on;                                                                             \
    } while (0)

/* By condition. */
#define CONDS(M)                                                                                   \
    M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define BRCC(n)                                                                                    \
    M_BRCC##n : BRANCH(cc_test(cc, n));                                                            \
    M_SETCC##n : r[p->rd] = cc_test(cc, n);                                                        \
    NEXT();                                                                                        \
    M_CMOV##n : r[p->rd] = cc_test(cc, n) ? r[p->ra] : r[p->x];                                    \
    NEXT();

/* ---- families ---- */

/* An op of ops.def by its order: the plain ones are done here, the others have a handler each. */
#define GEN_FREE(name)                                                                             \
    L_##name : r[p->rd] = sem_##name(r, cc, r[p->x], r[p->ra], r[p->rb]);                          \
    NEXT();                                                                                        \
    L_##name##_I : r[p->rd] = sem_##name(r, cc, r[p->x], r[p->ra], p->imm);                        \
    NEXT();
#define GEN_NLD(name)
#define GEN_NST(name)
#define GEN_GLD(name)
#define GEN_GST(name)
#define GEN_TRAP(name)
#define GEN_CTL(name)
#define GEN_FENCE(name)

#define DIVIDE(name, fn, which)                                                                    \
    L_##name:                                                                                      \
    {                                                                                              \
        uint32_t q, rem;                                                                           \
        if (!fn(r[p->x], r[p->ra], B, &q, &rem)) {                                                 \
            vm->fault.info = vm->fault.addr = 0;                                                   \
            trap = T_DIVIDE;                                                                       \
            goto take_trap;                                                                        \
        }                                                                                          \
        r[p->rd] = which;                                                                          \
        NEXT();                                                                                    \
    }

/* TWO: whether it names a second register; LAT: of what it writes, 0 if nothing but rd. */
#define FP_OP(name, two, lat_)                                                                     \
    L_##name:                                                                                      \
    {                                                                                              \
        uint32_t ra_ = r[p->ra], rb_ = B;                                                          \
        pipe = wide_use(vm, pipe, ra_, two ? rb_ : ra_, lat_);                                     \
        r[p->rd] = fp_run_##name(vm, ra_, rb_);                                                    \
        NEXT();                                                                                    \
    }

#define SIMD_FLOAT(name, lat_)                                                                     \
    L_##name:                                                                                      \
    {                                                                                              \
        uint32_t b_ = B;                                                                           \
        pipe = simd_use(vm, pipe, b_, lat_);                                                       \
        trap = simd_run(vm, b_);                                                                   \
        if (UNLIKELY(trap != T_NONE))                                                              \
            goto take_trap;                                                                        \
        r[p->rd] = vm->val;                                                                        \
        NEXT();                                                                                    \
    }

#define FP_STATIC_OP(name, base)                                                                   \
    L_##name : pipe = wide_use3(vm, pipe, p->rd & 31, p->ra, p->rb, vm->m.lat[FP_LAT(OP_##name)]); \
    fp_static_##name##_x80(vm, p->rd, p->ra, p->rb, p->x);                                         \
    NEXT();                                                                                        \
    L_##name##_I                                                                                   \
        : pipe = wide_use3(vm, pipe, p->rd & 31, p->ra, p->rb, vm->m.lat[FP_LAT(OP_##name)]);      \
    fp_static_##name##_mem(vm, p->rd, p->ra, p->rb, p->x);                                         \
    NEXT();
#define FP_LAT(op) ((op) == OP_WDIV || (op) == OP_WDIVR || (op) == OP_WSQRT ? LAT_FPDIV : LAT_FP)

#endif
