/* SPDX-License-Identifier: MIT */
/* Data segments with bases, limits and types, in every segment register: what may be loaded, what
 * an access finds, where it wraps. */
#include "trap.h"

u8 data[8192] __attribute__((aligned(4096)));
u32 sel, off, r0, r1;

/* An access at `off` of segment `sel`. */
#define IN(name, text)                                                                             \
    CASE(name, "mov off, %esi\n mov %esi, %edi\n mov sel, %eax\n mov %ds, %edx\n mov %edx, %fs\n"  \
               " mov %edx, %gs\n mov %eax, %es\n xor %ecx, %ecx\n" text                            \
               "\n push %fs\n pop %ds\n mov %eax, r0\n")

IN(load8, "mov %es:(%esi), %al");
IN(load16, "mov %es:(%esi), %ax");
IN(load32, "mov %es:(%esi), %eax");
IN(store8, "mov %cl, %es:(%esi)");
IN(store16, "mov %cx, %es:(%esi)");
IN(store32, "mov %ecx, %es:(%esi)");
IN(add32, "addl $1, %es:(%esi)");
IN(cmp32, "cmpl $1, %es:(%esi)");
IN(xchg, "xchg %ecx, %es:(%esi)");
IN(cmpxchg8b, "xor %eax, %eax\n xor %edx, %edx\n xor %ebx, %ebx\n cmpxchg8b %es:(%esi)");
IN(inc_lock, "lock incl %es:(%esi)");
IN(bt_near, "mov $3, %eax\n bt %eax, %es:(%esi)");
IN(bts_far, "mov $-33, %eax\n bts %eax, %es:(%esi)");
IN(push_mem, "push %es:(%esi)\n pop %eax");
IN(pop_mem, "push $0x77\n pop %es:(%esi)");
IN(stos, "cld\n mov $0x33, %eax\n stosl");
IN(stos_rep, "cld\n mov $3, %ecx\n mov $0x44, %eax\n rep stosw");
IN(stos_down, "std\n mov $3, %ecx\n mov $0x44, %eax\n rep stosl\n cld");
IN(movs, "cld\n mov %es, %eax\n mov %eax, %ds\n movsl");
IN(cmps, "cld\n mov %es, %eax\n mov %eax, %ds\n mov $5, %ecx\n repe cmpsb");
IN(scas, "cld\n xor %eax, %eax\n mov $5, %ecx\n dec %ecx\n repe scasb");
IN(lods, "cld\n mov %es, %eax\n mov %eax, %ds\n lodsl");
IN(lods_es, "cld\n lodsl %es:(%esi)");
IN(fld64, "fninit\n fldl %es:(%esi)");
IN(fst64, "fninit\n fldz\n fstl %es:(%esi)");
IN(fstp80, "fninit\n fldz\n fstpt %es:(%esi)");
IN(fild16, "fninit\n filds %es:(%esi)");
IN(fnstcw, "fninit\n fnstcw %es:(%esi)");
IN(fnsave, "fninit\n fnsave %es:(%esi)");
IN(frstor, "fninit\n fnsave %fs:data + 4096\n frstor %es:(%esi)");
IN(xlat, "mov %esi, %ebx\n xor %eax, %eax\n xlat %es:(%ebx)");
IN(bound, "xor %eax, %eax\n bound %eax, %es:(%esi)");
IN(setcc, "setz %es:(%esi)");
IN(movzx, "movzbl %es:(%esi), %eax");
IN(lea, ".byte 0x26\n lea (%esi), %eax\n nopl %es:(%esi)");
IN(lfs, "lgs %es:(%esi), %eax");
IN(by_ds, "mov %eax, %ds\n mov (%esi), %eax");
IN(by_fs, "mov %eax, %fs\n mov %fs:(%esi), %eax\n push %gs\n pop %fs");
IN(by_gs, "mov %eax, %gs\n mov %ecx, %gs:(%esi)");
IN(by_gs_alu, "mov %eax, %gs\n xor %edx, %edx\n add %gs:(%esi), %edx\n mov %gs:4, %eax");

