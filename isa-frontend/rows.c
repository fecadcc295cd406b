/* SPDX-License-Identifier: MIT */
/*
 * The columns of ia32.def that decoding does not need: flags, attributes, features; and the names
 * of instructions. Apart from the decoder so that its tables stay small in the cache. Rows are in
 * the order of the file, row 0 is "invalid".
 */
#include "isa-frontend/insn.h"
#include "vliw-model/isa.h"

enum { C = 1, P = 4, A = 0x10, Z = 0x40, S = 0x80, D = 0x400, O = 0x800 };
enum {
    FL_0 = 0,
    FL_ALL = 0x3f7fd5,
    FL_D = D,
    FL_C = C,
    FL_A = A,
    FL_Z = Z,
    FL_O = O,
    FL_P = P,
    FL_ZC = Z | C,
    FL_AC = A | C,
    FL_OA = O | A,
    FL_OC = O | C,
    FL_OAC = O | A | C,
    FL_SZP = S | Z | P,
    FL_OSZP = O | S | Z | P,
    FL_SZAP = S | Z | A | P,
    FL_SZPC = S | Z | P | C,
    FL_SZAPC = S | Z | A | P | C,
    FL_OSZAP = O | S | Z | A | P,
    FL_OSAPC = O | S | A | P | C,
    FL_OSZPC = O | S | Z | P | C,
    FL_OSZAPC = O | S | Z | A | P | C
};
#include "isa-frontend/ia32_letters.h"

const struct ia32_row ia32_rows[] = {
    {0, 0, 0, 0, 0, 0, 0},
#define IA32_ROW(id, map, oc, n, ext, insn, a, b, c, attr, rd, wr, un, fn, feat)                   \
    {I_##insn, FEAT_##feat, FN_##fn, attr, FL_##rd, (attr)&FL ? FL_OSZAPC : FL_##wr, FL_##un},
#include "isa-frontend/ia32.def"
};
_Static_assert((int)FN_COUNT_ <= 256, "fn has 8 bits");
const uint32_t ia32_nrows = sizeof ia32_rows / sizeof ia32_rows[0];

static const char *const names[I_COUNT_] = {
    "(invalid)",
#define INSN(name, doc) #name,
#include "isa-frontend/insn.def"
#undef INSN
};

const char *ia32_op_name(uint32_t op)
{
    return op < I_COUNT_ ? names[op] : "?";
}

uint32_t ia32_undefined(const struct insn *in, uint32_t count)
{
    uint32_t u = ia32_rows[in->row].undef, bits = in->opsize * 8u;
    switch (in->op) {
    case I_ROL:
    case I_ROR:
    case I_RCL:
    case I_RCR: return count <= 1 ? 0 : O;
    case I_SHL:
    case I_SHR:
    case I_SAR:
        if (count == 0)
            return 0;
        u = A | (count == 1 ? 0 : O);
        return count >= bits && in->op != I_SAR ? u | C : u;
    case I_SHLD:
    case I_SHRD:
        if (count == 0)
            return 0;
        if (count > bits)
            return FL_OSZAPC; /* the result, too, is undefined */
        return A | (count == 1 ? 0 : O);
    default: return u;
    }
}
