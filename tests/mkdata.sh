#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Test data that is the same on every host: it depends on nothing but its arguments.
#
#   tests/mkdata.sh KIND BYTES [SEED] >FILE
#
# KIND: noise   hexadecimal digits without structure
#       text    lines of words of a small vocabulary, some rare and some frequent, as in real text
#
# The generator is Lehmer's (16807 modulo 2^31 - 1): every product stays below 2^53, so that any
# awk computes it exactly.
set -eu
kind=${1:?"usage: tests/mkdata.sh noise|text BYTES [SEED]"}
bytes=${2:?"usage: tests/mkdata.sh noise|text BYTES [SEED]"}
case $kind in noise | text) ;; *) echo "mkdata: unknown kind '$kind'" >&2 && exit 2 ;; esac

LC_ALL=C awk -v kind="$kind" -v left="$bytes" -v seed="${3:-1}" '
function draw(n) { seed = (seed * 16807) % 2147483647; return seed % n }
function emit(s) {
    if (length(s) > left) s = substr(s, 1, left)
    left -= length(s)
    printf "%s", s
}
function word(  n, s) {
    n = 1 + draw(4)
    for (s = ""; n > 0; n--) s = s syllable[1 + draw(syllables)]
    return s
}
BEGIN {
    syllables = split("ba ce di fo gu ha ke li mo nu pa re si to vu wa xe yi zo th qu", syllable, " ")
    for (i = 0; i < 4000; i++) vocabulary[i] = word()
    while (left > 0) {
        line = ""
        if (kind == "noise")
            for (i = 0; i < 8; i++) line = line sprintf("%08x", draw(2147483647))
        else # the product of two draws favours the low numbers
            for (i = 4 + draw(12); i > 0; i--)
                line = line vocabulary[int(draw(4000) * draw(4000) / 4000)] (i > 1 ? " " : "")
        emit(line "\n")
    }
}'