static const struct {
    const char *name;
    void (*f)(void);
} cases[] = {
#define C(n)                                                                                       \
    {                                                                                              \
#n, case_##n                                                                               \
    }
    C(load8),   C(load16),  C(load32),    C(store8),    C(store16),   C(store32), C(add32),
    C(cmp32),   C(xchg),    C(cmpxchg8b), C(inc_lock),  C(bt_near),   C(bts_far), C(push_mem),
    C(pop_mem), C(stos),    C(stos_rep),  C(stos_down), C(movs),      C(cmps),    C(scas),
    C(lods),    C(lods_es), C(fld64),     C(fst64),     C(fstp80),    C(fild16),  C(fnstcw),
    C(fnsave),  C(frstor),  C(xlat),      C(bound),     C(setcc),     C(movzx),   C(lea),
    C(lfs),     C(by_ds),   C(by_fs),     C(by_gs),     C(by_gs_alu),
};

/* Loads of each register. */
CASE(to_ds, "push %ds\n mov sel, %eax\n mov %eax, %ds\n pop %ds\n");
CASE(to_es, "mov sel, %eax\n mov %eax, %es\n");
CASE(to_fs, "mov sel, %eax\n mov %eax, %fs\n mov %fs, %ecx\n mov %ecx, r1\n");
CASE(to_gs, "push sel\n pop %gs\n");
CASE(to_ss, "mov %ss, %ecx\n mov sel, %eax\n mov %eax, %ss\n mov %ecx, %ss\n");
CASE(les_to, "mov sel, %eax\n mov %eax, data + 4\n les data, %ecx\n");
CASE(lss_to, "mov %esp, data\n mov %ss, %ecx\n mov sel, %eax\n mov %eax, data + 4\n lss data, "
             "%esp\n mov %ecx, %ss\n");

/* A stack with a base: its use, and where it ends. */
u32 flat_ss, flat_esp;
#define ON_STACK(name, text)                                                                       \
    CASE(name, "mov %ss, %eax\n mov %eax, flat_ss\n mov %esp, flat_esp\n mov sel, %eax\n"          \
               " mov off, %ecx\n mov %eax, %ss\n mov %ecx, %esp\n" text                            \
               "\n mov %esp, r1\n mov flat_ss, %ss\n mov flat_esp, %esp\n")
ON_STACK(push_pop, "push $0x12345678\n push %ss:(%esp)\n pop %eax\n pop %ecx\n mov %eax, r0");
ON_STACK(push1, "push %ecx");
ON_STACK(push16, "pushw %cx");
ON_STACK(pop1, "pop %ecx");
ON_STACK(call1, "call 1f\n1: pop %ecx");
ON_STACK(pusha1, "pusha");
ON_STACK(popa1, "popa");
ON_STACK(enter1, "mov %ebp, %edx\n mov %esp, %ebp\n enter $8, $2\n mov %edx, %ebp");
ON_STACK(by_ebp, "mov %ebp, %edx\n mov %esp, %ebp\n mov (%ebp), %eax\n mov %edx, %ebp");
ON_STACK(by_esp, "mov 4(%esp), %eax");
ON_STACK(flat_ds, "mov %ds:data, %eax\n mov %eax, r0");
ON_STACK(push_seg, "push %ds\n pop %ds");
ON_STACK(pushf1, "pushf\n popf");

static const struct {
    const char *name;
    void (*f)(void);
} stack_cases[] = {
    C(push_pop), C(push1),  C(push16), C(pop1),    C(call1),    C(pusha1), C(popa1),
    C(enter1),   C(by_ebp), C(by_esp), C(flat_ds), C(push_seg), C(pushf1),
};

static void fill(void)
{
    for (u32 i = 0; i < sizeof data; i++)
        data[i] = 0;
}

static u32 hash(void)
{
    u32 h = 0;
    for (u32 i = 0; i < sizeof data; i++)
        h = mix(h, data[i]);
    return h;
}

