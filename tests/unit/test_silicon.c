/* SPDX-License-Identifier: MIT */

/*
 * The silicon oracle against answers known from the architecture's manuals, the ways in which a
 * block can end, and the confinement of stray accesses. Prints its speed.
 */

#include <time.h>
#include "tests/unit/blocks.h"

enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, TF = 0x100, DF = 0x400, OF = 0x800 };
enum { RF = 0x10000, AC = 0x40000 };

static void test_empty_block_changes_nothing(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.eflags = CF | AF | DF | OF;
    assert_int_equal(RUN(""), SILICON_END);
    assert_ended();
    assert_memory_equal(out.gpr, in.gpr, sizeof in.gpr);
    assert_int_equal(out.eip, in.eip);
    assert_int_equal(out.eflags, CF | AF | DF | OF | 0x202);
}

static void test_add_flags(void **state)
{
    (void)state;
    NEED_SILICON();
    static const struct {
        uint32_t a, b, sum, flags;
    } row[] = {
        {0x7fffffff, 1, 0x80000000, OF | SF | AF | PF},     {0xffffffff, 1, 0, CF | ZF | AF | PF},
        {0x80000000, 0x80000000, 0, CF | ZF | OF | PF},     {1, 1, 2, 0},
        {0x40000000, 0x40000000, 0x80000000, OF | SF | PF},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        fresh();
        in.gpr[IA32_EAX] = row[i].a;
        in.gpr[IA32_EBX] = row[i].b;
        assert_int_equal(RUN("\x01\xd8"), SILICON_END); /* add eax,ebx */
        assert_int_equal(out.gpr[IA32_EAX], row[i].sum);
        assert_int_equal(out.eflags & IA32_FLAGS, row[i].flags);
        assert_int_equal(out.eip, in.eip + 2);
    }
}

static void test_inc_keeps_carry_and_zero_shift_keeps_all(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.gpr[IA32_EAX] = 0xffffffff;
    in.eflags = CF;
    RUN("\x40"); /* inc eax */
    assert_int_equal(out.eflags & IA32_FLAGS, CF | ZF | AF | PF);
    fresh();
    in.gpr[IA32_ECX] = 0x20;
    in.eflags = CF | OF | AF | SF;
    RUN("\xd3\xe0"); /* shl eax,cl: count 32 is 0 */
    assert_int_equal(out.eflags & IA32_FLAGS, CF | OF | AF | SF);
    assert_int_equal(out.gpr[IA32_EAX], 0x11111111);
}

static void test_partial_registers(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    RUN("\xb4\xab"     /* mov ah,0xab */
        "\x66\x89\xc3" /* mov bx,ax */
        "\x88\xe7");   /* mov bh,ah */
    assert_int_equal(out.gpr[IA32_EAX], 0x1111ab11);
    assert_int_equal(out.gpr[IA32_EBX], 0x4444ab11);
    assert_int_equal(out.gpr[IA32_ECX], 0x22222222);
}

static void test_divide_error(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.gpr[IA32_ECX] = 0;
    assert_int_equal(RUN("\x90\x40\xf7\xf1\x43"), SILICON_FAULT); /* nop; inc eax; div ecx; inc */
    assert_fault(0, 0, 2);
    assert_int_equal(out.gpr[IA32_EAX], 0x11111112);
    assert_int_equal(out.gpr[IA32_EDX], 0x33333333);
    assert_int_equal(out.gpr[IA32_EBX], 0x44444444);
}

static void test_page_faults(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.gpr[IA32_EBX] = SILICON_DATA + SILICON_DATA_SIZE + 0x24;
    assert_int_equal(RUN("\x40\x8b\x03"), SILICON_FAULT); /* inc eax; mov eax,[ebx] */
    assert_fault(14, 4, 1);
    assert_int_equal(fault.cr2, in.gpr[IA32_EBX]);
    assert_int_equal(out.gpr[IA32_EAX], 0x11111112);

    fresh();
    in.gpr[IA32_EBX] = SILICON_DATA_NONE + 8;
    RUN("\x89\x03"); /* mov [ebx],eax */
    assert_fault(14, 6, 0);
    assert_int_equal(fault.cr2, SILICON_DATA_NONE + 8);

    fresh();
    in.gpr[IA32_EBX] = SILICON_DATA_RO + 0xffc;
    RUN("\x8b\x03\x01\x03"); /* mov eax,[ebx]; add [ebx],eax */
    assert_fault(14, 7, 2);
    assert_int_equal(fault.cr2, SILICON_DATA_RO + 0xffc);
    assert_int_equal(out.gpr[IA32_EAX], get32(SILICON_DATA_RO + 0xffc));

    fresh();
    in.gpr[IA32_EBX] = 0x1234; /* low, where a null pointer leads */
    RUN("\xff\x03");           /* inc dword [ebx] */
    assert_int_equal(fault.vector, 14);
    assert_int_equal(fault.error & 5, 4);
    assert_int_equal(fault.cr2, 0x1234);
}

