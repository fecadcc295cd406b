/* SPDX-License-Identifier: MIT */
/*
 * The frequent instructions, straight from their bytes: 32-bit operands and addresses, no prefixes,
 * flat segments. All else is left to the generic way (IX_SLOW, with nothing done). Made for a
 * machine with few ALUs, loads of three cycles and indirect jumps of three:
 *
 * - One word of code is fetched, and one jump through a table follows. The table is indexed by
 * opcode, ModRM.mod and ModRM.rm together, so that register forms arrive at their handler at once,
 * and memory forms at one of seven address computations (m0 m1 m2: [reg], +disp8, +disp32; s0 s1
 * s2: the same with SIB; d0: disp32 alone), each of which goes on to the opcode's handler for
 * memory through a second, small table. The most frequent opcodes have handlers of their own for
 * the four most frequent address forms (FORMS).
 * - Each handler ends with the fetch and the table look-up of the next instruction, before its own
 * commit, so that their latencies overlap with its work; a store comes before the fetch, which sees
 * it in the store buffer. The fetch cannot fault: behind `limit`, near the end of a page,
 * instructions are left to the generic way.
 * - Two-byte opcodes move `eip` behind the 0F and come through tables of their own; G_EIP stays on
 * the instruction until its commit. Prefixes 66 and 65 do the same, for a few opcodes.
 * - Nothing here calls a function, so that it needs no stack.
 *
 * To add an opcode: a handler (label), and its row in the tables at the end: ONE for opcodes
 * without ModRM, MODRM with the handlers of register and memory form.
 * tests/unit/test_interp_silicon.c runs each handler against the host's processor.
 */
#include "isa-frontend/interp_int.h"

/* Low 8 bits: byte register r, above them anything. */
static inline uint32_t byte_reg(uint32_t r)
{
    return hw_gget(r & 3) >> ((r & 4) << 1);
}

static inline void set_byte_reg(uint32_t r, uint32_t v)
{
    uint32_t old = hw_gget(r & 3);
    hw_gput(r & 4 ? hw_ins8h(old, v) : hw_ins8(old, v), r & 3);
}

/* What the word of code says, its opcode in the lowest byte. */
#define REG   (w >> 11 & 7)
#define RM    (w >> 8 & 7)
#define BYTE1 hw_sext8(w >> 8)
#define BYTE2 hw_sext8(w >> 16)
#define BYTE3 hw_sext8(w >> 24)

/* The last offset in a page at which instructions are executed here: 13 bytes and a fetched word
 * must fit behind it. */
enum { LAST = 0xfe8 };

/*
 * Ends of handlers. AHEAD(n): the instruction has n bytes from eip; fetches the next word, and `w`
 * stays valid until GO. JUMP(t): a control transfer to t.
 */
#define AHEAD(n)                                                                                   \
    do {                                                                                           \
        eip += (n);                                                                                \
        ahead = hw_gldx32(eip);                                                                    \
    } while (0)
#define GO()                                                                                       \
    do {                                                                                           \
        const void *h_;                                                                            \
        w = ahead;                                                                                 \
        h_ = ENTRY(first);                                                                         \
        if (__builtin_expect(eip > limit, 0))                                                      \
            goto page_end;                                                                         \
        hw_setg(G_EIP, eip);                                                                       \
        hw_commit(1);                                                                              \
        goto *h_;                                                                                  \
    } while (0)
#define NEXT(n)                                                                                    \
    do {                                                                                           \
        AHEAD(n);                                                                                  \
        GO();                                                                                      \
    } while (0)
#define JUMP(t)                                                                                    \
    do {                                                                                           \
        eip = (t);                                                                                 \
        goto block;                                                                                \
    } while (0)

/* Table rows, over a default of &&slow. I_ is the index of (mod, rm, opcode). */
#define I_(m, r, op) [(m) << 11 | (r) << 8 | (op)]
#define RM8_(m, op, h, sib, r5)                                                                    \
    I_(m, 0, op) = &&h, I_(m, 1, op) = &&h, I_(m, 2, op) = &&h, I_(m, 3, op) = &&h,                \
             I_(m, 4, op) = &&sib, I_(m, 5, op) = &&r5, I_(m, 6, op) = &&h, I_(m, 7, op) = &&h
#define ONE(op, h)                                                                                 \
    RM8_(0, op, h, h, h), RM8_(1, op, h, h, h), RM8_(2, op, h, h, h), RM8_(3, op, h, h, h)
#define MODRM(op, h)                                                                               \
    RM8_(0, op, m0, s0, d0), RM8_(1, op, m1, s1, m1), RM8_(2, op, m2, s2, m2), RM8_(3, op, h, h, h)
#define MODRM_0F(op, h)                                                                            \
    RM8_(0, op, m0_0f, s0_0f, d0_0f), RM8_(1, op, m1_0f, s1_0f, m1_0f),                            \
        RM8_(2, op, m2_0f, s2_0f, m2_0f), RM8_(3, op, h, h, h)
