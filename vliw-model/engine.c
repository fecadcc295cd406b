/* SPDX-License-Identifier: MIT */
/*
 * The reference engine: direct-threaded over predecoded bundles (engine.h), full timing.
 *
 * Each handler ends by jumping through the next pop's handler; a head does everything a bundle pays
 * once. What is asked at run time is kept to four comparisons a bundle: has the next appointment
 * come (stop_at: cycle limit, event, counters about to overflow), does fetch enter another line, is
 * a register of the bundle in flight; and for a commit, would it pass the deadline. Whatever is
 * rare leaves through a function of another file, between SYNC and RELOAD, which write the few
 * machine registers kept in host registers back and fetch them again. These steps are macros:
 * engine_steps.h, those of loads and stores engine_mem.h. The function itself is not cut in pieces:
 * all handlers share its registers.
 *
 * Guest loads and stores have a short way: the fast TLB proves translation, permission, no T-bits;
 * vm->filter proves that no gated store and no outstanding miss concerns the chunk (else the store
 * buffer is searched, if no miss is outstanding); the guess table proves a hit in L1D. Everything
 * else takes the long way of mem.c, which is the complete definition; the short way must never
 * differ from it.
 *
 * To add an op that is not FREE: a label L_NAME here, and if it can trap or changes the flow, its
 * kind in predecode.c.
 */
#if defined(__GNUC__) && !defined(__clang__)
/* Else gcc 12 keeps pairs of the engine's registers in vector registers and, with the moves that
 * needs, jumps to all handlers from one place, which halves the speed. */
#pragma GCC optimize("no-tree-slp-vectorize")
#endif
#include "vliw-model/engine_fast.h"
#include "vliw-model/engine_mem.h"
#include "vliw-model/sem.h"
#include "vliw-model/engine_steps.h" /* its short names are for this file alone */

const void *engine_label[H_COUNT_];

