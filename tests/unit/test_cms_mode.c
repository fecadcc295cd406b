/* SPDX-License-Identifier: MIT */
/*
 * The mode word and who obeys it: code that is hot and translated goes on in another mode, and
 * neither its translations nor the fast handlers may run then. Single steps, alignment checks,
 * segments that come and go; traps where an instruction deadline falls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "concealed-mem/map.h"
#include "isa-frontend/interp.h"
#include "isa-frontend/mode.h"
#include "tests/oracle/bare.h"
#include "vliw-model/machine.h"

enum { CODE = 0x400000, DATA = 0x500000, STACK = DATA + 0x1000, EVENTS = 32, PTE = 7 };
enum { EFL_TF = 0x100, EFL_AC = 0x40000 };

struct event {
    enum bare_end end;
    uint32_t vector, error, at; /* EIP within the code */
};

static struct {
    struct bare b;
    const char *code;
    uint32_t bytes;
    uint64_t deadline; /* 0: none */
    struct event event[EVENTS];
    uint32_t n, last;
    uint64_t translated[EVENTS]; /* instructions from translations so far */
    uint32_t mode[EVENTS], align[EVENTS], dr6[EVENTS];
    void (*at_event)(struct bare *b, const struct event *e);
} s;

static bool next(struct bare *b)
{
    static const uint32_t gpr[8] = {[G_ESP] = STACK, [G_ESI] = DATA + 1};

    if (s.n == 0) {
        bare_set(b, gpr, CODE, 0x202);
        if (s.deadline)
            bare_deadline(b, s.deadline);
        return true;
    }
    return s.n < EVENTS && s.event[s.n - 1].end != BARE_SYSCALL; /* the guest goes on */
}

static void done(struct bare *b, const struct bare_result *r)
{
    struct event *e = &s.event[s.n];

    *e = (struct event){r->end, 0, 0, r->eip - CODE};
    if (r->end == BARE_FAULT) {
        e->vector = r->fault.vector;
        e->error = r->fault.error;
        s.dr6[s.n] = r->fault.addr;
    }
    s.translated[s.n] = vm_stats(b->vm)->retired_xlat;
    s.mode[s.n] = vm_special(b->vm, SR_MODE);
    s.align[s.n] = vm_special(b->vm, SR_ALIGN_CHECK);
    s.n++;
    if (s.at_event)
        s.at_event(b, e);
}

static void run(const char *code, uint32_t bytes)
{
    struct mdesc m;

    machine_default(&m);
    m.cms_host = CMS_ON_HOST;
    m.guest_ram_mb = 16;
    m.concealed_mb = 4;
    m.xcache_kb = 256;
    m.cms_gears = 1;
    m.cms_hot = 5;
    s.n = 0;
    memset(s.event, 0, sizeof s.event);
    bare_init(&s.b, &m, NULL);
    s.b.gs = 0x63;
    s.b.gs_base = DATA;
    s.b.next = next;
    s.b.done = done;
    bare_page(&s.b, 0, PTE); /* where a null segment would lead if nobody looked */
    bare_page(&s.b, CODE, PTE);
    bare_page(&s.b, DATA, PTE);
    bare_page(&s.b, DATA + 0x1000, PTE);
    bare_write(&s.b, CODE, code, bytes);
    assert_int_equal(bare_run(&s.b), VM_STOP);
    assert_false(s.b.panic);
    bare_free(&s.b);
    s.at_event = NULL;
    s.deadline = 0;
}
#define RUN(code) run(code, sizeof code - 1)

static void expect(const struct event *want, uint32_t n)
{
    for (uint32_t i = 0; i < n && i < s.n; i++)
        if (memcmp(&s.event[i], &want[i], sizeof *want) != 0)
            fail_msg("event %u: %u, vector %u error %x at %x", i, s.event[i].end, s.event[i].vector,
                     s.event[i].error, s.event[i].at);
    assert_int_equal(s.n, n);
}
#define EXPECT(...)                                                                                \
    expect((const struct event[]){__VA_ARGS__},                                                    \
           sizeof((const struct event[]){__VA_ARGS__}) / sizeof(struct event))
#define STEP_AT(at)                                                                                \
    {                                                                                              \
        BARE_FAULT, X_DB, 0, at                                                                    \
    }

/*
 *  0  mov ecx, 200
 *  5  dec ecx; jnz 5         hot
 *  8  test ebx, ebx; jnz 1d  the second time
 *  c  inc ebx; pushf; or [esp], TF; popf
 * 16  mov ecx, 3; jmp 5
 * 1d  int 0x80
 */
static void test_single_step(void **state)
{
    (void)state;
    RUN("\xb9\xc8\0\0\0\x49\x75\xfd\x85\xdb\x75\x11\x43\x9c\x81\x0c\x24\0\1\0\0\x9d"
        "\xb9\3\0\0\0\xeb\xe8\xcd\x80");
    EXPECT(STEP_AT(0x1b), STEP_AT(5), STEP_AT(6), STEP_AT(5), STEP_AT(6), STEP_AT(5), STEP_AT(6),
           STEP_AT(8), STEP_AT(0xa), STEP_AT(0x1d), {BARE_SYSCALL, 0, 0, 0x1f});
    assert_true(s.translated[0] > 200);
    assert_true(s.translated[s.n - 1] == s.translated[0]);
    for (uint32_t i = 0; i + 1 < s.n; i++) {
        assert_int_equal(s.dr6[i], DR6_BS);
        assert_true(s.mode[i] & MODE_TF);
    }
}

