/* SPDX-License-Identifier: MIT */
/* EFLAGS.TF: a trap behind every instruction but those that hold it off. Each case sets TF, and
 * clears it again; what is printed is where EIP was at each trap, counted from the case's start. */
#include "trap.h"

u8 area[256];
u32 r0;
u32 hits[64], nhits, flags_or, flags_and, code_or, esp_bad;
static u32 start, keep_off, traps;

static int on_step(struct context *c)
{
    if (got.sig != 5)
        return 0;
    traps++;
    if (nhits < 64)
        hits[nhits++] = c->eip - start;
    flags_or |= c->eflags;
    flags_and &= c->eflags;
    code_or |= got.code << 8 | c->trapno;
    if (got.addr != c->eip)
        code_or |= 0x80000000;
    if (keep_off)
        *(volatile u32 *)&c->eflags &= ~(u32)EFL_TF;
    return 1;
}

#define ON               " pushf\n orl $0x100, (%esp)\n popf\n"
#define OFF              "\n pushf\n andl $~0x100, (%esp)\n popf\n nop\n nop"
#define STEP(name, text) CASE(name, ON text OFF)

STEP(nops, "nop\n nop\n nop");
STEP(alu, "xor %eax, %eax\n inc %eax\n mov %eax, r0\n addl $5, r0");
STEP(branches,
     "jmp 1f\n nop\n1: xor %eax, %eax\n jz 2f\n nop\n2: jnz 1b\n call 3f\n jmp 4f\n3: ret\n4:");
STEP(loop, "mov $3, %ecx\n1: loop 1b");
STEP(rep_stos, "mov $area, %edi\n mov $3, %ecx\n rep stosb\n nop");
STEP(rep_none, "mov $area, %edi\n xor %ecx, %ecx\n rep stosb\n nop");
STEP(rep_movs, "mov $area, %edi\n mov $area + 64, %esi\n mov $4, %ecx\n rep movsl\n nop");
STEP(repe_cmps, "mov $area, %edi\n mov $area, %esi\n mov $3, %ecx\n repe cmpsb\n nop");
STEP(repne_scas, "mov $area, %edi\n xor %eax, %eax\n mov $3, %ecx\n repne scasb\n nop");
STEP(mov_ss, "mov %ss, %eax\n mov %eax, %ss\n nop\n nop");
STEP(mov_ss_twice, "mov %ss, %eax\n mov %eax, %ss\n mov %eax, %ss\n mov %eax, %ss\n nop\n nop");
STEP(pop_ss, "push %ss\n pop %ss\n nop\n nop");
STEP(mov_ds, "mov %ds, %eax\n mov %eax, %ds\n nop");
STEP(lss, "push %ss\n lea 0(%esp), %eax\n push %eax\n lss (%esp), %esp\n nop\n pop %eax");
STEP(syscall, "mov $20, %eax\n int $0x80\n nop\n nop");
STEP(pushf_shows, "pushf\n pop %eax\n mov %eax, r0");
STEP(int3, "int3\n nop\n nop");
STEP(int1, ".byte 0xf1\n nop\n nop");
STEP(popf_again, "pushf\n popf\n nop");
STEP(iret, "pushf\n push %cs\n push $1f\n iret\n1: nop\n nop");
STEP(far, "push %cs\n push $1f\n lret\n1: nop");
STEP(cpuid, "xor %eax, %eax\n cpuid\n nop");
STEP(rdtsc, "rdtsc\n nop");
STEP(fpu, "fninit\n fldpi\n fsin\n fstps r0\n fwait\n nop");
STEP(pusha, "pusha\n popa\n nop");
STEP(enter, "enter $16, $1\n leave\n nop");
STEP(xchg_m, "xchg %eax, r0\n lock incl r0\n cmpxchg %ecx, r0");
STEP(div, "xor %edx, %edx\n mov $7, %eax\n mov $2, %ecx\n div %ecx\n nop");
STEP(prefixes, ".byte 0x66, 0x3e, 0x90\n .byte 0x2e\n mov r0, %eax");
CASE(iret_on, "pushf\n orl $0x100, (%esp)\n push %cs\n push $1f\n iret\n1: nop\n nop" OFF);
CASE(popf_mov_ss, "mov %ss, %eax\n" ON "mov %eax, %ss\n nop" OFF);
STEP(many, "mov $900, %ecx\n1: loop 1b");
/* A signal for something else: TF is in its frame, and off in the handler. */
STEP(ud2, "nop\n ud2\n nop");
STEP(fault, "nop\n mov 0, %eax\n nop");
STEP(jump_off, "nop\n jmp 0");
/* Code that is hot before it is stepped. */
CASE(hot, "mov $1000, %ecx\n1: dec %ecx\n jnz 1b\n" ON "mov $2, %ecx\n1: dec %ecx\n jnz 1b" OFF
          "\n mov $1000, %ecx\n1: dec %ecx\n jnz 1b\n");