static void test_access_across_pages(void **state)
{
    (void)state;
    NEED_SILICON();
    uint32_t edge = SILICON_DATA + 0x1000;
    fresh();
    put32(edge - 2, 0xcafebabe);
    in.gpr[IA32_EBX] = edge - 2;
    assert_int_equal(RUN("\x8b\x03\xf7\x13"), SILICON_END); /* mov eax,[ebx]; not dword [ebx] */
    assert_int_equal(out.gpr[IA32_EAX], 0xcafebabe);
    assert_int_equal(get32(edge - 2), ~0xcafebabeu);

    /* The first half could be written, the second not: nothing is. */
    fresh();
    put32(SILICON_DATA_NONE - 4, 0x01020304);
    in.gpr[IA32_EBX] = SILICON_DATA_NONE - 2;
    assert_int_equal(RUN("\x89\x03"), SILICON_FAULT);
    assert_fault(14, 6, 0);
    assert_int_equal(fault.cr2, SILICON_DATA_NONE);
    assert_int_equal(get32(SILICON_DATA_NONE - 4), 0x01020304);
}

static void test_push_at_the_guard_page(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.gpr[IA32_ESP] = SILICON_DATA + 4;
    assert_int_equal(RUN("\x50\x53"), SILICON_FAULT); /* push eax; push ebx */
    assert_fault(14, 6, 1);
    assert_int_equal(fault.cr2, SILICON_DATA - 4);
    assert_int_equal(out.gpr[IA32_ESP], SILICON_DATA);
    assert_int_equal(get32(SILICON_DATA), 0x11111111);
}

static void test_wild_stack_pointers(void **state)
{
    (void)state;
    NEED_SILICON();
    static const uint32_t wild[] = {
        0, 4, 0x1001, 0x7fff0000, 0x80000000, 0x81ff8000, SILICON_CODE, 0xdeadbeef, 0xffffffff};
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        fresh();
        in.gpr[IA32_ESP] = wild[i];
        assert_int_equal(RUN("\xf4"), SILICON_FAULT); /* hlt: privileged */
        assert_fault(13, 0, 0);
        assert_int_equal(out.gpr[IA32_ESP], wild[i]);
    }
}

static void test_confinement(void **state)
{
    (void)state;
    NEED_SILICON();
    /* Steps of 8 MB through all 4 GB: nothing may be reached but the windows. */
    for (uint64_t a = 0; a < UINT64_C(1) << 32; a += 0x800000) {
        fresh();
        in.gpr[IA32_EBX] = (uint32_t)a;
        enum silicon_end end = RUN("\x80\x03\x00"); /* add byte [ebx],0 */
        if (silicon_access((uint32_t)a)) {
            assert_int_equal(end, SILICON_END);
            continue;
        }
        assert_int_equal(end, SILICON_FAULT);
        if (a > silicon_limit()) {
            assert_fault(13, 0, 0);
        } else {
            assert_fault(14, 6, 0);
            assert_int_equal(fault.cr2, a);
        }
    }
    for (uint32_t a = SILICON_DATA - SILICON_PAGE; a <= SILICON_DATA + SILICON_DATA_SIZE;
         a += SILICON_PAGE) {
        fresh();
        in.gpr[IA32_EBX] = a;
        enum silicon_end end = RUN("\x8a\x03"); /* mov al,[ebx] */
        assert_int_equal(end, silicon_access(a) & SILICON_R ? SILICON_END : SILICON_FAULT);
        end = RUN("\x08\x03"); /* or [ebx],al */
        assert_int_equal(end, silicon_access(a) & SILICON_W ? SILICON_END : SILICON_FAULT);
    }
}

static void test_other_traps(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    assert_int_equal(RUN("\x40\x0f\x0b"), SILICON_FAULT); /* inc eax; ud2 */
    assert_fault(6, 0, 1);
    assert_int_equal(out.gpr[IA32_EAX], 0x11111112);
    RUN("\x90\xcc\x90"); /* int3 of the block itself: a trap, EIP behind it */
    assert_fault(3, 0, 2);
    RUN("\xcd\x03"); /* int 3, the long form */
    assert_fault(3, 0, 2);
    in.eflags = OF;
    RUN("\xce\x90"); /* into */
    assert_fault(4, 0, 1);
    in.eflags = 0;
    assert_int_equal(RUN("\xce\x90"), SILICON_END);
    put32(SILICON_DATA, 5);
    put32(SILICON_DATA + 4, 9);
    in.gpr[IA32_EAX] = 10;
    in.gpr[IA32_EBX] = SILICON_DATA;
    RUN("\x90\x62\x03"); /* bound eax,[ebx] */
    assert_fault(5, 0, 1);
    in.gpr[IA32_EAX] = 9;
    assert_int_equal(RUN("\x62\x03"), SILICON_END);
    RUN("\xcd\x42"); /* int 0x42: the gate is not for users */
    assert_fault(13, 0x42 * 8 + 2, 0);
    RUN("\xfa"); /* cli */
    assert_fault(13, 0, 0);
    RUN("\xf0\x01\xc0"); /* lock add eax,eax */
    assert_fault(6, 0, 0);
}