static void all(const char *segment, u32 selector, const u32 *offs, u32 n)
{
    sel = selector;
    for (u32 i = 0; i < sizeof cases / sizeof *cases; i++)
        for (u32 k = 0; k < n; k++) {
            char line[100], *p = put_text(put_text(put_text(line, segment), ", "), cases[i].name);
            *put_hex(put_text(p, " at "), offs[k]) = 0;
            off = offs[k];
            fill();
            r0 = 0;
            say_case(line, cases[i].f);
            u32 h = hash();
            if (h)
                say_hex("  ", h);
            if (got.count)
                say_hex("  ecx ", got.c.ecx & 0xff);
        }
}

static int amd;

static void stacks(const char *segment, u32 selector, const u32 *offs, u32 n)
{
    sel = selector;
    for (u32 i = 0; i < sizeof stack_cases / sizeof *stack_cases; i++)
        for (u32 k = 0; k < n; k++) {
            char line[100],
                *p = put_text(put_text(put_text(line, segment), ", "), stack_cases[i].name);
            *put_hex(put_text(p, " at "), offs[k]) = 0;
            off = offs[k];
            if (amd && stack_cases[i].f == case_push_seg)
                continue;
            fill();
            r1 = 0;
            say_case(line, stack_cases[i].f);
            say_hex("  esp ", got.count ? got.c.esp : r1);
        }
}

static void loads(const char *name, u32 selector)
{
    static const struct {
        const char *name;
        void (*f)(void);
    } ops[] = {C(to_ds), C(to_es), C(to_fs), C(to_gs), C(to_ss), C(les_to), C(lss_to)};
    sel = selector;
    for (u32 i = 0; i < sizeof ops / sizeof *ops; i++) {
        char line[100];
        *put_text(put_text(put_text(line, name), ", "), ops[i].name) = 0;
        say_case(line, ops[i].f);
    }
}
#define OFFS(...) (const u32[]){__VA_ARGS__}, sizeof(u32[]){__VA_ARGS__} / 4

/* A handler that sets selectors: what may not be loaded. */
static u32 bad_cs, bad_ss, bad_ds, bad_fs;
static int edit(struct context *c)
{
    volatile struct context *v = c;
    on_trap = 0;
    if (bad_cs)
        v->cs = bad_cs;
    if (bad_ss)
        v->ss = bad_ss;
    if (bad_ds)
        v->es = bad_ds;
    if (bad_fs)
        v->fs = bad_fs;
    v->eip += 2;
    return 1;
}
CASE(edited, "ud2\n mov %es, %eax\n mov %eax, r0\n mov %fs, %eax\n mov %eax, r1\n");

CASE(fs_far, "mov %fs:0x100, %al\n");

static void edits(const char *name, u32 cs, u32 ss, u32 ds, u32 fs)
{
    bad_cs = cs;
    bad_ss = ss;
    bad_ds = ds;
    bad_fs = fs;
    r0 = r1 = 0xdead;
    on_trap = edit;
    say_case(name, case_edited);
    on_trap = 0;
    if (ds)
        say_hex("  es ", r0);
    if (fs)
        say_hex("  fs ", r1);
}

