/* SPDX-License-Identifier: MIT */
/* What a user sees of the processor's tables and state: LAR LSL VERR VERW of a local descriptor
 * table, SGDT SIDT SMSW, privileged instructions, flags that POPF and IRET may change. */
#include "trap.h"

u32 sel, r0, r1, r2;
u8 area[64];

CASE(lar, "movw sel, %cx\n mov $0x5a5a5a5a, %eax\n lar %cx, %eax\n mov %eax, r0\n setz r1\n");
CASE(lar16, "mov $sel, %esi\n mov $0x5a5a5a5a, %eax\n larw (%esi), %ax\n mov %eax, r0\n setz r1\n");
CASE(lsl, "movw sel, %cx\n mov $0x5a5a5a5a, %eax\n lsl %cx, %eax\n mov %eax, r0\n setz r1\n");
CASE(lsl16, "mov $sel, %esi\n mov $0x5a5a5a5a, %eax\n lslw (%esi), %ax\n mov %eax, r0\n setz r1\n");
CASE(verr, "verr sel\n setz r1\n");
CASE(verw, "verw sel\n setz r1\n");

CASE(sgdt, "mov $area, %edi\n sgdt (%edi)\n");
CASE(sidt, "mov $area, %edi\n sidt (%edi)\n");
CASE(sgdt16, "mov $area, %edi\n data16 sgdt (%edi)\n");
CASE(smsw, "mov $-1, %eax\n smsw %eax\n mov %eax, r0\n");
CASE(smsw16, "mov $-1, %eax\n smsw %ax\n mov %eax, r0\n");
CASE(smsw_m, "smsw r0\n");
CASE(sldt, "mov $-1, %eax\n sldt %eax\n mov %eax, r0\n");
CASE(str_m, "str r0\n");
CASE(sgdt_null, "sgdt 0\n");
CASE(sidt_reg, ".byte 0x0f, 0x01, 0xc8\n"); /* MONITOR, for those who have it */
CASE(lgdt, "lgdt area\n");
CASE(lidt, "lidt area\n");
CASE(lldt, "xor %eax, %eax\n lldt %ax\n");
CASE(ltr, "xor %eax, %eax\n ltr %ax\n");
CASE(lmsw, "xor %eax, %eax\n lmsw %ax\n");
CASE(clts, "clts\n");
CASE(invlpg, "invlpg area\n");
CASE(invd, "invd\n");
CASE(wbinvd, "wbinvd\n");
CASE(hlt, "hlt\n");
CASE(cli, "cli\n");
CASE(sti, "sti\n");
CASE(mov_cr0, "mov %cr0, %eax\n");
CASE(to_cr3, "mov %eax, %cr3\n");
CASE(mov_dr7, "mov %dr7, %eax\n");
CASE(rdmsr, "xor %ecx, %ecx\n rdmsr\n");
CASE(wrmsr, "xor %ecx, %ecx\n wrmsr\n");
CASE(rdpmc, "xor %ecx, %ecx\n rdpmc\n");
CASE(rdtsc, "rdtsc\n mov %eax, r0\n mov %edx, r1\n rdtsc\n sub r0, %eax\n sbb r1, %edx\n"
            " shr $31, %edx\n mov %edx, r2\n");
CASE(in, "in $0x80, %al\n");
CASE(out, "mov $0x80, %dx\n out %al, %dx\n");
CASE(insb, "mov $area, %edi\n mov $0x80, %dx\n insb\n");
CASE(outsb, "mov $area, %esi\n mov $0x80, %dx\n outsb\n");
CASE(iretd, "pushf\n push %cs\n push $1f\n iret\n1: mov $77, %eax\n mov %eax, r0\n");
CASE(iret_nt, "pushf\n pushf\n orl $0x4000, (%esp)\n popf\n push %cs\n push $1f\n iret\n1:\n");
CASE(int1, ".byte 0xf1\n");
CASE(int3, "int3\n");
CASE(int3_long, ".byte 0xcd, 3\n");
CASE(int4, "int $4\n");
CASE(int5, "int $5\n");
CASE(int14, "int $14\n");
CASE(intff, "int $0xff\n");
CASE(into, "mov $0x7f, %al\n add $1, %al\n into\n");
CASE(into_no, "xor %eax, %eax\n into\n");
CASE(bound,
     "mov $5, %eax\n mov $area, %esi\n movl $6, (%esi)\n movl $7, 4(%esi)\n bound %eax, (%esi)\n");
CASE(bound_reg, ".byte 0x62, 0xc0\n nop\n nop\n");
CASE(mov_cs, ".byte 0x8e, 0xc8\n");
CASE(mov_seg6, ".byte 0x8e, 0xf0\n");
CASE(arpl, "mov $0x28, %eax\n mov $3, %ecx\n arpl %cx, %ax\n mov %eax, r0\n setz r1\n");
CASE(ud2, "ud2\n");
CASE(rsm, "rsm\n");
CASE(lock_nop, ".byte 0xf0, 0x90\n");