#define MODRM_FORMS(op, h, f)                                                                      \
    RM8_(0, op, f##_0, f##_s0, d0), RM8_(1, op, f##_1, f##_s1, f##_1), RM8_(2, op, m2, s2, m2),    \
        RM8_(3, op, h, h, h)
#define MODRM_FORMS_0F(op, h, f)                                                                   \
    RM8_(0, op, f##_0, f##_s0, d0_0f), RM8_(1, op, f##_1, f##_s1, f##_1),                          \
        RM8_(2, op, m2_0f, s2_0f, m2_0f), RM8_(3, op, h, h, h)
#define BY_FORM(x, reg)                                                                            \
    [0 ... 7] = &&m0##x, [4] = &&s0##x, [5] = &&d0##x, [8 ... 15] = &&m1##x, [12] = &&s1##x,       \
           [16 ... 23] = &&m2##x, [20] = &&s2##x, [24 ... 31] = &&reg
#define ONE8(op, h)                                                                                \
    ONE(op, h), ONE(op + 1, h), ONE(op + 2, h), ONE(op + 3, h), ONE(op + 4, h), ONE(op + 5, h),    \
        ONE(op + 6, h), ONE(op + 7, h)
#define ALU_ROWS(op, n)                                                                            \
    MODRM(op, n##_eb), MODRM(op + 1, n##_ev), MODRM(op + 2, n##_gb), MODRM(op + 3, n##_gv),        \
        ONE(op + 4, n##_al), ONE(op + 5, n##_eax)
#define ALU_MEM(op, n)                                                                             \
    [op] = &&n##_eb_m, [op + 1] = &&n##_ev_m, [op + 2] = &&n##_gb_m, [op + 3] = &&n##_gv_m
/* The table's entry for w, in few steps: what is masked is shifted to the scale of an entry
 * already. */
enum { SCALE = sizeof(void *) == 8 ? 3 : 2 };
#define ENTRY(table)                                                                               \
    (*(const void *const *)((const char *)(table) + (w << SCALE & opcode_rm) +                     \
                            (w >> (3 - SCALE) & mod)))

/* The six forms of one ALU instruction. W(x) writes a result; a compare has none. */
#define ALU_HANDLERS(n, op, W)                                                                     \
    n##_eb : AHEAD(2);                                                                             \
    x = hw_##op##f8(byte_reg(RM), byte_reg(REG));                                                  \
    W(set_byte_reg(RM, x));                                                                        \
    GO();                                                                                          \
    n##_eb_m : x = hw_##op##f8(hw_gld8(addr), byte_reg(REG));                                      \
    W(hw_gst8(addr, x));                                                                           \
    NEXT(0);                                                                                       \
    n##_ev : AHEAD(2);                                                                             \
    x = hw_##op##f32(hw_gget(RM), hw_gget(REG));                                                   \
    W(hw_gput(x, RM));                                                                             \
    GO();                                                                                          \
    n##_ev_m : x = hw_##op##f32(hw_gld32(addr), hw_gget(REG));                                     \
    W(hw_gst32(addr, x));                                                                          \
    NEXT(0);                                                                                       \
    n##_gb : AHEAD(2);                                                                             \
    x = hw_##op##f8(byte_reg(REG), byte_reg(RM));                                                  \
    W(set_byte_reg(REG, x));                                                                       \
    GO();                                                                                          \
    n##_gb_m : y = hw_gld8(addr);                                                                  \
    AHEAD(0);                                                                                      \
    x = hw_##op##f8(byte_reg(REG), y);                                                             \
    W(set_byte_reg(REG, x));                                                                       \
    GO();                                                                                          \
    n##_gv : AHEAD(2);                                                                             \
    x = hw_##op##f32(hw_gget(REG), hw_gget(RM));                                                   \
    W(hw_gput(x, REG));                                                                            \
    GO();                                                                                          \
    n##_gv_m : y = hw_gld32(addr);                                                                 \
    AHEAD(0);                                                                                      \
    x = hw_##op##f32(hw_gget(REG), y);                                                             \
    W(hw_gput(x, REG));                                                                            \
    GO();                                                                                          \
    n##_al : AHEAD(2);                                                                             \
    x = hw_##op##f8(hw_g(G_EAX), w >> 8);                                                          \
    W(hw_setg(G_EAX, x));                                                                          \
    GO();                                                                                          \
    n##_eax : y = hw_gldx32(eip + 1);                                                              \
    AHEAD(5);                                                                                      \
    x = hw_##op##f32(hw_g(G_EAX), y);                                                              \
    W(hw_setg(G_EAX, x));                                                                          \
    GO()
/* Four forms of one with 16-bit operands. */
#define ALU_HANDLERS66(n, op, W)                                                                   \
    n##_ev : x = hw_##op##f16(hw_gget(RM), hw_gget(REG));                                          \
    W(hw_gput(x, RM)); /* upper bits are those of the first operand */                             \
    NEXT(2);                                                                                       \
    n##_ev_m : x = hw_##op##f16(hw_gld16(addr), hw_gget(REG));                                     \
    W(hw_gst16(addr, x));                                                                          \
    NEXT(0);                                                                                       \
    n##_gv : x = hw_##op##f16(hw_gget(REG), hw_gget(RM));                                          \
    W(hw_gput(x, REG));                                                                            \
    NEXT(2);                                                                                       \
    n##_gv_m : x = hw_##op##f16(hw_gget(REG), hw_gld16(addr));                                     \
    W(hw_gput(x, REG));                                                                            \
    NEXT(0)
#define WRITES(s)  s
#define DISCARD(s) (void)x

/* ALU group by ModRM.reg: x = x op y, to `to` but for CMP, which goes to `none`. */
#define ALU_GROUP(n, k, to, none)                                                                  \
    switch (k) {                                                                                   \
    case 0: x = hw_addf##n(x, y); goto to;                                                         \
    case 1: x = hw_orf##n(x, y); goto to;                                                          \
    case 2: x = hw_adcf##n(x, y); goto to;                                                         \
    case 3: x = hw_sbbf##n(x, y); goto to;                                                         \
    case 4: x = hw_andf##n(x, y); goto to;                                                         \
    case 5: x = hw_subf##n(x, y); goto to;                                                         \
    case 6: x = hw_xorf##n(x, y); goto to;                                                         \
    default: hw_subf##n(x, y); goto none;                                                          \
    }
#define SHIFT_GROUP(n, k, to)                                                                      \
    switch (k) {                                                                                   \
    case 0: x = hw_rolf##n(x, y); goto to;                                                         \
    case 1: x = hw_rorf##n(x, y); goto to;                                                         \
    case 2: x = hw_rclf##n(x, y); goto to;                                                         \
    case 3: x = hw_rcrf##n(x, y); goto to;                                                         \
    case 5: x = hw_shrf##n(x, y); goto to;                                                         \
    case 7: x = hw_sarf##n(x, y); goto to;                                                         \
    default: x = hw_shlf##n(x, y); goto to;                                                        \
    }
/*
 * The address computations; eip moves behind the address. They go on at `to`. X tells the sets
 * apart.
 */
#define SIB_BASE hw_gget(w >> 16 & 7)
#define ADD_INDEX()                                                                                \
    do {                                                                                           \
        if ((w >> 19 & 7) != 4)                                                                    \
            addr += hw_gget(w >> 19 & 7) << (w >> 22 & 3);                                         \
    } while (0)
#define ADDRESSES(X, to)                                                                           \
    m0##X : addr = hw_gget(RM);                                                                    \
    eip += 2;                                                                                      \
    goto to;                                                                                       \
    m1##X : addr = hw_gget(RM) + BYTE2;                                                            \
    eip += 3;                                                                                      \
    goto to;                                                                                       \
    m2##X : addr = hw_gget(RM) + hw_gldx32(eip + 2);                                               \
    eip += 6;                                                                                      \
    goto to;                                                                                       \
    d0##X : addr = hw_gldx32(eip + 2);                                                             \
    eip += 6;                                                                                      \
    goto to;                                                                                       \
    s0##X : if ((w >> 16 & 7) == 5)                                                                \
    {                                                                                              \
        addr = hw_gldx32(eip + 3);                                                                 \
        eip += 7;                                                                                  \
    }                                                                                              \
    else                                                                                           \
    {                                                                                              \
        addr = SIB_BASE;                                                                           \
        eip += 3;                                                                                  \
    }                                                                                              \
    ADD_INDEX();                                                                                   \
    goto to;                                                                                       \
    s1##X : addr = SIB_BASE + BYTE3;                                                               \
    eip += 4;                                                                                      \
    ADD_INDEX();                                                                                   \
    goto to;                                                                                       \
    s2##X : addr = SIB_BASE + hw_gldx32(eip + 3);                                                  \
    eip += 7;                                                                                      \
    ADD_INDEX();                                                                                   \
    goto to
/* Handlers of one opcode for the frequent forms; `all` handles the rest. */
#define FORMS(f, all, BODY)                                                                        \
    f##_0 : addr = hw_gget(RM);                                                                    \
    eip += 2;                                                                                      \
    BODY;                                                                                          \
    f##_1 : addr = hw_gget(RM) + BYTE2;                                                            \
    eip += 3;                                                                                      \
    BODY;                                                                                          \
    f##_s0 : if ((w >> 16 & 7) == 5) goto all;                                                     \
    addr = SIB_BASE;                                                                               \
    eip += 3;                                                                                      \
    ADD_INDEX();                                                                                   \
    BODY;                                                                                          \
    f##_s1 : addr = SIB_BASE + BYTE3;                                                              \
    eip += 4;                                                                                      \
    ADD_INDEX();                                                                                   \
    BODY
#define LOAD_TO_REG(x_expr)                                                                        \
    do {                                                                                           \
        y = hw_gld32(addr);                                                                        \
        AHEAD(0);                                                                                  \
        x_expr;                                                                                    \
        GO();                                                                                      \
    } while (0)
#define BODY_MOV_LOAD  LOAD_TO_REG(hw_gput(y, REG))
#define BODY_ADD_LOAD  LOAD_TO_REG(hw_gput(hw_addf32(hw_gget(REG), y), REG))
#define BODY_SUB_LOAD  LOAD_TO_REG(hw_gput(hw_subf32(hw_gget(REG), y), REG))
#define BODY_XOR_LOAD  LOAD_TO_REG(hw_gput(hw_xorf32(hw_gget(REG), y), REG))
#define BODY_CMP_LOAD  LOAD_TO_REG(hw_subf32(hw_gget(REG), y))
#define BODY_CMP_STORE LOAD_TO_REG(hw_subf32(y, hw_gget(REG)))
#define BODY_MOV_STORE                                                                             \
    do {                                                                                           \
        hw_gst32(addr, hw_gget(REG));                                                              \
        NEXT(0);                                                                                   \
    } while (0)
#define BODY_LEA                                                                                   \
    do {                                                                                           \
        AHEAD(0);                                                                                  \
        hw_gput(addr, REG);                                                                        \
        GO();                                                                                      \
    } while (0)
#define BODY_MOVZX_B                                                                               \
    do {                                                                                           \
        y = hw_gld8(addr);                                                                         \
        AHEAD(0);                                                                                  \
        hw_gput(y, REG);                                                                           \
        GO();                                                                                      \
    } while (0)
#define BODY_G83                                                                                   \
    do {                                                                                           \
        y = hw_sext8(hw_gldx8(eip));                                                               \
        eip++;                                                                                     \
        x = hw_gld32(addr);                                                                        \
        if (REG != 7)                                                                              \
            goto group_mem_x;                                                                      \
        AHEAD(0);                                                                                  \
        hw_subf32(x, y);                                                                           \
        GO();                                                                                      \
    } while (0)

/* The sixteen conditions: S(c) for each. */
#define CONDITIONS(S)                                                                              \
    S(0) S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9) S(10) S(11) S(12) S(13) S(14) S(15)

/* clang-format off */
#ifndef __clang__
/* The ends of handlers are alike on purpose; each is scheduled with what it ends. */
#pragma GCC optimize("no-crossjumping", "no-tree-tail-merge", "no-gcse", "rename-registers")
#endif
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

uint32_t ia32_fast(void)
{
    static const void *const table1[8192] = {
        [0 ... 8191] = &&slow,
        ALU_ROWS(0x00, add), [0] = &&slow, ALU_ROWS(0x08, or), ALU_ROWS(0x10, adc), ALU_ROWS(0x18, sbb),
        ALU_ROWS(0x20, and), ALU_ROWS(0x28, sub), ALU_ROWS(0x30, xor), ALU_ROWS(0x38, cmp),
        MODRM_FORMS(0x03, add_gv, add_load), MODRM_FORMS(0x2b, sub_gv, sub_load), MODRM_FORMS(0x33, xor_gv, xor_load),
        MODRM_FORMS(0x3b, cmp_gv, cmp_load), MODRM_FORMS(0x39, cmp_ev, cmp_store),
        ONE(0x0f, two_byte), ONE(0x65, gs), ONE(0x66, operand_size),
        ONE8(0x40, inc), ONE8(0x48, dec), ONE8(0x50, push), ONE8(0x58, pop),
        ONE(0x68, push_iz), MODRM(0x69, imul_iz), ONE(0x6a, push_ib), MODRM(0x6b, imul_ib),
#define S(c) ONE(0x70 + c, j##c),
        CONDITIONS(S)
#undef S
        MODRM(0x80, g80), MODRM(0x81, g81), MODRM_FORMS(0x83, g83, g83), MODRM(0x84, test_b), MODRM(0x85, test_v),
        MODRM(0x87, xchg_v), MODRM(0x88, mov_eb), MODRM_FORMS(0x89, mov_ev, mov_store), MODRM(0x8a, mov_gb), MODRM_FORMS(0x8b, mov_gv, mov_load),
        MODRM_FORMS(0x8d, slow, lea), ONE(0x90, nop), ONE(0x91, xchg_a), ONE(0x92, xchg_a), ONE(0x93, xchg_a),
        ONE(0x94, xchg_a), ONE(0x95, xchg_a), ONE(0x96, xchg_a), ONE(0x97, xchg_a), ONE(0x98, cwde), ONE(0x99, cdq),
        ONE(0xa0, mov_al_o), ONE(0xa1, mov_eax_o), ONE(0xa2, mov_o_al), ONE(0xa3, mov_o_eax),
        ONE(0xa8, test_al), ONE(0xa9, test_eax), ONE8(0xb0, mov_zb), ONE8(0xb8, mov_zv),
        MODRM(0xc0, shift8_ib), MODRM(0xc1, shift_ib), ONE(0xc2, ret_iw), ONE(0xc3, ret), MODRM(0xc6, mov_eb_ib), MODRM(0xc7, mov_ev_iz),
        ONE(0xc9, leave), MODRM(0xd0, shift8_1), MODRM(0xd1, shift_1), MODRM(0xd2, shift8_cl),
        MODRM(0xd3, shift_cl), ONE(0xe8, call), ONE(0xe9, jmp),
        ONE(0xeb, jmp_b), MODRM(0xf6, f6), MODRM(0xf7, f7), ONE(0xfc, cld), MODRM(0xfe, fe), MODRM(0xff, ff),
    };
    static const void *const memory1[256] = {
        [0 ... 255] = &&slow,
        ALU_MEM(0x00, add), ALU_MEM(0x08, or), ALU_MEM(0x10, adc), ALU_MEM(0x18, sbb),
        ALU_MEM(0x20, and), ALU_MEM(0x28, sub), ALU_MEM(0x30, xor), ALU_MEM(0x38, cmp),
        [0x69] = &&imul_iz_m, [0x6b] = &&imul_ib_m, [0x80] = &&g80_m, [0x81] = &&g81_m, [0x83] = &&g83_m,
        [0x84] = &&test_b_m, [0x85] = &&test_v_m, [0x87] = &&xchg_v_m, [0x88] = &&mov_eb_m, [0x89] = &&mov_ev_m,
        [0x8a] = &&mov_gb_m, [0x8b] = &&mov_gv_m, [0x8d] = &&lea_m, [0xc0] = &&shift8_ib_m, [0xc1] = &&shift_ib_m, [0xc6] = &&mov_eb_ib_m,
        [0xc7] = &&mov_ev_iz_m, [0xd0] = &&shift8_1_m, [0xd1] = &&shift_1_m, [0xd2] = &&shift8_cl_m, [0xd3] = &&shift_cl_m, [0xf6] = &&f6_m, [0xf7] = &&f7_m,
        [0xfe] = &&fe_m, [0xff] = &&ff_m,
    };
    static const void *const table2[8192] = {
        [0 ... 8191] = &&slow,
        MODRM_0F(0x1f, nop_ev),
#define S(c) MODRM_0F(0x40 + c, cmov), ONE(0x80 + c, j##c##_z), MODRM_0F(0x90 + c, set),
        CONDITIONS(S)
#undef S
        MODRM_0F(0xa3, bt), MODRM_0F(0xa4, shld_ib), MODRM_0F(0xa5, shld_cl), MODRM_0F(0xab, bts), MODRM_0F(0xac, shrd_ib),
        MODRM_0F(0xad, shrd_cl), MODRM_0F(0xaf, imul), MODRM_0F(0xb3, btr), MODRM_FORMS_0F(0xb6, movzx_b, movzx_b), MODRM_0F(0xb7, movzx_w),
        MODRM_0F(0xba, bit_ib), MODRM_0F(0xbc, bsf), MODRM_0F(0xbd, bsr), MODRM_0F(0xbe, movsx_b), MODRM_0F(0xbf, movsx_w),
        ONE8(0xc8, bswap),
    };
    static const void *const memory2[256] = {
        [0 ... 255] = &&slow,
        [0x1f] = &&done, [0x40 ... 0x4f] = &&cmov_m, [0x90 ... 0x9f] = &&set_m, [0xaf] = &&imul_m, [0xb6] = &&movzx_b_m,
        [0xb7] = &&movzx_w_m, [0xba] = &&bit_ib_m, [0xbc] = &&bsf_m, [0xbd] = &&bsr_m, [0xbe] = &&movsx_b_m, [0xbf] = &&movsx_w_m,
    };
    /* By mod and rm alone, for prefixed instructions. */
    static const void *const forms66[32] = { BY_FORM(_66, by_reg) };
    static const void *const forms_gs[32] = { BY_FORM(_gs, slow) };
    static const void *const memory66[256] = {
        [0 ... 255] = &&slow,
        [0x01] = &&add66_ev_m, [0x03] = &&add66_gv_m, [0x29] = &&sub66_ev_m, [0x2b] = &&sub66_gv_m,
        [0x39] = &&cmp66_ev_m, [0x3b] = &&cmp66_gv_m, [0x81] = &&g81_66_m, [0x83] = &&g83_66_m, [0x85] = &&test66_m,
        [0x89] = &&mov66_ev_m, [0x8b] = &&mov66_gv_m, [0xc7] = &&mov66_iz_m, [0xff] = &&ff66_m,
    };
    static const void *const reg66[256] = {
        [0 ... 255] = &&slow,
        [0x01] = &&add66_ev, [0x03] = &&add66_gv, [0x29] = &&sub66_ev, [0x2b] = &&sub66_gv, [0x39] = &&cmp66_ev,
        [0x3b] = &&cmp66_gv, [0x81] = &&g81_66, [0x83] = &&g83_66, [0x85] = &&test66, [0x89] = &&mov66_ev,
        [0x8b] = &&mov66_gv,
    };
    uint32_t eip, w, addr, x, y;
    const void *const *first = table1;
    uint32_t opcode_rm = 0x7ff << SCALE, mod = 0x1800 << SCALE, limit, ahead;

    x = hw_mfs(SR_MODE); /* first, for it takes longest */
    eip = hw_g(G_EIP);
    addr = 0;
    limit = (eip & ~0xfffu) + LAST;
    /* One short branch for both: the mode is plain (0), and EIP not behind LAST (1). */
    if (__builtin_expect(x >> 31 >= (uint32_t)((eip & 0xfff) <= LAST), 0))
        return mode_is_plain(x) ? IX_SLOW : IX_SPECIAL;
    w = hw_gldx32(eip);
    /* Constants of every dispatch, hidden from the compiler so that it keeps them in registers; set while w is loaded. */
    __asm__ volatile("" : "+r"(first), "+r"(opcode_rm), "+r"(mod));
    goto *ENTRY(first);
page_end:
    hw_setg(G_EIP, eip);
    hw_commit(1);
    return IX_SLOW;
done:
    NEXT(0);
two_byte:
    eip++;
    w = hw_gldx32(eip);
    goto *ENTRY(table2);
operand_size: /* 66 */
    eip++;
    w = hw_gldx32(eip);
    if ((w & 0xff) == 0x90)
        NEXT(1);
    goto *forms66[(w >> 11 & 0x18) | RM];
by_reg:
    goto *reg66[w & 0xff];
gs: /* 65: memory operands of opcodes that have a handler for them, and direct addresses */
    eip++;
    w = hw_gldx32(eip);
    if (__builtin_expect(!(hw_mfs(SR_MODE) & MODE_GS), 0))
        goto slow;
    switch (w & 0xff) {
    case 0xa1:
        hw_setg(G_EAX, hw_gld32(hw_gldx32(eip + 1) + hw_g(G_GSBASE)));
        NEXT(5);
    case 0xa3:
        hw_gst32(hw_gldx32(eip + 1) + hw_g(G_GSBASE), hw_g(G_EAX));
        NEXT(5);
    case 0x8d:
        goto slow;
    }
    goto *forms_gs[(w >> 11 & 0x18) | RM];
gs_base:
    addr += hw_g(G_GSBASE);
    goto *memory1[w & 0xff];
slow:
    return IX_SLOW;
block:
    hw_setg(G_EIP, eip);
    hw_commit(1);
    return IX_BLOCK;

    /* Addresses. */
    ADDRESSES(, *memory1[w & 0xff]);
    ADDRESSES(_0f, *memory2[w & 0xff]);
    ADDRESSES(_66, *memory66[w & 0xff]);
    ADDRESSES(_gs, gs_base);
    FORMS(mov_load, s0, BODY_MOV_LOAD);
    FORMS(mov_store, s0, BODY_MOV_STORE);
    FORMS(add_load, s0, BODY_ADD_LOAD);
    FORMS(sub_load, s0, BODY_SUB_LOAD);
    FORMS(xor_load, s0, BODY_XOR_LOAD);
    FORMS(cmp_load, s0, BODY_CMP_LOAD);
    FORMS(cmp_store, s0, BODY_CMP_STORE);
    FORMS(lea, s0, BODY_LEA);
    FORMS(g83, s0, BODY_G83);
    FORMS(movzx_b, s0_0f, BODY_MOVZX_B);

    /* Arithmetic and logic. */
    ALU_HANDLERS(add, add, WRITES);
    ALU_HANDLERS(or, or, WRITES);
    ALU_HANDLERS(adc, adc, WRITES);
    ALU_HANDLERS(sbb, sbb, WRITES);
    ALU_HANDLERS(and, and, WRITES);
    ALU_HANDLERS(sub, sub, WRITES);
    ALU_HANDLERS(xor, xor, WRITES);
    ALU_HANDLERS(cmp, sub, DISCARD);
inc:
    AHEAD(1);
    hw_gput(hw_incf32(hw_gget(w & 7)), w & 7);
    GO();
dec:
    AHEAD(1);
    hw_gput(hw_decf32(hw_gget(w & 7)), w & 7);
    GO();
g80:
    x = byte_reg(RM);
    y = w >> 16;
    eip += 3;
    ALU_GROUP(8, REG, to_rm8, done)
to_rm8:
    set_byte_reg(RM, x);
    NEXT(0);
g80_m:
    y = hw_gldx8(eip);
    eip++;
    x = hw_gld8(addr);
    ALU_GROUP(8, REG, to_mem8, done)
to_mem8:
    hw_gst8(addr, x);
    NEXT(0);
g81:
    y = hw_gldx32(eip + 2);
    eip += 6;
    goto group_reg;
g83:
    y = BYTE2;
    eip += 3;
group_reg:
    AHEAD(0);
    x = hw_gget(RM);
    ALU_GROUP(32, REG, to_r, fetched)
to_r:
    hw_gput(x, RM);
fetched:
    GO();
to_rm:
    hw_gput(x, RM);
    NEXT(0);
g81_m:
    y = hw_gldx32(eip);
    eip += 4;
    goto group_mem;
g83_m:
    y = hw_sext8(hw_gldx8(eip));
    eip++;
group_mem:
    x = hw_gld32(addr);
group_mem_x:
    ALU_GROUP(32, REG, to_mem, done)
to_mem:
    hw_gst32(addr, x);
    NEXT(0);
test_b:
    AHEAD(2);
    hw_andf8(byte_reg(RM), byte_reg(REG));
    GO();
test_b_m:
    x = hw_gld8(addr);
    AHEAD(0);
    hw_andf8(x, byte_reg(REG));
    GO();
test_v:
    AHEAD(2);
    hw_andf32(hw_gget(RM), hw_gget(REG));
    GO();
test_v_m:
    x = hw_gld32(addr);
    AHEAD(0);
    hw_andf32(x, hw_gget(REG));
    GO();
test_al:
    AHEAD(2);
    hw_andf8(hw_g(G_EAX), w >> 8);
    GO();
test_eax:
    hw_andf32(hw_g(G_EAX), hw_gldx32(eip + 1));
    NEXT(5);
f6: /* TEST alone */
    if (REG != 0)
        goto slow;
    hw_andf8(byte_reg(RM), w >> 16);
    NEXT(3);
f6_m:
    if (REG != 0)
        goto slow;
    y = hw_gldx8(eip);
    hw_andf8(hw_gld8(addr), y);
    NEXT(1);
f7:
    x = hw_gget(RM);
    eip += 2;
    if (REG == 2) {
        x = ~x;
        goto to_rm;
    }
    if (REG == 3) {
        x = hw_subf32(0, x);
        goto to_rm;
    }
    goto f7_either;
f7_m:
    x = hw_gld32(addr);
    if (REG == 2) {
        x = ~x;
        goto to_mem;
    }
    if (REG == 3) {
        x = hw_subf32(0, x);
        goto to_mem;
    }
f7_either:
    y = hw_g(G_EAX);
    switch (REG) {
    case 4:
        hw_setg(G_EAX, hw_mulf32(y, x));
        hw_setg(G_EDX, (uint32_t)((uint64_t)y * x >> 32));
        break;
    case 5:
        hw_setg(G_EAX, hw_imulf32(y, x));
        hw_setg(G_EDX, (uint32_t)((uint64_t)((int64_t)(int32_t)y * (int32_t)x) >> 32));
        break;
    case 6:
        hw_setg(G_EAX, hw_udivq(hw_g(G_EDX), y, x));
        hw_setg(G_EDX, hw_udivr(hw_g(G_EDX), y, x));
        break;
    case 7:
        hw_setg(G_EAX, hw_sdivq(hw_g(G_EDX), y, x));
        hw_setg(G_EDX, hw_sdivr(hw_g(G_EDX), y, x));
        break;
    default:
        hw_andf32(x, hw_gldx32(eip));
        eip += 4;
        break;
    }
    NEXT(0);
fe:
    eip += 2;
    x = byte_reg(RM);
    if (REG == 0)
        x = hw_incf8(x);
    else if (REG == 1)
        x = hw_decf8(x);
    else
        goto slow;
    goto to_rm8;
fe_m:
    x = hw_gld8(addr);
    if (REG == 0)
        x = hw_incf8(x);
    else if (REG == 1)
        x = hw_decf8(x);
    else
        goto slow;
    goto to_mem8;
imul:
    AHEAD(2);
    hw_gput(hw_imulf32(hw_gget(REG), hw_gget(RM)), REG);
    GO();
imul_m:
    x = hw_gld32(addr);
    AHEAD(0);
    hw_gput(hw_imulf32(hw_gget(REG), x), REG);
    GO();
imul_iz:
    hw_gput(hw_imulf32(hw_gget(RM), hw_gldx32(eip + 2)), REG);
    NEXT(6);
imul_iz_m:
    y = hw_gldx32(eip);
    hw_gput(hw_imulf32(hw_gld32(addr), y), REG);
    NEXT(4);
imul_ib:
    AHEAD(3);
    hw_gput(hw_imulf32(hw_gget(RM), BYTE2), REG);
    GO();
imul_ib_m:
    y = hw_sext8(hw_gldx8(eip));
    hw_gput(hw_imulf32(hw_gld32(addr), y), REG);
    NEXT(1);

    /* Behind 66. */
    ALU_HANDLERS66(add66, add, WRITES);
    ALU_HANDLERS66(sub66, sub, WRITES);
    ALU_HANDLERS66(cmp66, sub, DISCARD);
test66:
    AHEAD(2);
    hw_andf16(hw_gget(RM), hw_gget(REG));
    GO();
test66_m:
    hw_andf16(hw_gld16(addr), hw_gget(REG));
    NEXT(0);
g81_66:
    y = w >> 16;
    eip += 4;
    x = hw_gget(RM);
    ALU_GROUP(16, REG, to_rm, done)
g83_66:
    y = BYTE2;
    eip += 3;
    x = hw_gget(RM);
    ALU_GROUP(16, REG, to_rm, done)
g81_66_m:
    y = hw_gldx32(eip);
    eip += 2;
    x = hw_gld16(addr);
    ALU_GROUP(16, REG, to_mem16, done)
g83_66_m:
    y = hw_sext8(hw_gldx8(eip));
    eip++;
    x = hw_gld16(addr);
    ALU_GROUP(16, REG, to_mem16, done)
ff66_m:
    x = hw_gld16(addr);
    if (REG == 0)
        x = hw_incf16(x);
    else if (REG == 1)
        x = hw_decf16(x);
    else
        goto slow;
to_mem16:
    hw_gst16(addr, x);
    NEXT(0);
mov66_ev:
    AHEAD(2);
    hw_gput(hw_ins16(hw_gget(RM), hw_gget(REG)), RM);
    GO();
mov66_ev_m:
    hw_gst16(addr, hw_gget(REG));
    NEXT(0);
mov66_gv:
    AHEAD(2);
    hw_gput(hw_ins16(hw_gget(REG), hw_gget(RM)), REG);
    GO();
mov66_gv_m:
    x = hw_gld16(addr);
    hw_gput(hw_ins16(hw_gget(REG), x), REG);
    NEXT(0);
mov66_iz_m:
    if (REG != 0)
        goto slow;
    hw_gst16(addr, hw_gldx32(eip));
    NEXT(2);

    /* Shifts and bits. */
shift_ib:
    y = w >> 16 & 0xff;
    eip += 3;
    goto shift_reg;
shift_1:
    y = 1;
    eip += 2;
    goto shift_reg;
shift_cl:
    y = hw_g(G_ECX);
    eip += 2;
shift_reg:
    AHEAD(0);
    x = hw_gget(RM);
    SHIFT_GROUP(32, REG, to_r)
shift8_ib:
    y = w >> 16 & 0xff;
    eip += 3;
    goto shift8_reg;
shift8_1:
    y = 1;
    eip += 2;
    goto shift8_reg;
shift8_cl:
    y = hw_g(G_ECX);
    eip += 2;
shift8_reg:
    x = byte_reg(RM);
    SHIFT_GROUP(8, REG, to_rm8)
shift8_ib_m:
    y = hw_gldx8(eip);
    eip++;
    goto shift8_mem;
shift8_1_m:
    y = 1;
    goto shift8_mem;
shift8_cl_m:
    y = hw_g(G_ECX);
shift8_mem:
    x = hw_gld8(addr);
    SHIFT_GROUP(8, REG, to_mem8)
shift_ib_m:
    y = hw_gldx8(eip);
    eip++;
    goto shift_mem;
shift_1_m:
    y = 1;
    goto shift_mem;
shift_cl_m:
    y = hw_g(G_ECX);
shift_mem:
    x = hw_gld32(addr);
    SHIFT_GROUP(32, REG, to_mem)
shld_ib:
    AHEAD(3);
    hw_gput(hw_shldf32(hw_gget(RM), hw_gget(REG), w >> 16), RM);
    GO();
shld_cl:
    AHEAD(2);
    hw_gput(hw_shldf32(hw_gget(RM), hw_gget(REG), hw_g(G_ECX)), RM);
    GO();
shrd_ib:
    AHEAD(3);
    hw_gput(hw_shrdf32(hw_gget(RM), hw_gget(REG), w >> 16), RM);
    GO();
shrd_cl:
    AHEAD(2);
    hw_gput(hw_shrdf32(hw_gget(RM), hw_gget(REG), hw_g(G_ECX)), RM);
    GO();
bt:
    AHEAD(2);
    hw_btf(hw_gget(RM), hw_gget(REG));
    GO();
bts:
    AHEAD(2);
    x = hw_gget(RM);
    y = hw_gget(REG);
    hw_btf(x, y);
    hw_gput(x | 1u << (y & 31), RM);
    GO();
btr:
    AHEAD(2);
    x = hw_gget(RM);
    y = hw_gget(REG);
    hw_btf(x, y);
    hw_gput(x & ~(1u << (y & 31)), RM);
    GO();
bit_ib:
    x = hw_gget(RM);
    y = w >> 16;
    if (REG < 4)
        goto slow;
    hw_btf(x, y);
    y = 1u << (y & 31);
    if (REG == 5)
        x |= y;
    else if (REG == 6)
        x &= ~y;
    else if (REG == 7)
        x ^= y;
    hw_gput(x, RM);
    NEXT(3);
bit_ib_m:
    if (REG < 4)
        goto slow;
    y = hw_gldx8(eip);
    eip++;
    x = hw_gld32(addr);
    hw_btf(x, y);
    y = 1u << (y & 31);
    if (REG == 4)
        NEXT(0);
    if (REG == 5)
        x |= y;
    else if (REG == 6)
        x &= ~y;
    else
        x ^= y;
    goto to_mem;
bsf:
    hw_gput(hw_bsff(hw_gget(REG), hw_gget(RM)), REG);
    NEXT(2);
bsf_m:
    x = hw_gld32(addr);
    hw_gput(hw_bsff(hw_gget(REG), x), REG);
    NEXT(0);
bsr:
    hw_gput(hw_bsrf(hw_gget(REG), hw_gget(RM)), REG);
    NEXT(2);
bsr_m:
    x = hw_gld32(addr);
    hw_gput(hw_bsrf(hw_gget(REG), x), REG);
    NEXT(0);
bswap:
    AHEAD(1);
    hw_gput(hw_bswap(hw_gget(w & 7)), w & 7);
    GO();

    /* Moves. */
mov_eb:
    AHEAD(2);
    set_byte_reg(RM, byte_reg(REG));
    GO();
mov_eb_m:
    hw_gst8(addr, byte_reg(REG));
    NEXT(0);
mov_ev:
    AHEAD(2);
    hw_gput(hw_gget(REG), RM);
    GO();
mov_ev_m:
    hw_gst32(addr, hw_gget(REG));
    NEXT(0);
mov_gb:
    AHEAD(2);
    set_byte_reg(REG, byte_reg(RM));
    GO();
mov_gb_m:
    x = hw_gld8(addr);
    AHEAD(0);
    set_byte_reg(REG, x);
    GO();
mov_gv:
    AHEAD(2);
    hw_gput(hw_gget(RM), REG);
    GO();
mov_gv_m:
    x = hw_gld32(addr);
    AHEAD(0);
    hw_gput(x, REG);
    GO();
lea_m:
    AHEAD(0);
    hw_gput(addr, REG);
    GO();
mov_zb:
    AHEAD(2);
    set_byte_reg(w & 7, w >> 8);
    GO();
mov_zv:
    x = hw_gldx32(eip + 1);
    AHEAD(5);
    hw_gput(x, w & 7);
    GO();
mov_eb_ib:
    if (REG != 0)
        goto slow;
    set_byte_reg(RM, w >> 16);
    NEXT(3);
mov_eb_ib_m:
    if (REG != 0)
        goto slow;
    hw_gst8(addr, hw_gldx8(eip));
    NEXT(1);
mov_ev_iz:
    if (REG != 0)
        goto slow;
    hw_gput(hw_gldx32(eip + 2), RM);
    NEXT(6);
mov_ev_iz_m:
    if (REG != 0)
        goto slow;
    hw_gst32(addr, hw_gldx32(eip));
    NEXT(4);
mov_al_o:
    hw_setg(G_EAX, hw_ins8(hw_g(G_EAX), hw_gld8(hw_gldx32(eip + 1))));
    NEXT(5);
mov_eax_o:
    hw_setg(G_EAX, hw_gld32(hw_gldx32(eip + 1)));
    NEXT(5);
mov_o_al:
    hw_gst8(hw_gldx32(eip + 1), hw_g(G_EAX));
    NEXT(5);
mov_o_eax:
    hw_gst32(hw_gldx32(eip + 1), hw_g(G_EAX));
    NEXT(5);
movzx_b:
    AHEAD(2);
    hw_gput(hw_zext8(byte_reg(RM)), REG);
    GO();
movzx_b_m:
    x = hw_gld8(addr);
    AHEAD(0);
    hw_gput(x, REG);
    GO();
movzx_w:
    AHEAD(2);
    hw_gput(hw_zext16(hw_gget(RM)), REG);
    GO();
movzx_w_m:
    x = hw_gld16(addr);
    AHEAD(0);
    hw_gput(x, REG);
    GO();
movsx_b:
    AHEAD(2);
    hw_gput(hw_sext8(byte_reg(RM)), REG);
    GO();
movsx_b_m:
    x = hw_gld8s(addr);
    AHEAD(0);
    hw_gput(x, REG);
    GO();
movsx_w:
    AHEAD(2);
    hw_gput(hw_sext16(hw_gget(RM)), REG);
    GO();
movsx_w_m:
    x = hw_gld16s(addr);
    AHEAD(0);
    hw_gput(x, REG);
    GO();
xchg_v:
    AHEAD(2);
    x = hw_gget(RM);
    hw_gput(hw_gget(REG), RM);
    hw_gput(x, REG);
    GO();
xchg_v_m:
    x = hw_gld32(addr);
    hw_gst32(addr, hw_gget(REG));
    hw_gput(x, REG);
    NEXT(0);
xchg_a:
    AHEAD(1);
    x = hw_g(G_EAX);
    hw_setg(G_EAX, hw_gget(w & 7));
    hw_gput(x, w & 7);
    GO();
cwde:
    AHEAD(1);
    hw_setg(G_EAX, hw_sext16(hw_g(G_EAX)));
    GO();
cdq:
    AHEAD(1);
    hw_setg(G_EDX, (uint32_t)((int32_t)hw_g(G_EAX) >> 31));
    GO();
cld:
    AHEAD(1);
    hw_setg(G_EFL, hw_g(G_EFL) & ~(uint32_t)EFL_DF);
    GO();
nop_ev:
    NEXT(2);
nop:
    NEXT(1);
cmov_m:
    y = hw_gld32(addr);
    goto cmov_either;
cmov:
    y = hw_gget(RM);
    eip += 2;
cmov_either:
    x = 0;
    switch (w & 15) {
#define S(c) case c: x = hw_setcc(c); break;
        CONDITIONS(S)
#undef S
    }
    if (x)
        hw_gput(y, REG);
    NEXT(0);
set_m:
    switch (w & 15) {
#define S(c) case c: x = hw_setcc(c); goto to_mem8;
        CONDITIONS(S)
#undef S
    }
set:
    eip += 2;
    switch (w & 15) {
#define S(c) case c: x = hw_setcc(c); goto to_rm8;
        CONDITIONS(S)
#undef S
    }

    /* Stack and control transfers. */
push:
    x = hw_gget(w & 7);
    eip += 1;
    goto push_x;
push_ib:
    x = BYTE1;
    eip += 2;
    goto push_x;
push_iz:
    x = hw_gldx32(eip + 1);
    eip += 5;
push_x:
    y = hw_g(G_ESP) - 4;
    hw_gst32(y, x);
    hw_setg(G_ESP, y);
    NEXT(0);
pop:
    y = hw_g(G_ESP);
    x = hw_gld32(y);
    AHEAD(1);
    hw_setg(G_ESP, y + 4);
    hw_gput(x, w & 7);
    GO();
leave:
    y = hw_g(G_EBP);
    hw_setg(G_EBP, hw_gld32(y));
    hw_setg(G_ESP, y + 4);
    NEXT(1);
ff:
    x = hw_gget(RM);
    eip += 2;
    switch (REG) {
    case 0: x = hw_incf32(x); goto to_rm;
    case 1: x = hw_decf32(x); goto to_rm;
    case 2: goto call_x;
    case 4: JUMP(x);
    case 6: goto push_x;
    default: goto slow;
    }
ff_m:
    switch (REG) {
    case 0: x = hw_incf32(hw_gld32(addr)); goto to_mem;
    case 1: x = hw_decf32(hw_gld32(addr)); goto to_mem;
    case 2: x = hw_gld32(addr); goto call_x;
    case 4: JUMP(hw_gld32(addr));
    case 6: x = hw_gld32(addr); goto push_x;
    default: goto slow;
    }
call:
    x = hw_gldx32(eip + 1);
    eip += 5;
    x += eip;
call_x:
    y = hw_g(G_ESP) - 4;
    hw_gst32(y, eip);
    hw_setg(G_ESP, y);
    JUMP(x);
ret_iw:
    y = hw_g(G_ESP);
    x = hw_gld32(y);
    hw_setg(G_ESP, y + 4 + (w >> 8 & 0xffff));
    JUMP(x);
ret:
    y = hw_g(G_ESP);
    x = hw_gld32(y);
    hw_setg(G_ESP, y + 4);
    JUMP(x);
jmp:
    JUMP(eip + 5 + hw_gldx32(eip + 1));
jmp_b:
    JUMP(eip + 2 + BYTE1);
#define S(c)                                                                                       \
    j##c : JUMP(eip + 2 + (BYTE1 & (0u - hw_setcc(c))));                                           \
    j##c##_z : JUMP(eip + 5 + (hw_gldx32(eip + 1) & (0u - hw_setcc(c))));
    CONDITIONS(S)
#undef S
}
/* clang-format on */