static void test_leaving_the_block(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    assert_int_equal(RUN("\xeb\x01\x40\x43"), SILICON_END); /* jmp over inc eax */
    assert_ended();
    assert_int_equal(out.gpr[IA32_EAX], 0x11111111);
    assert_int_equal(out.gpr[IA32_EBX], 0x44444445);

    assert_int_equal(RUN("\xeb\x40"), SILICON_LEFT);
    assert_ended();
    assert_int_equal(out.eip, in.eip + 0x42);

    assert_int_equal(RUN("\xeb\xf0"), SILICON_LEFT); /* backwards, before the block */
    assert_int_equal(out.eip, in.eip - 0xe);

    in.gpr[IA32_EAX] = 0x30000000;
    assert_int_equal(RUN("\x90\xff\xe0"), SILICON_FAULT); /* jmp eax */
    assert_int_equal(fault.vector, 14);
    assert_int_equal(fault.error & ~0x10u, 4);
    assert_int_equal(fault.cr2, 0x30000000);
    assert_int_equal(out.eip, 0x30000000);

    assert_int_equal(RUN("\xeb\xfe"), SILICON_HUNG);

    in.eip = SILICON_CODE_EXIT - SILICON_TAIL - 1;
    assert_int_equal(RUN("\x40"), SILICON_END);
    assert_int_equal(silicon_run(&in, 2, &out, &fault), SILICON_BAD);
    in.eip = SILICON_CODE - 1;
    assert_int_equal(silicon_run(&in, 1, &out, &fault), SILICON_BAD);
}

static void test_blocks_do_not_meet_remains_of_others(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    RUN("\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90");
    RUN("\x90");
    for (uint32_t a = SILICON_CODE; a < SILICON_CODE_EXIT; a++)
        if (a - in.eip >= 1 + SILICON_TAIL)
            assert_int_equal(*silicon_ptr(a), 0xcc);
    /* A caller that fills the window itself and runs a block and parts of it. */
    memcpy(silicon_ptr(SILICON_CODE + 0x800), "\x40\x43\x41", 3);
    in.eip = SILICON_CODE + 0x800;
    assert_int_equal(silicon_run(&in, 3, &out, &fault), SILICON_END);
    assert_int_equal(out.gpr[IA32_ECX], 0x22222223);
    assert_int_equal(RUN("\xeb\x07"), SILICON_LEFT);
    assert_int_equal(out.eip, in.eip + 9); /* the last byte of the former tail */
}

static void test_flags_that_hurt_the_host(void **state)
{
    (void)state;
    NEED_SILICON();
    /* TF and AC given at the start are not taken. */
    fresh();
    in.eflags = TF | AC | CF;
    assert_int_equal(RUN("\x90\x90"), SILICON_END);
    assert_int_equal(out.eflags & (TF | AC | CF), CF);
    /* popf may set them. */
    fresh();
    put32(SILICON_DATA + 0x3000, TF | CF | 2);
    assert_int_equal(RUN("\x9d\x40\x43"), SILICON_FAULT); /* popf; inc eax; inc ebx */
    assert_fault(1, 0, 2);
    assert_int_equal(out.gpr[IA32_EAX], 0x11111112);
    assert_int_equal(out.gpr[IA32_EBX], 0x44444444);
    assert_int_equal(out.eflags & (TF | CF), TF | CF);
    assert_int_equal(RUN("\x9d"), SILICON_END);
    assert_ended();
    assert_int_equal(out.eflags & (TF | CF), TF | CF);
    assert_int_equal(out.eip, in.eip + 1);
    assert_int_equal(out.gpr[IA32_ESP], in.gpr[IA32_ESP] + 4);
    put32(SILICON_DATA + 0x3000, AC | DF | 0x4000 | 2);
    in.gpr[IA32_EBX] = SILICON_DATA + 1;
    assert_int_equal(RUN("\x9d"), SILICON_END);
    assert_int_equal(out.eflags & (AC | DF | 0x4000), AC | DF | 0x4000);
    assert_int_equal(RUN("\x9d\x8b\x03"), SILICON_FAULT); /* popf; mov eax,[ebx] */
    assert_fault(17, 0, 1);
}