CASE(flags_on, "pushf\n push $-1\n andl $~0x100, (%esp)\n popf\n pushf\n pop r0\n popf\n");
CASE(flags_off, "pushf\n push $0\n popf\n pushf\n pop r0\n popf\n");
CASE(flags16, "pushf\n pushw $0xfeff\n popfw\n pushf\n pop r0\n popf\n");
CASE(iret_on, "pushf\n push $-1\n andl $~0x4100, (%esp)\n push %cs\n push $1f\n iret\n1: pushf\n "
              "pop r0\n popf\n");

static void descriptor(const char *name, u32 s)
{
    static const struct {
        const char *name;
        void (*f)(void);
    } ops[] = {{" lar", case_lar},     {" lar16", case_lar16}, {" lsl", case_lsl},
               {" lsl16", case_lsl16}, {" verr", case_verr},   {" verw", case_verw}};
    char line[300], *p = put_text(line, name);
    sel = s;
    for (u32 i = 0; i < 6; i++) {
        r0 = r1 = 0;
        int ok = try_case(ops[i].f);
        p = put_text(p, ops[i].name);
        p = put_hex(put_text(p, ok ? " " : " !"), r1);
        if (i < 4)
            p = put_hex(put_text(p, ":"), r0);
    }
    *put_text(p, "\n") = 0;
    say(line);
}

int guest_main(int argc, char **argv)
{
    static const struct {
        const char *name;
        u32 base, limit, flags;
    } d[] = {
        {"data", 0x12345678, 0xabcde, LDT_32 | LDT_PAGES},
        {"read only", 0, 0xabcde, LDT_32 | LDT_READ_ONLY},
        {"expand down", 0, 0x1234, LDT_32 | LDT_DOWN},
        {"expand down, 16 bits", 0, 0x1234, LDT_DOWN},
        {"code", 0x80000000, 0xfffff, LDT_32 | LDT_CODE | LDT_PAGES},
        {"execute only", 0, 0, LDT_CODE | LDT_READ_ONLY},
        {"absent", 0, 0xfff, LDT_32 | LDT_ABSENT},
        {"absent code", 0, 0xfff, LDT_32 | LDT_CODE | LDT_ABSENT},
        {"conforming", 0, 0xfff, LDT_32 | LDT_CONFORMING | LDT_ABSENT},
        {"conforming, execute only", 0, 0xfff,
         LDT_32 | LDT_CONFORMING | LDT_ABSENT | LDT_READ_ONLY},
        {"available", 0, 0xfff, LDT_32 | 64},
    };
    const int amd = on_amd(argc, argv);
    try_begin();
    descriptor("null", 0);
    descriptor("null, 3", 3);
    for (u32 i = 0; i < sizeof d / sizeof *d; i++)
        descriptor(d[i].name, ldt(i + 1, d[i].base, d[i].limit, d[i].flags));
    descriptor("rpl 0", 1 << 3 | 4);
    descriptor("empty", 60 << 3 | 7);
    descriptor("far out", 0xffff);
    descriptor("no such", 31 << 3 | 3);

    SAY(sgdt);
    for (u32 i = 0; i < 8; i += 4)
        say_hex(" ", *(u32 *)(void *)(area + i));
    SAY(sidt);
    for (u32 i = 0; i < 8; i += 4)
        say_hex(" ", *(u32 *)(void *)(area + i));
    SAY(sgdt16);
    for (u32 i = 0; i < 8; i += 4)
        say_hex(" ", *(u32 *)(void *)(area + i));
    SAY(smsw);
    say_hex(" ", r0);
    SAY(smsw16);
    say_hex(" ", r0);
    r0 = 0xffffffff;
    SAY(smsw_m);
    say_hex(" ", r0);
    SAY(sldt); /* their values are those of a kernel */
    if (argc > 1 && !amd)
        say_hex(" ", r0);
    r0 = -1;
    SAY(str_m);
    if (argc > 1 && !amd)
        say_hex(" ", r0);
    SAY(sgdt_null);
    SAY(lgdt);
    SAY(lidt);
    SAY(lldt);
    SAY(ltr);
    SAY(lmsw);
    SAY(clts);
    SAY(invlpg);
    SAY(invd);
    SAY(wbinvd);
    SAY(hlt);
    SAY(cli);
    SAY(sti);
    SAY(mov_cr0);
    SAY(to_cr3);
    SAY(mov_dr7);
    SAY(rdmsr);
    SAY(wrmsr);
    SAY(rdpmc);
    SAY(rdtsc);
    say_hex(" ", r2);
    SAY(in);
    SAY(out);
    SAY(insb);
    SAY(outsb);
    SAY(iretd);
    say_hex(" ", r0);
    SAY(iret_nt);
    if (!amd)
        SAY(int1);
    SAY(int3);
    SAY(int3_long);
    SAY(int4);
    SAY(int5);
    SAY(int14);
    SAY(intff);
    SAY(into);
    SAY(into_no);
    SAY(bound);
    SAY(bound_reg);
    SAY(mov_cs);
    SAY(mov_seg6);
    SAY(arpl);
    say_hex(" ", r0);
    SAY(ud2);
    SAY(rsm);
    SAY(lock_nop);
    SAY(flags_on);
    say_hex(" ", r0);
    SAY(flags_off);
    say_hex(" ", r0);
    SAY(flags16);
    say_hex(" ", r0);
    SAY(iret_on);
    say_hex(" ", r0);
    return 0;
}
