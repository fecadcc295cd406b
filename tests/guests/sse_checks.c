/* SPDX-License-Identifier: MIT */
/*
 * What is checked of the memory operands of MMX and SSE: alignment, with EFLAGS.AC and without, and
 * the limits of segments, also where the instruction would fault for another reason.
 */
#include "trap.h"

u8 area[8192] __attribute__((aligned(4096)));
u32 at;

/* EFLAGS.AC is what `flag` says; DS or SS for what the case names is loaded by the caller. */
#define ONE(name, flag, text)                                                                      \
    CASE(name, "mov at, %esi\n mov %esi, %edi\n xor %eax, %eax\n pxor %mm1, %mm1\n"                \
               " pxor %xmm1, %xmm1\n pushf\n orl $" #flag ", (%esp)\n popf\n" text                 \
               "\n pushf\n andl $~0x40000, (%esp)\n popf\n emms")
#define BOTH(name, text)                                                                           \
    ONE(name, 0, text);                                                                            \
    ONE(name##_ac, 0x40000, text)

BOTH(movd, "movd (%esi), %mm1");
BOTH(movd_st, "movd %xmm1, (%esi)");
BOTH(movq, "movq (%esi), %mm1");
BOTH(movq_st, "movq %mm1, (%esi)");
BOTH(punpckldq, "punpckldq (%esi), %mm1");
BOTH(paddb, "paddb (%esi), %mm1");
BOTH(movntq, "movntq %mm1, (%esi)");
BOTH(movnti, "movnti %eax, (%esi)");
BOTH(pinsrw, "pinsrw $1, (%esi), %xmm1");
BOTH(movss, "movss (%esi), %xmm1");
BOTH(movss_st, "movss %xmm1, (%esi)");
BOTH(movsd, "movsd (%esi), %xmm1");
BOTH(movhps_st, "movhps %xmm1, (%esi)");
BOTH(movups, "movups (%esi), %xmm1");
BOTH(movups_st, "movups %xmm1, (%esi)");
BOTH(movdqu, "movdqu (%esi), %xmm1");
BOTH(movaps, "movaps (%esi), %xmm1");
BOTH(movaps_st, "movaps %xmm1, (%esi)");
BOTH(addps, "addps (%esi), %xmm1");
BOTH(addsd, "addsd (%esi), %xmm1");
BOTH(cvtps2pd, "cvtps2pd (%esi), %xmm1");
BOTH(cvtpi2ps, "cvtpi2ps (%esi), %xmm1");
BOTH(cvtsi2sd, "cvtsi2sd (%esi), %xmm1");
BOTH(ldmxcsr, "ldmxcsr (%esi)");
BOTH(stmxcsr, "stmxcsr (%esi)");
BOTH(maskmovq, "pcmpeqd %mm1, %mm1\n maskmovq %mm1, %mm1");
BOTH(maskmovdqu, "maskmovdqu %xmm1, %xmm1"); /* not a byte */
BOTH(clflush, "clflush (%esi)");
BOTH(prefetch, "prefetchnta (%esi)");
BOTH(fxsave, "fxsave (%esi)");
BOTH(fxrstor, "fxrstor (%esi)");

static const struct {
    const char *name;
    void (*plain)(void), (*ac)(void);
} cases[] = {
#define C(n)                                                                                       \
    {                                                                                              \
#n, case_##n, case_##n##_ac                                                                \
    }
    C(movd),     C(movd_st), C(movq),      C(movq_st),  C(punpckldq),  C(paddb),     C(movntq),
    C(movnti),   C(pinsrw),  C(movss),     C(movss_st), C(movsd),      C(movups),    C(movups_st),
    C(movdqu),   C(movaps),  C(movaps_st), C(addps),    C(addsd),      C(cvtps2pd),  C(cvtpi2ps),
    C(cvtsi2sd), C(ldmxcsr), C(stmxcsr),   C(maskmovq), C(maskmovdqu), C(movhps_st), C(clflush),
    C(prefetch), C(fxsave),  C(fxrstor),
};
enum { NCASES = sizeof cases / sizeof *cases };

/* The case with DS as `selector`. Its own variables are read before. */
void with_segment(void);
u32 inner_at;
__asm__("with_segment: mov selector_of_case, %eax\n mov at, %esi\n mov %esi, %edi\n"
        " mov inner_at, %edx\n mov %eax, %ds\n"
        " call *%edx\n mov %ss, %eax\n mov %eax, %ds\n ret\n");
u32 selector_of_case;

/* Of a case: what stands behind the load of ESI, which is 6 bytes. */
static u32 behind(void (*f)(void))
{
    return (u32)f + 6;
}

int guest_main(int argc, char **argv)
{
    const int amd = on_amd(argc, argv);
    try_begin();
    for (u32 i = 0; i < NCASES; i++)
        for (u32 off = 0; off < 17; off += off < 4 ? 1 : off == 16 ? 1 : 4) {
            char line[100];
            for (u32 k = 0; k < 1024; k++)
                area[k] = 0;
            at = (u32)area + off;
            *put_text(put_hex(put_text(put_text(line, cases[i].name), " +"), off), "") = 0;
            say_case(line, cases[i].plain);
            *put_text(put_hex(put_text(put_text(line, cases[i].name), " with AC +"), off), "") = 0;
            if (!amd || (cases[i].ac != case_movups_ac && cases[i].ac != case_movups_st_ac &&
                         cases[i].ac != case_movdqu_ac))
                say_case(line, cases[i].ac);
        }
    /* A segment that ends at the last byte but 15, 7, 3 and so on of an operand at its end. */
    static const u32 left[] = {0, 1, 2, 4, 7, 8, 15, 16, 511, 512};
    for (u32 flags = 0; flags < 2; flags++) {
        u32 sel = ldt(flags, (u32)area, 4095, LDT_32 | (flags ? LDT_READ_ONLY : 0));
        selector_of_case = sel;
        for (u32 i = 0; i < NCASES; i++)
            for (u32 k = 0; k < sizeof left / sizeof *left; k++) {
                char line[100];
                at = 4096 - left[k];
                inner_at = behind(cases[i].plain);
                *put_text(put_hex(put_text(put_text(line, cases[i].name), " left "), left[k]), "") =
                    0;
                say_case(line, with_segment);
            }
    }
    return 0;
}
