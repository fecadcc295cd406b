/* SPDX-License-Identifier: MIT */
/* The hash behind the identities, against the example digests of FIPS 180-4 and by every length
 * around a block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cli/sha256.h"

static void is(const char *text, const char *want)
{
    char hex[65];
    sha256_hex(text, strlen(text), hex);
    assert_string_equal(hex, want);
}

static void test_examples(void **state)
{
    (void)state;
    is("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    is("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Bytes in one go, or one by one, are the same; the host's sha256sum agrees on each length. */
static void test_lengths(void **state)
{
    (void)state;
    char text[200], whole[65], said[65] = "", command[128];
    memset(text, 'q', sizeof text);
    for (size_t n = 54; n < 131; n += n == 65 ? 50 : 1) {
        struct sha256 s;
        uint8_t digest[32];
        sha256_hex(text, n, whole);
        sha256_begin(&s);
        for (size_t i = 0; i < n; i++)
            sha256_add(&s, text + i, 1);
        sha256_end(&s, digest);
        for (unsigned i = 0; i < 32; i++) {
            char two[3];
            snprintf(two, sizeof two, "%02x", digest[i]);
            assert_memory_equal(two, whole + 2 * i, 2);
        }
        snprintf(command, sizeof command, "head -c %zu /dev/zero | tr '\\0' q | sha256sum", n);
        FILE *p = popen(command, "r");
        assert_non_null(p);
        assert_int_equal(fread(said, 1, 64, p), 64);
        pclose(p);
        assert_string_equal(said, whole);
    }
}

static void test_files(void **state)
{
    (void)state;
    char hex[65];
    assert_int_equal(sha256_file("/nonexistent", hex), -1);
    assert_int_equal(sha256_file("/", hex), -1);
    assert_int_equal(sha256_file("/dev/zero", hex), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
