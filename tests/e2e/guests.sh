#!/bin/bash
# SPDX-License-Identifier: MIT
# timeout: 900
#
# Small guests made for the hard parts (tests/guests): self-modifying code, code that is remapped, memory at every
# alignment, and every way to die. Each runs natively and in every mode, and must print and end alike.
set -u
mkdir -p "$OUT/bin"

failed_build=
for source in tests/guests/*.c; do
    name=$(basename "$source" .c)
    gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin \
        -mno-sse -fcf-protection=none -fno-strict-aliasing -Wall -Itests/guests -o "$OUT/bin/$name" "$source" 2>"$OUT/$name.log" ||
        failed_build+=" $name"
done
[ -z "$failed_build" ] || { echo "not ok guests: not built:$failed_build"; exit 1; }

runs='nbody
smc
remap
grow
memory
transcendental
signals
rtsignals
restart
processes
segments
faults
faults divide
faults read
faults write
faults straddle
faults text
faults null
faults jump
faults kernel
faults top
faults ud2
faults int3
faults hlt
faults cli
faults into
faults bound
faults stack
faults lock'

modes='interpret|--set cms.gears=0
gear1|--set cms.hot_threshold=3
eager|--set cms.hot_threshold=1
tiny|--set cms.hot_threshold=1 --set cms.tcache_kb=64 --set sb.entries=4
unchained|--set cms.hot_threshold=2 --set cms.chain=0 --set cms.jtlb=0
one|--set cms.hot_threshold=2 --set cms.max_block=1
tm8600|--machine machines/tm8600.ini --set cms.hot_threshold=2
vliw4|--machine machines/vliw4.ini --set cms.hot_threshold=2 --set mem.stall=use'

while read -r run; do
    tag=${run// /-}
    $OUT/bin/$run >"$OUT/$tag.native" 2>/dev/null
    echo $? >>"$OUT/$tag.native"
done <<<"$runs" 2>/dev/null

while IFS='|' read -r mode options; do
    bad=
    while read -r run; do
        tag=${run// /-}
        "$CHRYSALIS" run --quiet $options --stats "$OUT/$tag.$mode.json" -- $OUT/bin/$run >"$OUT/$tag.$mode" 2>"$OUT/$tag.$mode.err"
        echo $? >>"$OUT/$tag.$mode"
        cmp -s "$OUT/$tag.$mode" "$OUT/$tag.native" || bad+=" $tag"
    done <<<"$runs"
    if [ -z "$bad" ]; then echo "ok guests $mode"; else echo "not ok guests $mode:$bad"; fi
done <<<"$modes"

# Floating-point loops are translated, not interpreted: at least 95 % of the instructions.
$OUT/bin/nbody 4000 >"$OUT/nbody-long.native"
"$CHRYSALIS" run --quiet --stats "$OUT/nbody-long.json" -- $OUT/bin/nbody 4000 >"$OUT/nbody-long.out" 2>"$OUT/nbody-long.err"
share=$(sed -n 's/.*"guest.translated_ppm": *\([0-9]*\).*/\1/p' "$OUT/nbody-long.json")
if cmp -s "$OUT/nbody-long.out" "$OUT/nbody-long.native" && [ "${share:-0}" -ge 950000 ]; then
    echo "ok guests nbody-translated"
else
    echo "not ok guests nbody-translated: ${share:-none} ppm"
fi
