/* SPDX-License-Identifier: MIT */
/* EFLAGS.AC: which accesses must be aligned to what, and how the fault is told; who changes it. */
#include "trap.h"

u8 area[8192] __attribute__((aligned(4096)));
u32 at, r0, flags;

/* AC around one instruction, with ESI at `at`. */
#define AC(name, text)                                                                             \
    CASE(name, "mov at, %esi\n mov %esi, %edi\n xor %eax, %eax\n xor %edx, %edx\n fninit\n fldz\n" \
               " pushf\n orl $0x40000, (%esp)\n popf\n" text                                       \
               "\n pushf\n andl $~0x40000, (%esp)\n popf\n fninit\n cld")

AC(load8, "mov (%esi), %al");
AC(load16, "mov (%esi), %ax");
AC(load32, "mov (%esi), %eax");
AC(store16, "mov %ax, (%esi)");
AC(store32, "mov %eax, (%esi)");
AC(add32, "add %eax, (%esi)");
AC(movzx16, "movzwl (%esi), %eax");
AC(xchg, "xchg %eax, (%esi)");
AC(cmpxchg8b, "xor %ebx, %ebx\n xor %ecx, %ecx\n cmpxchg8b (%esi)");
AC(lods, "lodsl");
AC(movs, "mov $area + 4096, %edi\n movsl");
AC(movs_to, "mov $area + 4096, %esi\n movsl");
AC(stos_rep, "mov $8, %ecx\n rep stosl");
AC(stosb_rep, "mov $64, %ecx\n rep stosb");
AC(bt_mem, "mov $3, %eax\n bt %eax, (%esi)");
AC(bt_far, "mov $67, %eax\n bts %eax, (%esi)");
AC(bt_imm, "btsl $3, (%esi)");
AC(bound32, "movl $0, (%esi)\n bound %eax, (%esi)"); /* the store comes first */
AC(bound16, "xor %eax, %eax\n bound %ax, (%esi)");
AC(les32, "lfs (%esi), %eax");
AC(les16, "lfsw (%esi), %ax");
AC(push_mem, "push (%esi)\n pop %eax");
AC(pop_mem, "push $5\n pop (%esi)");
AC(fld32, "flds (%esi)");
AC(fld64, "fldl (%esi)");
AC(fld80, "fldt (%esi)");
AC(fst32, "fsts (%esi)");
AC(fst64, "fstl (%esi)");
AC(fstp80, "fstpt (%esi)");
AC(fild16, "filds (%esi)");
AC(fild32, "fildl (%esi)");
AC(fild64, "fildll (%esi)");
AC(fistp64, "fistpll (%esi)");
AC(fadd32, "fadds (%esi)");
AC(fadd64, "faddl (%esi)");
AC(fiadd16, "fiadds (%esi)");
AC(fbld, "movl $0, area + 8\n fbld (%esi)");
AC(fbstp, "fbstp (%esi)");
AC(fldcw, "fnstcw area + 4096\n mov area + 4096, %eax\n mov %al, (%esi)\n mov %ah, 1(%esi)\n fldcw "
          "(%esi)");
AC(fnstcw, "fnstcw (%esi)");
AC(fnstsw, "fnstsw (%esi)");
AC(fnstenv, "fnstenv (%esi)");
AC(fldenv, "fnstenv area + 4096\n fldenv (%esi)");
AC(fnsave, "fnsave (%esi)");
AC(frstor, "frstor (%esi)");
AC(fnstenv16, "data16 fnstenv (%esi)");
AC(mov_seg, "mov %ds, (%esi)");
AC(mov_to_seg, "movb $0, (%esi)\n movb $0, 1(%esi)\n mov (%esi), %fs");
AC(xlat, "mov %esi, %ebx\n xlat");
AC(pusha, "lea 64(%esi), %ecx\n mov %esp, %ebx\n mov %ecx, %esp\n pusha\n mov %ebx, %esp");
AC(pusha16, "lea 64(%esi), %ecx\n mov %esp, %ebx\n mov %ecx, %esp\n pushaw\n mov %ebx, %esp");
AC(enter, "mov %esp, %ebx\n mov %ebp, %ecx\n lea 64(%esi), %esp\n enter $4, $0\n mov %ebx, %esp\n "
          "mov %ecx, %ebp");