static void steps(const char *name, void (*f)(void))
{
    char line[700], *p = put_text(line, name);
    nhits = flags_or = code_or = 0;
    flags_and = 0xffffffff;
    start = (u32)f;
    int ok = try_case(f);
    for (u32 i = 0; i < nhits; i++)
        p = put_hex(put_text(p, " "), hits[i]);
    p = put_hex(put_text(p, "; codes "), code_or);
    p = put_hex(put_text(p, " flags "), flags_and & flags_or & 0x50700);
    if (!ok && got.sig != 5)
        p = put_hex(put_text(put_hex(put_text(p, " then trap "), got.c.trapno), " at "),
                    got.c.eip - start);
    *put_text(p, "\n") = 0;
    say(line);
}
#define STEPS(n) steps(#n, case_##n)

/* TF set by a handler for the code that it goes back to. */
static int start_stepping(struct context *c)
{
    *(volatile u32 *)&c->eflags |= EFL_TF;
    *(volatile u32 *)&c->eip += 2;
    on_trap = on_step;
    return 1;
}
CASE(by_handler, "nop\n ud2\n nop\n nop" OFF);

int guest_main(int argc, char **argv)
{
    const int amd = on_amd(argc, argv);
    try_begin();
    on_trap = on_step;
    STEPS(nops);
    STEPS(alu);
    STEPS(branches);
    STEPS(loop);
    STEPS(rep_stos);
    STEPS(rep_none);
    STEPS(rep_movs);
    STEPS(repe_cmps);
    STEPS(repne_scas);
    STEPS(mov_ss);
    if (!amd)
        STEPS(mov_ss_twice);
    STEPS(pop_ss);
    STEPS(mov_ds);
    STEPS(lss);
    STEPS(syscall);
    STEPS(pushf_shows);
    say_hex(" ", r0 & 0x100);
    STEPS(int3);
    if (!amd)
        STEPS(int1);
    STEPS(popf_again);
    STEPS(iret);
    STEPS(far);
    STEPS(cpuid);
    STEPS(rdtsc);
    STEPS(fpu);
    STEPS(pusha);
    STEPS(enter);
    STEPS(xchg_m);
    STEPS(div);
    STEPS(prefixes);
    STEPS(iret_on);
    STEPS(popf_mov_ss);
    STEPS(ud2);
    STEPS(fault);
    STEPS(jump_off);
    STEPS(hot);
    /* Beside another that is not stepped. */
    u32 child = call(2, 0, 0, 0, 0, 0, 0), status = 0;
    if (!child) {
        for (volatile u32 i = 0; i < 200000; i++)
            ;
        call(SYS_EXIT, traps & 1, 0, 0, 0, 0, 0);
    }
    traps = 0;
    STEPS(many);
    say_hex(" ", traps);
    call(7, child, (u32)&status, 0, 0, 0, 0);
    say_hex("child ", status & 0x7f);
    on_trap = start_stepping;
    STEPS(by_handler);
    on_trap = on_step;
    keep_off = 1;
    STEPS(nops);
    return 0;
}
