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
    1 10 12 20 23 25 31 33 38 39 40 42 53 54 55 61 65 71 72 73 74 75 78 79 80 81 83 90 91
    92 96 103 104 108 115 116 121 122 123 124 125 128 133 134 138 144 145 147 148 149 150
    152 153 154 156 157 158 162 164 165 166 167 168 169 172 177 179 181 182 185 188 191 197
    198 200 205 213 217 226 229 230 233 246 247 248 252 255 267 268 269 271 272 274 276 282
    285 292 293 294 300
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
    $GCC $FLAGS $3 -S -o "$n.s" "$2" &&
        "$CHRYSALIS" as -o "$OUT/lo/$1.lo" $P/crt0.s "$n.s" "$OUT"/rt_*.s &&
        $HOST -o "$n.x" "$2" "$OUT/host.o" &&
        { timeout 10 "$n.x" >"$n.ref"; echo "status $?" >>"$n.ref"; }
}
generate()
{
    (cd "$OUT" && csmith --seed "$1" $OPTIONS) >"$OUT/csmith-$1.c" && # it leaves a file where it runs
        build "csmith-$1" "$OUT/csmith-$1.c" -w 2>"$OUT/csmith-$1.log" ||
        echo "not ok csmith-$1 was built: $(head -n 1 "$OUT/csmith-$1.log")"
}
export -f build generate

for f in $P/*.c; do
    case $f in */host.c | */run.c) continue ;; esac
    build "$(basename "$f" .c)" "$f" "" || echo "not ok $f was built"
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

# Nothing was lost on the way.
programs=$(($(ls $P/*.c | wc -l) - 2 + $(echo $SEEDS | wc -w)))
[ "$(ls "$OUT"/*.ref | wc -l)" = $programs ] && echo "ok all $programs programs" ||
    echo "not ok all $programs programs: $(ls "$OUT"/*.ref | wc -l) have a reference"
echo "1..$((programs * $(ls machines/*.ini | wc -l) + 1))"