static void clear_tf(struct bare *b, const struct event *e)
{
    if (e->end == BARE_FAULT)
        vm_set_reg(b->vm, GUEST_REG0 + G_EFL,
                   vm_reg(b->vm, GUEST_REG0 + G_EFL) & ~(uint32_t)EFL_TF);
}

/* The platform takes TF away: translations run again. */
static void test_step_once(void **state)
{
    (void)state;
    s.at_event = clear_tf;
    RUN("\xb9\xc8\0\0\0\x49\x75\xfd\x85\xdb\x75\x11\x43\x9c\x81\x0c\x24\0\1\0\0\x9d"
        "\xb9\xc8\0\0\0\xeb\xe8\xcd\x80");
    EXPECT(STEP_AT(0x1b), {BARE_SYSCALL, 0, 0, 0x1f});
    assert_true(s.translated[1] > s.translated[0] + 200);
    assert_false(s.mode[1] & MODE_TF);
}

/* nop; nop; int3; nop; int 0x80: the deadline falls on the int3, whose trap comes all the same. */
static void test_trap_at_deadline(void **state)
{
    (void)state;
    s.deadline = 3;
    RUN("\x90\x90\xcc\x90\xcd\x80");
    EXPECT({BARE_FAULT, X_BP, 0, 3}, {BARE_DEADLINE, 0, 0, 3}, {BARE_SYSCALL, 0, 0, 6});
}

/* The same for a single step: pushf; or [esp], TF; popf; nop; nop; int 0x80. */
static void test_step_at_deadline(void **state)
{
    (void)state;
    s.deadline = 4;
    s.at_event = clear_tf;
    RUN("\x9c\x81\x0c\x24\0\1\0\0\x9d\x90\x90\xcd\x80");
    EXPECT(STEP_AT(0xa), {BARE_DEADLINE, 0, 0, 0xa}, {BARE_SYSCALL, 0, 0, 0xd});
}

static void clear_ac(struct bare *b, const struct event *e)
{
    if (e->end == BARE_FAULT)
        vm_set_reg(b->vm, GUEST_REG0 + G_EFL,
                   vm_reg(b->vm, GUEST_REG0 + G_EFL) & ~(uint32_t)EFL_AC);
}

/*
 *  0  mov ecx, 200
 *  5  mov eax, [esi]; dec ecx; jnz 5    hot, and esi is odd
 *  a  test ebx, ebx; jnz 1f
 *  e  inc ebx; pushf; or [esp], AC; popf
 * 18  mov ecx, 3; jmp 5
 * 1f  int 0x80
 */
static void test_alignment(void **state)
{
    (void)state;
    s.at_event = clear_ac;
    RUN("\xb9\xc8\0\0\0\x8b\x06\x49\x75\xfb\x85\xdb\x75\x11\x43\x9c\x81\x0c\x24\0\0\4\0\x9d"
        "\xb9\xc8\0\0\0\xeb\xe6\xcd\x80");
    EXPECT({BARE_FAULT, X_AC, 0, 5}, {BARE_SYSCALL, 0, 0, 0x21});
    assert_true(s.translated[0] > 200);
    assert_true(s.translated[1] > s.translated[0] + 200);
    assert_true((s.mode[0] & MODE_AC) && s.align[0] == 1);
    assert_true(!(s.mode[1] & MODE_AC) && s.align[1] == 0);
}

static void go_behind(struct bare *b, const struct event *e)
{
    if (e->end == BARE_FAULT)
        vm_set_reg(b->vm, GUEST_REG0 + G_EIP, CODE + e->at + 6);
}

/*
 *  0  mov eax, 63; mov gs, eax
 *  7  mov ecx, 200
 *  c  mov eax, gs:[4]; dec ecx; jnz c   hot
 * 15  test ebx, ebx; jnz 22
 * 19  inc ebx; xor eax, eax; mov gs, eax
 * 1e  mov cl, 20; jmp c                 hot again, and a fault each time
 * 22  int 0x80
 */
static void test_null_segment(void **state)
{
    (void)state;
    s.at_event = go_behind;
    RUN("\xb8\x63\0\0\0\x8e\xe8\xb9\xc8\0\0\0\x65\xa1\4\0\0\0\x49\x75\xf7\x85\xdb\x75\x09\x43\x31"
        "\xc0"
        "\x8e\xe8\xb1\x14\xeb\xea\xcd\x80");
    assert_int_equal(s.n, 21);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(s.event[i].vector, X_GP);
        assert_int_equal(s.event[i].at, 0xc);
        assert_false(s.mode[i] & MODE_GS);
    }
    assert_int_equal(s.event[20].end, BARE_SYSCALL);
    assert_true(s.translated[0] > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_step),      cmocka_unit_test(test_step_once),
        cmocka_unit_test(test_trap_at_deadline), cmocka_unit_test(test_step_at_deadline),
        cmocka_unit_test(test_alignment),        cmocka_unit_test(test_null_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