AC(call, "mov %esp, %ebx\n lea 64(%esi), %esp\n call 1f\n1: mov %ebx, %esp");
AC(jmp_mem, "push %esi\n and $-4, %esi\n movl $1f, (%esi)\n movl $1f, 4(%esi)\n pop %esi\n test "
            "$3, %esi\n jmp *(%esi)\n1:");
AC(call_far, "mov %esp, %ebx\n lea 64(%esi), %esp\n push %cs\n push $1f\n lret\n1: mov %ebx, %esp");
AC(leave,
   "mov %ebp, %ebx\n mov %esp, %ecx\n mov %esi, %ebp\n leave\n mov %ebx, %ebp\n mov %ecx, %esp");
AC(popf, "pushf\n popf");
AC(off, "pushf\n andl $~0x40000, (%esp)\n popf\n mov (%esi), %eax");
AC(absent, "mov 0x1001, %eax");
AC(absent_store, "mov %eax, 0x1001");
AC(cross, "mov area + 4095, %eax");
AC(iret_on, "pushf\n push %cs\n push $1f\n iret\n1: mov (%esi), %eax");
AC(syscall,
   "push %ebx\n push %esi\n mov $20, %eax\n int $0x80\n pop %esi\n pop %ebx\n mov (%esi), %eax");

static const struct {
    const char *name;
    void (*f)(void);
} cases[] = {
#define C(n)                                                                                       \
    {                                                                                              \
#n, case_##n                                                                               \
    }
    C(load8),    C(load16),    C(load32), C(store16),      C(store32), C(add32),      C(movzx16),
    C(xchg),     C(cmpxchg8b), C(lods),   C(movs),         C(movs_to), C(stos_rep),   C(stosb_rep),
    C(bt_mem),   C(bt_far),    C(bt_imm), C(bound32),      C(bound16), C(les32),      C(les16),
    C(push_mem), C(pop_mem),   C(fld32),  C(fld64),        C(fld80),   C(fst32),      C(fst64),
    C(fstp80),   C(fild16),    C(fild32), C(fild64),       C(fistp64), C(fadd32),     C(fadd64),
    C(fiadd16),  C(fbld),      C(fbstp),  C(fldcw),        C(fnstcw),  C(fnstsw),     C(fnstenv),
    C(fldenv),   C(fnsave),    C(frstor), C(fnstenv16),    C(mov_seg), C(mov_to_seg), C(xlat),
    C(pusha),    C(pusha16),   C(enter),  C(call),         C(jmp_mem), C(call_far),   C(leave),
    C(popf),     C(off),       C(absent), C(absent_store), C(cross),   C(iret_on),    C(syscall),
};

/* In the handler AC is on or not; it looks by an access of its own. */
static u32 flags_in_handler;
static int look(struct context *c)
{
    (void)c;
    __asm__ volatile("pushf\n\tpop %0" : "=r"(flags_in_handler));
    __asm__ volatile("pushf\n\tandl $~0x40000, (%%esp)\n\tpopf" ::: "memory", "cc");
    return 0;
}

/* As a handler would set it, for the code it returns to. */
static int turn_on(struct context *c)
{
    *(volatile u32 *)&c->eflags |= 0x40000;
    *(volatile u32 *)&c->eip += 2;
    on_trap = look;
    return 1;
}
CASE(by_handler, "mov at, %esi\n mov (%esi), %eax\n ud2\n mov (%esi), %eax");

int guest_main(int argc, char **argv)
{
    const int amd = on_amd(argc, argv);
    try_begin();
    on_trap = look;
    /* The first access that is not aligned decides; so each case at every offset. */
    for (u32 i = 0; i < sizeof cases / sizeof *cases; i++)
        for (u32 off = 0; off < 9; off++) {
            char line[100], *p = put_text(line, cases[i].name);
            for (u32 k = 0; k < 256; k++)
                area[k] = 0;
            *put_text(put_hex(put_text(p, " +"), off), "") = 0;
            at = (u32)area + off;
            if (off == 3 || off == 5 || off == 7)
                continue;
            if (amd && cases[i].f == case_call_far) /* it pushes CS */
                continue;
            say_case(line, cases[i].f);
            if (got.count && got.sig == 7 && got.addr)
                say_hex("  address ", got.addr);
        }
    say_hex("in the handler ", flags_in_handler & 0x40000);
    at = (u32)area + 1;
    on_trap = turn_on;
    SAY(by_handler);
    return 0;
}
