/* SPDX-License-Identifier: MIT */
/*
 * Blocks on silicon for tests: put a block's state into `in`, run its bytes, look at `out` and
 * `fault`.
 */
#ifndef TESTS_UNIT_BLOCKS_H
#define TESTS_UNIT_BLOCKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/oracle/silicon.h"

static struct ia32_state in, out;
static struct ia32_fault fault;

#define NEED_SILICON()                                                                             \
    do {                                                                                           \
        if (silicon_init()) {                                                                      \
            print_message("%s\n", silicon_why());                                                  \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static inline void fresh(void)
{
    static const uint32_t start[8] = {
        0x11111111, 0x22222222, 0x33333333, 0x44444444, SILICON_DATA + 0x3000,
        0x66666666, 0x77777777, 0x88888888};
    memset(&in, 0, sizeof in);
    memcpy(in.gpr, start, sizeof start);
    in.eip = SILICON_CODE + 0x100;
    memset(&out, 0xee, sizeof out);
    memset(&fault, 0xee, sizeof fault);
}

static inline enum silicon_end run(const void *code, size_t len)
{
    silicon_load(in.eip, code, len);
    return silicon_run(&in, (uint32_t)len, &out, &fault);
}

#define RUN(bytes) run(bytes, sizeof(bytes) - 1)

static inline void put32(uint32_t addr, uint32_t value)
{
    memcpy(silicon_ptr(addr), &value, 4);
}

static inline uint32_t get32(uint32_t addr)
{
    uint32_t value;
    memcpy(&value, silicon_ptr(addr), 4);
    return value;
}

static inline void assert_ended(void)
{
    assert_int_equal(fault.vector, -1);
    assert_int_equal(fault.error, 0);
    assert_int_equal(fault.cr2, 0);
}

static inline void assert_fault(int vector, uint32_t error, uint32_t offset)
{
    assert_int_equal(fault.vector, vector);
    assert_int_equal(fault.error, error);
    assert_int_equal(out.eip - in.eip, offset);
}

#endif
