#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The tool chain's proof: C programs give on every machine file what the host gives. The host's
# answer is that of the same program compiled by the host's gcc for i386 (types of the same sizes),
# without a C library. Programs: those of tests/programs, and a hundred that csmith writes from
# fixed seeds (chosen because they end, and are not tiny). No floats; bit-fields and packed structs
# only in programs of our own, as their layout differs between the two targets.
set -u
P=tests/programs
SEEDS="
    1 2 3 5 6 7 8 10 11 12 13 15 18 19 20 21 23 24 25 26 28 29 31 32 33 34 35 37 38 39 40
    42 43 44 45 47 48 50 53 54 55 57 59 60 61 62 64 65 66 68 69 70 71 72 73 74 75 78 79 80
    81 83 85 86 87 89 90 91 92 94 95 96 99 101 102 103 104 105 106 107 108 110 112 113 115
    116 119 122 123 124 125 126 127 128 129 132 133 134 135 136
"

cms=${CMS_DIR:-build/cms}
[ -e "$cms/flags" ] || make -s --no-print-directory "$cms/flags" >/dev/null 2>&1
cross=$(cat "$cms/flags")
GCC=${cross%% *}gcc
# Warnings are for our own programs.
FLAGS="${cross#* } -I$P/include -I$OUT"
HOST="gcc -m32 -malign-double -O1 -std=gnu11 -ffreestanding -w -fno-pic -no-pie -fno-builtin
    -fno-stack-protector -funsigned-char -fwrapv -fno-strict-aliasing -nostdlib -static
    -I. -I$P/include -I$OUT"
OPTIONS="--no-argc --no-bitfields --no-packed-struct --concise --max-funcs 6 --max-block-depth 4"
mkdir -p "$OUT/lo"
export OUT GCC FLAGS HOST OPTIONS P CHRYSALIS

# One line and out: the build below cannot go on without these.
broken()
{
    echo "not ok $1: ${2:-see above}"
    exit 1
}
find /usr/include -name safe_math.h -exec cp {} "$OUT/" \; -quit
[ -e "$OUT/safe_math.h" ] || broken csmith "libcsmith-dev is not installed"
gcc -O2 -std=gnu11 -I. -o "$OUT/run" $P/run.c "$BUILD/libchrysalis.a" \
    -Wl,--as-needed -lZydis -linih -lcjson -lelf -lzstd -lm || broken "build of run.c"
for f in toolchain/rt/*.c; do
    n=$OUT/rt_$(basename "$f" .c)
    $GCC $FLAGS -S -o "$n.s" "$f" || broken "$f"
done
$HOST -c -o "$OUT/host.o" $P/host.c || broken host.c

# NAME SOURCE: leaves NAME.ref and lo/NAME.lo
build()
{
    local n=$OUT/$1
    $HOST -o "$n.x" "$2" "$OUT/host.o" &&
        { "$n.x" >"$n.ref"; echo "status $?" >>"$n.ref"; } &&
        $GCC $FLAGS $3 -S -o "$n.s" "$2" &&
        "$CHRYSALIS" as -o "$OUT/lo/$1.lo" $P/crt0.s "$n.s" "$OUT"/rt_*.s ||
        echo "$1: not built"
}
generate()
{
    csmith --seed "$1" $OPTIONS >"$OUT/csmith-$1.c" && build "csmith-$1" "$OUT/csmith-$1.c" -w
}
export -f build generate

for f in $P/*.c; do
    case $f in */host.c | */run.c) continue ;; esac
    build "$(basename "$f" .c)" "$f" ""
done
echo $SEEDS | xargs -n 4 -P 2 bash -c 'for s; do generate $s; done' -

for machine in machines/*.ini; do
    m=$(basename "$machine" .ini)
    mkdir -p "$OUT/$m"
    "$OUT/run" "$machine" "$OUT/$m" "$OUT"/lo/*.lo >"$OUT/$m.figures" ||
        echo "not ok $m: a program could not be run"
    for ref in "$OUT"/*.ref; do
        n=$(basename "$ref" .ref)
        if cmp -s "$ref" "$OUT/$m/$n.out"; then
            echo "ok $m $n"
        else
            echo "not ok $m $n: $(diff "$ref" "$OUT/$m/$n.out" 2>&1 | head -n 3 | tr '\n' ' ')"
        fi
    done
done
count=$(echo $SEEDS | wc -w)
echo "1..$((($(ls "$OUT"/*.ref | wc -l) + 0) * $(ls machines/*.ini | wc -l)))"
[ "$(ls "$OUT"/csmith-*.ref | wc -l)" = "$count" ] || echo "not ok csmith: fewer programs than seeds"
