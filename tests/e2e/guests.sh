#!/bin/bash
# SPDX-License-Identifier: MIT
# timeout: 900
#
# Small guests made for the hard parts (tests/guests): self-modifying code, code that is remapped, memory at every
# alignment, and every way to die. Each runs natively and in every mode, and must print and end alike. sse_*, and nbody
# once more, are for SSE2 and run on a machine with the identity tm8600.
set -u
mkdir -p "$OUT/bin"

failed_build=
build() # NAME SOURCE OPTION...
{
    local name=$1
    shift
    gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin \
        -fcf-protection=none -fno-strict-aliasing -Wall -Itests/guests -o "$OUT/bin/$name" "$@" 2>"$OUT/$name.log" ||
        failed_build+=" $name"
}
for source in tests/guests/*.c; do
    name=$(basename "$source" .c)
    case $name in
    sse_*) build "$name" "$source" -msse2 -mfpmath=sse ;;
    mmx_*) build "$name" "$source" -mmmx -mno-sse ;;
    *) build "$name" "$source" -mno-sse ;;
    esac
done
build sse_nbody tests/guests/nbody.c -msse2 -mfpmath=sse
[ -z "$failed_build" ] || { echo "not ok guests: not built:$failed_build"; exit 1; }

runs='sse_nbody
sse_matrix
sse_pixels
sse_traps
sse_checks
mmx_blend
sse_signals
nbody
smc
remap
grow
memory
shared
locks
memfiles
fifo
pi
sockets
transcendental
signals
sigfine
execs
usage
families
rlimits
rtsignals
restart
calls
transfers
names
maps
clocks
events
processes
segments
timerfd
details
limits
code16
singlestep
align
sysinsn
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

# What processors of AMD do otherwise is left out on such a host.
maker=
grep -q -m 1 -E '^vendor_id.*(AuthenticAMD|HygonGenuine)' /proc/cpuinfo && maker=amd
with_maker() # RUN: its arguments
{
    case $1 in
    sse_checks | limits | singlestep | align | sysinsn) echo "$1 $maker" ;;
    *) echo "$1" ;;
    esac
}

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
    timeout 60 $OUT/bin/$(with_maker "$run") >"$OUT/$tag.native" 2>/dev/null
    echo $? >>"$OUT/$tag.native"
done <<<"$runs" 2>/dev/null

while IFS='|' read -r mode options; do
    bad=
    while read -r run; do
        tag=${run// /-}
        identity=
        [[ $run == sse_* ]] && identity='--set guest.identity=tm8600'
        "$CHRYSALIS" run --quiet $options $identity --stats "$OUT/$tag.$mode.json" -- $OUT/bin/$(with_maker "$run") >"$OUT/$tag.$mode" 2>"$OUT/$tag.$mode.err"
        echo $? >>"$OUT/$tag.$mode"
        cmp -s "$OUT/$tag.$mode" "$OUT/$tag.native" || bad+=" $tag"
    done <<<"$runs"
    if [ -z "$bad" ]; then echo "ok guests $mode"; else echo "not ok guests $mode:$bad"; fi
done <<<"$modes"

# What the processor lacks is an invalid opcode: death by SIGILL.
"$CHRYSALIS" run --quiet --machine machines/tm5800.ini -- $OUT/bin/sse_pixels >"$OUT/lacking" 2>&1
status=$?
if [ $status = 132 ]; then echo "ok guests sse-on-tm5800"; else echo "not ok guests sse-on-tm5800: status $status"; fi

# The limit of processor time, in seconds: of a clock on which they are short.
"$CHRYSALIS" run --quiet --set guest.clock=instructions --set guest.clock_khz=10000 -- $OUT/bin/usage limit >"$OUT/limit" 2>&1
if [ "$(tr '\n' ' ' <"$OUT/limit")" = "warned 00000018   after 00000001 ended 00000009   after 00000001 " ]; then
    echo "ok guests limit of processor time"
else
    echo "not ok guests limit of processor time: $(tr '\n' ' ' <"$OUT/limit")"
fi

# What a frame says of MXCSR's reserved bits is not taken.
if [ "$("$CHRYSALIS" run --quiet --machine machines/tm8600.ini -- $OUT/bin/sse_signals reserved 2>&1)" = "mxcsr 00005f80" ]; then
    echo "ok guests reserved bits of MXCSR"
else
    echo "not ok guests reserved bits of MXCSR"
fi

# Floating-point loops are translated, not interpreted, and other vector loops, too: at least 95 % of the instructions.
while IFS='|' read -r name options; do
    tag=translated-${name// /-}
    $OUT/bin/$name >"$OUT/$tag.native"
    "$CHRYSALIS" run --quiet $options --stats "$OUT/$tag.json" -- $OUT/bin/$name >"$OUT/$tag.out" 2>"$OUT/$tag.err"
    share=$(sed -n 's/.*"guest.translated_ppm": *\([0-9]*\).*/\1/p' "$OUT/$tag.json")
    if cmp -s "$OUT/$tag.out" "$OUT/$tag.native" && [ "${share:-0}" -ge 950000 ]; then
        echo "ok guests $tag"
    else
        echo "not ok guests $tag: ${share:-none} ppm"
    fi
done <<'EOF'
nbody 4000|
mmx_blend 40|
sse_nbody 4000|--machine machines/tm8600.ini
sse_matrix 10|--machine machines/tm8600.ini
sse_pixels 10|--machine machines/tm8600.ini
EOF
