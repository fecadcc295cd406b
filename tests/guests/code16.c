/* SPDX-License-Identifier: MIT */
/* Code and stacks of 16 bits, and segments with bases and limits for code and stack: far transfers
 * to and fro, wrap-around, limits on fetches, jumps and pushes. */
#include "trap.h"

/* 64 KB and some for the segments, with the stack in it. */
u8 arena[0x18000] __attribute__((aligned(4096)));
u32 far16[2], far32[2], faru[2]; /* far pointers: offset, selector */
u32 flat_cs, flat_esp, ss16, es, r[8];

/* 16-bit code at a place in the arena; lret goes back. */
#define CODE16(name, text)                                                                         \
    extern u8 name##_from[], name##_to[];                                                          \
    __asm__(".code16\n" #name "_from: " text "\n" #name "_to: .code32\n")

CODE16(arith, "mov $0x1234, %ax\n mov $0xffff, %bx\n add %bx, %ax\n mov %ax, %cx\n"
              "shl $4, %cx\n addl $0x10000, %eax\n movzwl %cx, %edx\n lretl");
CODE16(
    address,
    "mov $0x10, %bx\n mov $0xfffe, %si\n mov %es:2(%bx,%si), %ax\n"
    "mov %es:0x20, %dx\n addr32 mov %es:4(%ebx,%eax,4), %ecx\n lea 0x7fff(%bx,%si), %di\n lretl");
CODE16(string,
       "mov $0xfffe, %si\n mov $0xfffd, %di\n mov $4, %cx\n cld\n rep movsb %es:(%si), %es:(%di)\n"
       "mov $0x10000, %ecx\n mov $0, %di\n mov $0x55, %al\n rep stosb\n lretl");
CODE16(loop16,
       "mov $0x10003, %ecx\n xor %ax, %ax\n1: inc %ax\n loop 1b\n jcxz 2f\n nop\n2: "
       "call 3f\n jmp 4f\n3: inc %ax\n ret\n4: push %bx\n pushl %ebx\n popl %ebx\n pop %bx\n"
       "pusha\n popa\n push $-1\n pop %dx\n pushfl\n popl %esi\n lretl");
CODE16(jump_hi, "data32 jmp . + 0x20000\n");
CODE16(indirect, "mov $0xfff0, %bx\n jmp *%bx\n");
CODE16(frame, "mov %sp, %cx\n enter $6, $2\n mov %sp, %ax\n mov %bp, %dx\n sub %cx, %ax\n sub %cx, "
              "%dx\n leave\n"
              "sub %sp, %cx\n lretl");
CODE16(iret16, "pushf\n push %cs\n call 1f\n jmp 2f\n1: iret\n2: mov $0x99, %ax\n lretl");
CODE16(bits, "mov $0x1ff, %ax\n bt $3, %ax\n cwd\n cbw\n xchg %ax, %bx\n mov $0x8001, %si\n imul "
             "$3, %si, %si\n lretl");

CODE16(resume, "mov $5, %ax\n ud2\n add $3, %ax\n push %ax\n ud2\n pop %cx\n lretl");
CODE16(step, "pushf\n orw $0x100, (%esp)\n popf\n inc %bx\n mov $3, %cx\n1: loop 1b\n pushf\n andw "
             "$~0x100, (%si)\n popf\n lretl");

/* To the code at *far16; EAX ECX EDX EBX ESI EDI are noted. */
CASE(go, "mov $arena + 0x800, %ebp\n xor %eax, %eax\n xor %ecx, %ecx\n xor %edx, %edx\n xor %ebx, "
         "%ebx\n xor %esi, %esi\n xor %edi, %edi\n"
         " mov es, %es\n lcall *far16\n"
         " mov %eax, r\n mov %ecx, r + 4\n mov %edx, r + 8\n mov %ebx, r + 12\n mov %esi, r + 16\n"
         " mov %edi, r + 20\n");
/* The same with a 16-bit stack whose SP is r[7]. */
CASE(go_stack,
     "mov %esp, %ebp\n mov %ss, %esi\n mov ss16, %eax\n mov r + 28, %edx\n mov %eax, %ss\n mov "
     "%edx, %esp\n"
     " xor %eax, %eax\n xor %ecx, %ecx\n xor %edx, %edx\n xor %ebx, %ebx\n xor %edi, %edi\n"
     " mov %esi, r + 24\n mov %ebp, flat_esp\n xor %esi, %esi\n xor %ebp, %ebp\n"
     " mov es, %es\n lcall *far16\n"
     " mov %esp, r + 28\n mov r + 24, %ss\n mov flat_esp, %esp\n"
     " mov %eax, r\n mov %ecx, r + 4\n mov %edx, r + 8\n mov %ebx, r + 12\n mov %esi, r + 16\n"
     " mov %edi, r + 20\n");
CASE(jump16, "ljmp *far16\n");
CASE(call_data, "lcall *faru\n");
CASE(jump_data, "ljmp *faru\n");
CASE(ret_data, "push faru + 4\n push faru\n lret\n");
CASE(ret_drop, "mov %esp, %ebx\n push $7\n push $8\n push flat_cs\n push $1f\n lret $8\n1: cmp "
               "%esp, %ebx\n setz r\n");
CASE(iret_data, "pushf\n push faru + 4\n push faru\n iret\n");
CASE(call_flat, "push flat_cs\n push $1f\n mov %esp, %eax\n lcall *(%eax)\n1: pop %eax\n cmp $1b, "
                "%eax\n setz r\n"
                " add $12, %esp\n");

static void note(const char *name)
{
    char line[200], *p = put_text(line, name);
    for (u32 i = 0; i < 8; i++)
        p = put_hex(put_text(p, " "), r[i]);
    *put_text(p, "\n") = 0;
    say(line);
}

static void place(u32 at, const u8 *from, const u8 *to)
{
    while (from < to)
        arena[at++] = *from++;
}

static void fill(void)
{
    for (u32 i = 0; i < sizeof arena; i++)
        arena[i] = (u8)(i * 7 + (i >> 8));
}

/* Runs it in a 16-bit segment: on the flat stack, then on one of 16 bits. */
static void run(const char *name, u32 cs, u32 at, const u8 *from, const u8 *to, u32 k)
{
    for (; k < 2; k++) {
        fill();
        place(at, from, to);
        far16[0] = at;
        far16[1] = cs;
        for (u32 i = 0; i < 8; i++)
            r[i] = 0;
        r[7] = 0x10f80;
        say_case(name, k ? case_go_stack : case_go);
        if (got.count) {
            char line[100], *p = put_hex(put_text(line, "  eip "), got.c.eip);
            p = put_hex(put_text(p, " cs "), got.c.cs & 7);
            *put_text(put_hex(put_text(p, " sp "), got.c.esp & (k ? 0xffffffff : 0)), "\n") = 0;
            say(line);
        }
        r[6] = 0;
        note(" ");
        u32 h = 0;
        for (u32 i = 0; i < sizeof arena; i++)
            if (i < 0xf00 ||
                i >= 0x1000) /* there the stack has a selector of the kernel's choice */
                h = mix(h, arena[i]);
        if (!k || !got.count)
            say_hex("  arena ", k && got.count ? 0 : h);
    }
}
#define RUN(name, cs, at)   run(#name, cs, at, name##_from, name##_to, 0)
#define RUN16(name, cs, at) run(#name, cs, at, name##_from, name##_to, 1)

/* Goes on behind a ud2, and notes where single steps are. */
static u32 steps;
static int carry_on(struct context *c)
{
    if (got.sig == 5)
        steps = mix(steps, c->eip) + (c->cs & 7);
    else
        *(volatile u32 *)&c->eip += 2;
    return 1;
}
CASE(step_here,
     "pushf\n lea (%esp), %esi\n popf\n lcall *far16\n nop\n mov %ecx, r + 4\n mov %ebx, r + 12\n");

static void transfers(const char *name, u32 sel, u32 off)
{
    char line[100], *p;
    faru[0] = off;
    faru[1] = sel;
    p = put_text(line, name);
    *put_text(p, ", call") = 0;
    say_case(line, case_call_data);
    *put_text(p, ", jump") = 0;
    say_case(line, case_jump_data);
    *put_text(p, ", return") = 0;
    say_case(line, case_ret_data);
    *put_text(p, ", iret") = 0;
    say_case(line, case_iret_data);
}

int guest_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    try_begin();
    __asm__("mov %%cs, %0" : "=r"(flat_cs));
    call(SYS_MPROTECT, (u32)arena, sizeof arena, RWX, 0, 0, 0);
    u32 code = ldt(1, (u32)arena, 0xffff, LDT_CODE);
    u32 small = ldt(2, (u32)arena, 0x40, LDT_CODE);
    u32 wide = ldt(3, (u32)arena, 0x17, LDT_CODE | LDT_PAGES);
    u32 data = ldt(4, (u32)arena, 0xffff, LDT_32);
    u32 code32 = ldt(5, (u32)arena, 0xfff, LDT_CODE | LDT_32);
    u32 absent = ldt(6, (u32)arena, 0xffff, LDT_CODE | LDT_32 | LDT_ABSENT);
    ss16 = ldt(7, (u32)arena, 0xffff, LDT_DATA);

    es = data;
    RUN(arith, code, 0x1000);
    RUN(loop16, code, 0x1000);
    RUN16(frame, code, 0x1000); /* takes but half of ESP along */
    RUN(iret16, code, 0x1000);
    RUN(bits, code, 0x1000);
    RUN(address, code, 0x1000);
    RUN(string, code, 0x1000);
    RUN(jump_hi, code, 0x1000);
    RUN(jump_hi, wide, 0x1000);
    RUN(indirect, code, 0x1000);
    RUN(arith, small, 0x10);
    RUN(arith, small, 0x38);   /* an instruction that ends behind the limit */
    RUN(arith, small, 0x1000); /* far beyond it */
    RUN(arith, code, 0xfff4);  /* code that runs on beyond 64 KB: the limit */
    RUN(arith, wide, 0xfff4);  /* none in the way */

    on_trap = carry_on;
    RUN(resume, code, 0x1000);
    for (u32 i = 0; i < 8; i++)
        r[i] = 0;
    fill();
    place(0x1000, step_from, step_to);
    far16[0] = 0x1000;
    far16[1] = code;
    say_case("step", case_step_here);
    note(" ");
    say_hex("  steps ", steps);
    on_trap = 0;

    /* A child has the tables of its parent. */
    u32 child = call(2, 0, 0, 0, 0, 0, 0), status = 0;
    if (!child) {
        fill();
        place(0x1000, arith_from, arith_to);
        try_case(case_go);
        call(SYS_EXIT, r[0] >> 4 & 0xff, 0, 0, 0, 0, 0);
    }
    call(7, child, (u32)&status, 0, 0, 0, 0);
    say_hex("child ", status);

    /* Around SP = 0. */
    static const u32 sps[] = {0, 1, 2, 3, 4, 6, 8, 0x10000, 0x12340002};
    for (u32 i = 0; i < sizeof sps / sizeof *sps; i++) {
        fill();
        place(0x1000, frame_from, frame_to);
        far16[0] = 0x1000;
        far16[1] = code;
        r[7] = sps[i];
        say_case("stack", case_go_stack);
        say_hex("  sp ", got.count ? got.c.esp : r[7]);
    }

    r[6] = r[7] = 0;
    transfers("null", 0, 0);
    transfers("null 3", 3, 0);
    transfers("data", data, 0);
    transfers("absent", absent, 0);
    transfers("beyond", code, 0x10000);
    transfers("beyond, 32", code32, 0x1000);
    transfers("privilege", (code & ~3u) | 1, 0);
    transfers("empty", 60 << 3 | 7, 0);
    transfers("out", 0xffff, 0);
    transfers("kernel", 2 << 3, 0);
    transfers("stack segment", ss16, 0);
    SAY(ret_drop);
    note(" ");
    SAY(call_flat);
    note(" ");
    return 0;
}
