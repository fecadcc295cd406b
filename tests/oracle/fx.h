/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_FX_H
#define TESTS_ORACLE_FX_H

/*
 * x87, MMX and SSE state as an FXSAVE image: the form in which a case gives it and every engine
 * tells what became of it. Here it is turned into the registers of our hardware and back, compared,
 * and written as words of tests/insns/.
 *
 * Compared are the registers (80 bits, all eight, used or not), control, status and tag word, FIP
 * where the host keeps it, MXCSR and XMM0 to XMM7. Not compared are FOP, FDP and the selectors:
 * recent processors write them only beside an unmasked exception or never (docs/x87.md, "Like a
 * P6").
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vliw-model/isa.h"

struct fx_image {
    uint16_t fcw, fsw;
    uint8_t tag, pad_;
    uint16_t fop;
    uint32_t fip, fcs, fdp, fds, mxcsr, mxcsr_mask;
    struct {
        uint8_t b[10], pad_[6];
    } st[8]; /* from the top of the stack */
    uint8_t xmm[8][16];
    uint8_t rest_[224];
};
_Static_assert(sizeof(struct fx_image) == 512, "as FXSAVE writes it");

/* Whether this hardware has SSE registers and MXCSR. */
enum { FX_HAS_SSE = SR_COUNT_ > SR_FDS + 1 };
/* FSW */
enum { FX_PE = 0x20, FX_OE = 8, FX_UE = 0x10, FX_C1 = 0x200 };

/* As FNINIT leaves it, registers 0, and MXCSR as after reset. */
void fx_reset(uint8_t image[512]);

/* Special registers FCW.. and wide registers, from an image and back. */
void fx_to_hardware(const uint8_t image[512], uint8_t wide[NWIDE][16], uint32_t *fpsr);
void fx_from_hardware(uint8_t image[512], const uint8_t wide[NWIDE][16], const uint32_t *fpsr);

/* What the last instruction may have got a little wrong: a mask. */
enum fx_inexact { FX_EXACT = 0, FX_ULP = 1 /* of x87 results */, FX_RECIPROCAL = 2 /* of XMM */ };
/* `fip`: compare it, too. */
bool fx_same(const uint8_t a[512], const uint8_t b[512], bool fip, enum fx_inexact may);

/*
 * Words, as in tests/insns/: fcw=37f fsw=3800 ftw=80 mxcsr=1f80, r7=3fff:8000000000000000 (physical
 * register 7, which is MM7), xmm0= and 32 digits, the highest first. fx_word reads one word into an
 * image, false if it is none; fx_words writes those in which two images differ.
 */
bool fx_word(uint8_t image[512], const char *word);
void fx_words(const uint8_t from[512], const uint8_t to[512], char *text, size_t size);

#endif