static void test_system_call_is_caught(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.gpr[IA32_EAX] = 20; /* getpid */
    if (RUN("\xcd\x80\x43") == SILICON_END)
        skip(); /* the kernel has no syscall user dispatch */
    assert_fault(0x80, 0, 2);
    assert_int_equal(out.gpr[IA32_EAX], 20);
}

static void test_string_fault_in_the_middle(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.gpr[IA32_ECX] = 0x10;
    in.gpr[IA32_ESI] = SILICON_DATA;
    in.gpr[IA32_EDI] = SILICON_DATA_RO - 6;
    assert_int_equal(RUN("\x90\xf3\xa4"), SILICON_FAULT); /* rep movsb */
    assert_fault(14, 7, 1);
    assert_int_equal(fault.cr2, SILICON_DATA_RO);
    assert_int_equal(out.gpr[IA32_ECX], 10);
    assert_int_equal(out.gpr[IA32_ESI], SILICON_DATA + 6);
    assert_int_equal(out.gpr[IA32_EDI], SILICON_DATA_RO);
}

static void test_self_modifying_block(void **state)
{
    (void)state;
    NEED_SILICON();
    fresh();
    in.gpr[IA32_EBX] = in.eip + 4;
    /* mov byte [ebx],0x42 ; nop ; the byte behind becomes inc edx */
    assert_int_equal(RUN("\xc6\x03\x42\x90\x40"), SILICON_END);
    assert_int_equal(out.gpr[IA32_EDX], 0x33333334);
    assert_int_equal(out.gpr[IA32_EAX], 0x11111111);
}

static void test_fx_state(void **state)
{
    (void)state;
    NEED_SILICON();
    volatile double a = 1.25, b;
    fresh();
    memset(in.fx, 0, sizeof in.fx);
    in.fx[0] = 0x7f, in.fx[1] = 0x02;   /* control word: double precision */
    in.fx[24] = 0x80, in.fx[25] = 0x1f; /* MXCSR */
    silicon_use_fx(1);
    assert_int_equal(RUN("\xd9\xe8\xd8\xc0"), SILICON_END); /* fld1; fadd st0,st0 */
    assert_memory_equal(out.fx + 32, "\0\0\0\0\0\0\0\x80\0\x40", 10);
    assert_int_equal(out.fx[0] | out.fx[1] << 8, 0x27f);
    assert_int_equal(out.fx[4], 0x80);                        /* one register in use, the top one */
    assert_int_equal(RUN("\xd9\xe8\x0f\x0b"), SILICON_FAULT); /* fld1; ud2 */
    assert_fault(6, 0, 2);
    assert_memory_equal(out.fx + 32, "\0\0\0\0\0\0\0\x80\xff\x3f", 10);
    silicon_use_fx(0);
    b = a * 3;
    assert_true(b == 3.75);
    long double full = 1.0L + 0x1p-60L * (long double)a; /* the host's precision is back */
    assert_true(full != 1.0L);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void test_speed(void **state)
{
    (void)state;
    NEED_SILICON();
    enum { N = 300000 };
    fresh();
    silicon_load(in.eip, "\x01\xd8\x11\xca", 4);
    double t = seconds();
    for (int i = 0; i < N; i++)
        silicon_run(&in, 4, &out, &fault);
    double same = N / (seconds() - t) / 1e6;
    t = seconds();
    for (int i = 0; i < N; i++) {
        char code[2] = {1, (char)(0xc0 + i % 64)};
        run(code, 2);
    }
    double changing = N / (seconds() - t) / 1e6;
    t = seconds();
    for (int i = 0; i < N / 4; i++)
        RUN("\xf7\xf1"); /* div ecx overflows */
    double faulting = N / 4 / (seconds() - t) / 1e6;
    print_message("million blocks a second: %.2f the same block, %.2f new code each time, %.2f "
                  "faulting\n",
                  same, changing, faulting);
    assert_true(same > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_block_changes_nothing),
        cmocka_unit_test(test_add_flags),
        cmocka_unit_test(test_inc_keeps_carry_and_zero_shift_keeps_all),
        cmocka_unit_test(test_partial_registers),
        cmocka_unit_test(test_divide_error),
        cmocka_unit_test(test_page_faults),
        cmocka_unit_test(test_access_across_pages),
        cmocka_unit_test(test_push_at_the_guard_page),
        cmocka_unit_test(test_wild_stack_pointers),
        cmocka_unit_test(test_confinement),
        cmocka_unit_test(test_other_traps),
        cmocka_unit_test(test_leaving_the_block),
        cmocka_unit_test(test_blocks_do_not_meet_remains_of_others),
        cmocka_unit_test(test_flags_that_hurt_the_host),
        cmocka_unit_test(test_system_call_is_caught),
        cmocka_unit_test(test_string_fault_in_the_middle),
        cmocka_unit_test(test_self_modifying_block),
        cmocka_unit_test(test_fx_state),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