enum vm_stop engine_run(struct vm *vm, struct head *start)
{
    if (!vm) {
#define OP(name, mn, fmt, unit, lat, tr, order, doc)                                               \
    engine_label[2 * OP_##name] = &&L_##name;                                                      \
    engine_label[2 * OP_##name + 1] = &&L_##name##_I;
#include "vliw-model/ops.def"
#undef OP
#define LABEL(name) engine_label[H_##name] = &&M_##name;
        HANDLERS(LABEL)
#undef LABEL
#define LABEL(n)                                                                                   \
    engine_label[H_BRCC0 + n] = &&M_BRCC##n;                                                       \
    engine_label[H_SETCC0 + n] = &&M_SETCC##n;                                                     \
    engine_label[H_CMOV0 + n] = &&M_CMOV##n;
        CONDS(LABEL)
#undef LABEL
        return VM_STOP;
    }

    uint32_t *const r = vm->s.r;
    struct ccs *const cc = &vm->s.cc;
    uint8_t *const mem = vm->mem;
    const struct pop *p = NULL;
    const struct head *hp = (const struct head *)start;
    uint64_t pipe, pending, acc, acc2;
    uint32_t npc = vm->s.pc;
    enum trap_code trap;
    RELOAD();
    if (start) {
        p = (const struct pop *)start;
        goto * p->h;
    }
    goto jump;

    /* ---- heads ---- */

M_HEAD:
    HEAD_BODY();
    HEAD_ISSUE();
    HEAD_NEXT();
M_HEAD_C:
    HEAD_BODY();
    HEAD_ISSUE();
    HEAD_DEADLINE();
    HEAD_NEXT();
M_HEAD1:
    hp = (const struct head *)p;
    HEAD_ISSUE();
    HEAD_NEXT();
M_HEAD1_C:
    hp = (const struct head *)p;
    HEAD_ISSUE();
    HEAD_DEADLINE();
    HEAD_NEXT();
M_ILLEGAL:
    HEAD_BODY();
    vm->fault.info = hp->retire; /* enum bundle_error */
    vm->fault.addr = hp->pc;
    trap = T_ILLEGAL;
    goto take_trap;
M_STALE:
    p = (const struct pop *)code_renew(vm, (struct head *)p);
    goto * p->h;
M_FORWARD:
    p = (const struct pop *)(uintptr_t)((const struct head *)p)->uses;
    goto * p->h;
M_SKIP:
    p += p->imm;
    goto * p->h;
M_END:
    SYNC();
    acct_flush(vm);
    return VM_CYCLES;

    /* ---- control ---- */

    /* To the bundle at npc, wherever that lies. */
jump : {
    uint32_t off = npc - vm->concealed;
    const struct head *h;
    if (UNLIKELY(vm->single)) {
        SYNC();
        acct_flush(vm);
        vm->s.pc = npc;
        return VM_CYCLES;
    }
    if (LIKELY(off < vm->mem_size - vm->concealed && !(off & 3) && vm->code_index[off >> 2]))
        h = (const struct head *)(vm->arena + vm->code_index[off >> 2]);
    else
        h = code_at(vm, npc);
    if (UNLIKELY(h->region != vm->region)) {
        SYNC();
        acct_flush(vm);
        vm->region = h->region;
        acct_phase(vm);
        RELOAD();
    }
    p = (const struct pop *)h;
    goto * p->h;
}
make_link : {
    npc = p->imm;
    if (!vm->single) {
        uint32_t gen = vm->code_generation;
        struct head *h = code_at(vm, npc);
        if (gen == vm->code_generation && h->region == vm->region)
            ((struct link *)(uintptr_t)(p + 1))->to = h;
    }
    goto jump;
}
M_GOTO:
    FOLLOW();

mispredicted_taken:
    pipe += vm->m.br_mispredict;
    vm->row[CA_MISPREDICT] += vm->m.br_mispredict;
    vm->s.st.mispredicts++;
    vm->s.st.branches_taken++;
    vm->s.commit_dir |= hp->commits;
    FOLLOW();
mispredicted_on:
    pipe += vm->m.br_mispredict;
    vm->row[CA_MISPREDICT] += vm->m.br_mispredict;
    vm->s.st.mispredicts++;
    p += 2;
    goto * p->h;
plain_taken: /* no predictor, or the static one */
    SYNC();
    branch_slow(vm, p->x, true);
    RELOAD();
    vm->s.commit_dir |= hp->commits;
    FOLLOW();
plain_on:
    SYNC();
    branch_slow(vm, p->x, false);
    RELOAD();
    p += 2;
    goto * p->h;

    CONDS(BRCC)

L_BZ:
    BRANCH(r[p->ra] == 0);
L_BNZ:
    BRANCH(r[p->ra] != 0);
L_BEQ:
    BRANCH(r[p->rd] == r[p->ra]);
L_BNE:
    BRANCH(r[p->rd] != r[p->ra]);
L_BLT:
    BRANCH((int32_t)r[p->rd] < (int32_t)r[p->ra]);
L_BGE:
    BRANCH((int32_t)r[p->rd] >= (int32_t)r[p->ra]);
L_BLTU:
    BRANCH(r[p->rd] < r[p->ra]);
L_BGEU:
    BRANCH(r[p->rd] >= r[p->ra]);

M_JAL_PLAIN:
    TAKEN();
    FOLLOW();
M_JAL_CALL:
    r[p->rd] = hp->pc + 4u * hp->words;
    ras_push(vm, hp->pc + 4u * hp->words);
    TAKEN();
    FOLLOW();
L_JAL:
    r[p->rd] = hp->pc + 4u * hp->words;
    TAKEN();
    FOLLOW();
L_JALR : {
    unsigned how = p->x;
    npc = (r[p->ra] + B) & ~3u;
    r[p->rd] = hp->pc + 4u * hp->words;
    vm->s.st.indirects++;
    if (how == 1 && ras_pop(vm, npc)) {
        TAKEN();
    } else {
        if (how == 2)
            ras_push(vm, hp->pc + 4u * hp->words);
        vm->s.st.indirects_missed++;
        pipe += vm->m.br_indirect;
        vm->row[CA_INDIRECT] += vm->m.br_indirect;
        vm->s.commit_dir |= hp->commits;
    }
    goto jump;
}
L_JTLB : { /* first half: a miss has no effect */
    uint32_t eip = B, to = jtlb_lookup(vm, eip);
    if (UNLIKELY(!to)) {
        vm->fault.addr = eip;
        vm->fault.info = vm->s.mode;
        trap = T_JTLB_MISS;
        goto take_trap;
    }
    r[p->rd] = to;
    NEXT();
}
M_JUMP_TEMP:
    npc = r[p->ra];
    TAKEN();
    pipe += vm->m.jtlb_latency;
    vm->row[CA_INDIRECT] += vm->m.jtlb_latency;
    goto jump;
L_EXIT:
    vm->fault.info = B;
    vm->fault.addr = 0;
    trap = T_EXIT;
    goto take_trap;
L_TRAPIF:
    if (cc_test(cc, p->x)) {
        vm->fault.info = p->imm;
        vm->fault.addr = 0;
        trap = T_CODE;
        goto take_trap;
    }
    NEXT();
M_CHECK_RFE:
    if (vm->s.handler == HANDLER_NONE) {
        vm->fault.info = MC_BAD_RFE;
        vm->fault.addr = 0;
        trap = T_MACHINE_CHECK;
        goto take_trap;
    }
    NEXT();
L_RFE:
    SYNC();
    trap_rfe(vm);
    goto trapped;
L_RAISE:
    SYNC();
    trap_raise(vm, r[p->ra], B);
    goto trapped;
L_HALT:
    SYNC();
    acct_flush(vm);
    vm->s.halt_status = B;
    vm->s.halted = 1;
    vm->s.pc = hp->pc + 4u * hp->words;
    return VM_HALT;

take_trap:
    SYNC();
    vm->last_ops = hp->acc >> ACC_OPS & 0xffff;
    trap_take(vm, trap, hp->pc);
trapped: /* the PC is vm->s.pc, by a trap or a return from one */
    RELOAD();
    if (UNLIKELY(vm->defect != NULL))
        return VM_DEFECT;
    if (vm->single || (vm->m.cms_host == CMS_ON_HOST && vm->trapped != T_NONE)) {
        acct_flush(vm);
        return VM_TRAPPED;
    }
    npc = vm->s.pc;
    goto jump;

    /* ---- commit ---- */

M_COMMIT : {
    struct vm_state *s = &vm->s;
    uint32_t n = p->imm;
    if (LIKELY(vm->shadow_lo == 16))
        commit_48(s);
    else
        commit_any(vm);
    s->cc_shadow = s->cc;
    if (UNLIKELY(vm->misc_dirty))
        commit_misc(vm);
    uint32_t k = s->sb_n;
    s->st.sb_occupancy[k < SB_HIST ? k : SB_HIST - 1]++;
    if (k) {
        sb_release_fast(vm);
        uint64_t c = (uint64_t)k * vm->m.sb_release;
        pipe += c;
        vm->row[CA_SB] += c;
    }
    s->alias_valid = 0;
    pipe += vm->m.commit_cost;
    vm->row[CA_COMMIT] += vm->m.commit_cost;
    s->retired += n;
    s->commit_pc = hp->pc;
    s->commit_dir = 0;
    s->st.commits++;
    vm->acc_mark = acc;
    vm->waste_base = 0;
    if (vm->region != REGION_CMS) {
        s->st.retired_xlat += n;
        s->st.commit_distance[n < DIST_HIST ? n : DIST_HIST - 1]++;
        if (UNLIKELY(pipe >= vm->event_at)) {
            s->event = 1;
            vm->stop_at = 0;
        }
    }
    NEXT();
}
M_COMMIT_SLOW:
    SYNC();
    if (commit_slow(vm, hp->pc, p->imm)) {
        vm->s.event = 1;
        vm->stop_at = 0;
    }
    RELOAD();
    NEXT();

    /* ---- plain ops: from the table ---- */

#define OP(name, mn, fmt, unit, lat, tr, order, doc) GEN_##order(name)
#include "vliw-model/ops.def"
#undef OP

    /* Forms for immediates that are the same as those for registers. */
    /* clang-format off */
L_BRCC: L_BRCC_I: L_BZ_I: L_BNZ_I: L_BEQ_I: L_BNE_I: L_BLT_I: L_BGE_I: L_BLTU_I: L_BGEU_I:
L_JAL_I: L_JALR_I: L_JTLB_I: L_EXIT_I: L_RFE_I: L_RAISE_I: L_TRAPIF_I: L_HALT_I: L_UDIVQ_I:
L_UDIVR_I: L_SDIVQ_I: L_SDIVR_I: L_PROBER_I: L_PROBEW_I: L_PROBEX_I: L_GPA_I: L_LDP: L_LDP_I:
L_STAM_I: L_XCHK_I: L_ISYNC_I: L_MFS_I: L_MTS_I: L_MTSP_I: L_FSWM_I: L_PHASE_I: L_TLBW_I:
L_TLBINV_I: L_JTLBW_I: L_JTLBINV_I: L_TBSET_I: L_TBCLR_I: L_PIN_I: L_POUT_I: L_HOSTCALL_I:
L_WGET_I: L_WPUT_I: L_FLD_I: L_FST_I: L_FADD_I: L_FSUB_I: L_FSUBR_I: L_FMUL_I: L_FDIV_I:
L_FDIVR_I: L_FCOM_I: L_FUCOM_I: L_FSQRT_I: L_FRND_I: L_VALU_I: L_VMUL_I: L_VFP_I: L_VFDIV_I:
    /* clang-format on */
    vm->defect = "a handler that predecoding never names";
    return VM_DEFECT;

    DIVIDE(UDIVQ, sem_udiv, q)
    DIVIDE(UDIVR, sem_udiv, rem)
    DIVIDE(SDIVQ, sem_sdiv, q)
    DIVIDE(SDIVR, sem_sdiv, rem)

    /* ---- memory ---- */

    GLOADS(GLD8, 1, FT_R, ACC_READ, ID)
    GLOADS(GLD8S, 1, FT_R, ACC_READ, S8)
    GLOADS(GLD16, 2, FT_R, ACC_READ, ID)
    GLOADS(GLD16S, 2, FT_R, ACC_READ, S16)
    GLOADS(GLD32, 4, FT_R, ACC_READ, ID)
    GLOADS(GLDX8, 1, FT_X, ACC_EXEC, ID)
    GLOADS(GLDX32, 4, FT_X, ACC_EXEC, ID)
    GSTORES(GST8, 1)
    GSTORES(GST16, 2)
    GSTORES(GST32, 4)
    NLOADS(LB, 1, S8)
    NLOADS(LBU, 1, ID)
    NLOADS(LH, 2, S16)
    NLOADS(LHU, 2, ID)
    NLOADS(LW, 4, ID)
    NSTORES(SB, 1)
    NSTORES(SH, 2)
    NSTORES(SW, 4)

    WLOADS(GLDW, 8, false, false)
    WLOADS(GLDWZ, 8, false, true)
    WLOADS(GLDDZ, 4, false, true)
    WLOADS(GLDQ, 16, false, false)
    WLOADS(GLDQA, 16, true, false)
    WSTORES(GSTD, 4, false)
    WSTORES(GSTW, 8, false)
    WSTORES(GSTQ, 16, false)
    WSTORES(GSTQA, 16, true)
L_STAM:
    LONG(mem_store(vm, r[p->ra], r[p->x], 4, B));
    NEXT();
M_RECORD:
    LONG(mem_record(vm, r[p->ra], B));
    NEXT();
L_GPA:
    LONG(mem_gpa(vm, r[p->ra]));
    goto loaded;
L_PROBER:
    LONG(mem_probe(vm, r[p->ra], B, ACC_READ, hp->pc));
    goto loaded;
L_PROBEW:
    LONG(mem_probe(vm, r[p->ra], B, ACC_WRITE, hp->pc));
    goto loaded;
L_PROBEX:
    LONG(mem_probe(vm, r[p->ra], B, ACC_EXEC, hp->pc));
    goto loaded;
L_COUNT:
L_COUNT_I:
    LONG(mem_count(vm, r[p->ra] + B, false));
loaded:
    SET_READY(p->x, vm->ready);
    r[p->rd] = vm->val;
    NEXT();
L_XCHK:
    LONG(mem_xchk(vm, r[p->ra], B));
    NEXT();
M_CHECK_GST:
    LONG(mem_check_store(vm, r[p->ra] + B, p->x, 0));
    NEXT();
M_CHECK_WIDE:
    LONG(mem_check_wide(vm, r[p->ra] + B, p->x, p->rd));
    NEXT();
M_CHECK_STAM:
    LONG(mem_check_store(vm, r[p->ra], 4, B));
    NEXT();
M_CHECK_NST:
    LONG(mem_check_native(vm, r[p->ra] + B, p->x));
    NEXT();
M_CHECK_COUNT:
    LONG(mem_count(vm, r[p->ra] + B, true));
    NEXT();
M_CHECK_FLOAT:
    trap = simd_check(vm, B);
    if (UNLIKELY(trap != T_NONE))
        goto take_trap;
    NEXT();
M_CHECK_HOST:
    LONG(trap_check_hostcall(vm));
    NEXT();

    /* ---- the co-design's own ---- */

M_READY:
    SET_READY(p->x, (pipe << 2) + p->imm);
    NEXT();
M_STALL:
    pipe += p->imm;
    vm->row[CA_LONGOP] += p->imm;
    NEXT();
L_ISYNC:
    SYNC();
    engine_isync(vm, r[p->ra], B);
    RELOAD();
    NEXT();
L_MFS:
    if (LIKELY(B - SR_FP_FIRST < NFPSR)) {
        r[p->rd] = vm->s.fpsr[B - SR_FP_FIRST];
        NEXT();
    }
    SYNC();
    r[p->rd] = special_read(vm, B);
    RELOAD();
    NEXT();
L_MTS:
    if (LIKELY(B - SR_FP_FIRST < NFPSR)) {
        vm->s.fpsr[B - SR_FP_FIRST] = r[p->ra];
        vm->misc_dirty = 1;
        NEXT();
    }
    SYNC();
    special_write(vm, B, r[p->ra]);
    RELOAD();
    NEXT();
L_MTSP:
    if (LIKELY(B - SR_FP_FIRST < NFPSR - 1)) {
        uint32_t n_ = B - SR_FP_FIRST, second_ = r[p->ra];
        vm->s.fpsr[n_] = r[p->x];
        vm->s.fpsr[n_ + 1] = second_;
        vm->misc_dirty = 1;
    }
    NEXT();
L_FSWM : {
    uint32_t *fsw = &vm->s.fpsr[SR_FSW - SR_FCW];
    *fsw = (*fsw & ~B) | (r[p->ra] & B);
    vm->misc_dirty = 1;
    NEXT();
}
L_PHASE:
    SYNC();
    acct_flush(vm);
    vm->s.phase_reg = B < PH_COUNT_ ? B : 0;
    acct_phase(vm);
    RELOAD();
    NEXT();
L_TLBW:
    SYNC();
    tlb_write(vm, r[p->ra], B);
    NEXT();
L_TLBINV:
    tlb_inv(vm, r[p->ra], B != 0);
    NEXT();
L_JTLBW:
    jtlb_write(vm, r[p->ra], B);
    NEXT();
L_JTLBINV:
    jtlb_inv(vm, r[p->ra], B != 0);
    NEXT();
L_TBSET:
    tbits_set(vm, r[p->ra], B);
    NEXT();
L_TBCLR:
    tbits_clear(vm, r[p->ra], B);
    NEXT();
    /* Wide registers. */
M_WCOPY:
    memcpy(vm->s.wide[p->rd], vm->s.wide[p->x], p->imm);
    NEXT();
L_WGET:
    pipe = wide_use(vm, pipe, B >> 2, B >> 2, 0);
    r[p->rd] = wide_get(vm->s.wide, B);
    NEXT();
L_WPUT:
    pipe = wide_use(vm, pipe, B >> 2, B >> 2, vm->m.lat[LAT_FP]);
    wide_put(vm->s.wide, r[p->ra], B);
    vm->misc_dirty = 1;
    NEXT();
    FP_OP(FLD, true, vm->m.lat[LAT_FP])
    FP_OP(FST, true, vm->m.lat[LAT_FP])
    FP_OP(FADD, true, vm->m.lat[LAT_FP])
    FP_OP(FSUB, true, vm->m.lat[LAT_FP])
    FP_OP(FSUBR, true, vm->m.lat[LAT_FP])
    FP_OP(FMUL, true, vm->m.lat[LAT_FP])
    FP_OP(FDIV, true, vm->m.lat[LAT_FPDIV])
    FP_OP(FDIVR, true, vm->m.lat[LAT_FPDIV])
    FP_OP(FCOM, true, 0)
    FP_OP(FUCOM, true, 0)
    FP_OP(FSQRT, false, vm->m.lat[LAT_FPDIV])
    FP_OP(FRND, false, vm->m.lat[LAT_FP])
L_VMUL:
L_VALU : {
    uint32_t b_ = B;
    pipe = simd_use(vm, pipe, b_, vm->m.lat[LAT_FP]);
    r[p->rd] = simd_int(vm->s.wide, b_);
    vm->misc_dirty = 1;
    NEXT();
}
    SIMD_FLOAT(VFP, vm->m.lat[LAT_FP])
    SIMD_FLOAT(VFDIV, vm->m.lat[LAT_FPDIV])
    FP_STATICS(FP_STATIC_OP)
L_PIN : {
    uint32_t size = B;
    SYNC();
    simd_end();
    uint32_t v = vm->plat.port_in ? vm->plat.port_in(vm->plat.ctx, r[p->ra], size) : 0xffffffffu;
    RELOAD();
    r[p->rd] = size >= 4 ? v : v & ((1u << 8 * size) - 1);
    NEXT();
}
L_POUT:
    SYNC();
    simd_end();
    if (vm->plat.port_out)
        vm->plat.port_out(vm->plat.ctx, r[p->ra], B, r[p->x]);
    RELOAD();
    NEXT();
L_HOSTCALL : {
    uint32_t arg = r[p->ra], service = B;
    SYNC();
    acct_flush(vm);
    uint32_t phase = vm->s.phase_reg, region = vm->region;
    vm->s.phase_reg = PH_HOSTCALL;
    vm->region = REGION_CMS;
    acct_phase(vm);
    acct_wait(vm, vm->m.hostcall_cost, CA_SYNC);
    vm->s.st.hostcalls++;
    vm->s.pc = hp->pc;
    simd_end();
    uint32_t v = vm->plat.hostcall ? vm->plat.hostcall(vm->plat.ctx, service, arg) : 0;
    vm->s.phase_reg = phase;
    vm->region = region;
    acct_phase(vm);
    RELOAD();
    r[p->rd] = v;
    /* What the platform left in shadows is committed; the result is not. */
    NEXT();
}
}

void engine_init(void)
{
    if (!engine_label[H_HEAD])
        engine_run(NULL, NULL);
}

void engine_isync(struct vm *vm, uint32_t lo, uint32_t len)
{
    struct vm_state *s = &vm->s;
    if (!len)
        return;
    uint32_t shift = vm->a.l1i.line_shift, last = lo + (len - 1);
    if (last < lo)
        last = 0xffffffffu;
    uint32_t lines = (last >> shift) - (lo >> shift) + 1;
    cache_drop_code(vm, lo, last);
    code_isync(vm, lo, last - lo + 1);
    s->cur_line = NO_LINE;
    acct_wait(vm, (uint64_t)lines * vm->m.isync_cost, CA_SYNC);
}