int guest_main(int argc, char **argv)
{
    amd = on_amd(argc, argv);
    try_begin();
    u32 base = (u32)data;
    u32 small = ldt(1, base, 0x40, LDT_32), ro = ldt(2, base, 0xfff, LDT_32 | LDT_READ_ONLY);
    u32 down = ldt(3, base, 0xfff, LDT_32 | LDT_DOWN), down16 = ldt(4, base, 0xfff, LDT_DOWN);
    u32 x_only = ldt(5, base, 0xfff, LDT_CODE | LDT_32 | LDT_READ_ONLY);
    u32 code = ldt(6, base, 0xfff, LDT_CODE | LDT_32),
        gone = ldt(7, base, 0xfff, LDT_32 | LDT_ABSENT);
    u32 wide = ldt(8, base + 0x1000, 0xfffff, LDT_32 | LDT_PAGES);
    u32 pages = ldt(9, base, 0, LDT_32 | LDT_PAGES);
    u32 none = ldt(10, base, 0xfffff, LDT_32 | LDT_PAGES | LDT_DOWN);

    loads("null", 0);
    loads("null 3", 3);
    loads("small", small);
    loads("read only", ro);
    loads("expand down", down);
    loads("execute only", x_only);
    loads("code", code);
    loads("absent", gone);
    loads("empty", 60 << 3 | 7);
    loads("rpl 0", small & ~3u);
    loads("out", 0xfff8 | 7);
    loads("kernel", 2 << 3);

    all("small", small, OFFS(0, 0x3a, 0x3d, 0x3f, 0x40, 0x41, 0xffffffff));
    all("read only", ro, OFFS(0, 0xffe));
    all("expand down", down, OFFS(0xffc, 0x1000, 0xfff0));
    all("expand down, 16 bits", down16, OFFS(0xfff, 0x1100, 0xfffe));
    all("code", code, OFFS(0x100, 0xffd));
    all("null", 0, OFFS(0x100));
    all("4 GB", wide, OFFS(0x100, 0xfffff100));
    all("pages", pages, OFFS(0xff8, 0xfff, 0x1000));
    all("nothing", none, OFFS(0, 0xfffffff0));

    stacks("small", small, OFFS(0x20, 2, 4, 0, 0x3d, 0x41, 0x42));
    stacks("4 GB", wide, OFFS(0x100, 0, 0xfffff800));
    stacks("expand down", down, OFFS(0x1800, 0x1002, 0x1004, 0x101c));

    edits("cs absent", ldt(11, 0, 0xfffff, LDT_32 | LDT_CODE | LDT_PAGES | LDT_ABSENT), 0, 0, 0);
    edits("cs data", small, 0, 0, 0);
    edits("cs empty", 60 << 3 | 7, 0, 0, 0);
    edits("ss empty", 0, 31 << 3 | 3, 0,
          0); /* in a local table 64-bit kernels lose the error code */
    edits("ss null", 0, 1, 0, 0);
    edits("ds", 0, 0, small, 0);
    edits("ds absent", 0, 0, gone, small);
    edits("ds rpl", 0, 0, small & ~3u, 60 << 3 | 7);
    edits("ds null", 0, 0, 2, 3);

    /* A register that holds a descriptor which changes. */
    u32 v, old;
    __asm__ volatile("mov %%es, %0" : "=r"(old));
    data[0] = 0x11;
    data[0x100] = 0x22;
    __asm__ volatile("mov %0, %%es" ::"r"(small));
    ldt(1, base + 0x100, 0x40, LDT_32);
    __asm__ volatile("movzbl %%es:0, %0" : "=r"(v));
    __asm__ volatile("mov %0, %%es" ::"r"(old));
    say_hex("moved ", v);
    __asm__ volatile("mov %0, %%es" ::"r"(small));
    ldt(1, 0, 0, LDT_32 | LDT_READ_ONLY | LDT_ABSENT);
    __asm__ volatile("mov %%es, %0" : "=r"(v));
    __asm__ volatile("mov %0, %%es" ::"r"(old));
    say_hex("gone ", v);

    /* Two processes with the same selector, and other limits behind it. */
    u32 both = ldt(20, base, 0x40, LDT_32), status = 0, child = call(2, 0, 0, 0, 0, 0, 0);
    if (!child)
        both = ldt(20, base, 0x400, LDT_32);
    __asm__ volatile("mov %0, %%fs" ::"r"(both));
    u32 good = 0;
    for (u32 i = 0; i < 100; i++) {
        call(158 /* sched_yield */, 0, 0, 0, 0, 0, 0);
        good += try_case(case_fs_far);
    }
    if (!child)
        call(SYS_EXIT, good, 0, 0, 0, 0, 0);
    call(7, child, (u32)&status, 0, 0, 0, 0);
    say_hex("parent ", good);
    say_hex("child ", status);
    return 0;
}
