#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Simulation speed, behind `make bench`: a few commands of busybox, each on the simulator with full
# timing and on qemu-i386 in turn, so that both see the same host in the same minutes.
#
#   tests/bench.sh [-n REPEATS] [ARGUMENTS OF chrysalis run...]       e.g. --machine machines/vliw4.ini
#
# Of each, the fastest of REPEATS runs (default 3) counts: what else the host does can only add. The
# outputs of both are compared; a speed with a wrong answer is none. Guest instructions, and how many
# a second, are the simulator's own account; seconds are wall-clock from outside and include start-up,
# the scheduling of CMS among it. The last two are tests/guests/nbody.c on the x87 and in integers, as many
# instructions of each: what floating point costs.
set -eu -o pipefail
cd "$(dirname "$0")/.."
out=build/bench
guest=build/sysroot/bin/busybox
chrysalis=${CHRYSALIS:-build/chrysalis}
repeats=3
machine=machines/tm5800.ini
if [ "${1:-}" = -n ]; then
    repeats=${2:?"-n needs a number"}
    shift 2
fi

# counter NAME FILE: a number of stats.json by its key.
counter()
{
    grep -o "\"$1\": *[0-9.eE+-]*" "$2" | head -n 1 | sed 's/.*: *//'
}

# fastest VARIABLE COMMAND...: the least wall-clock seconds; standard output stays in $out/stdout.
fastest()
{
    local -n result=$1
    local start took best='' i
    shift
    rm -f $out/stats.json $out/best.json
    for ((i = 0; i < repeats; i++)); do
        start=$EPOCHREALTIME
        "$@" >$out/stdout 2>$out/stderr || {
            echo "bench: failed ($?): $*" >&2
            tail -n 5 $out/stderr >&2
            exit 1
        }
        took=$((${EPOCHREALTIME/./} - ${start/./}))
        if [ -z "$best" ] || [ $took -lt "$best" ]; then
            best=$took
            [ ! -e $out/stats.json ] || mv $out/stats.json $out/best.json
        fi
    done
    result=$(awk -v us="$best" 'BEGIN {printf "%.6f", us / 1000000}')
}

mkdir -p $out
[ -s $out/noise-3m ] || tests/mkdata.sh noise 3145728 >$out/noise-3m
[ -s $out/text-1.5m ] || tests/mkdata.sh text 1572864 >$out/text-1.5m

gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin \
    -mno-sse -fcf-protection=none -fno-strict-aliasing -Itests/guests -o $out/nbody tests/guests/nbody.c

printf '%-22s %12s %10s %10s %10s %8s\n' \
    guest "guest M" seconds "guest M/s" "qemu s" ratio
for work in "sha256sum noise-3m" "gzip -c text-1.5m" "sort text-1.5m" "nbody 80000" "nbody 70890 i"; do
    name=${work// /-}
    if [ "${work%% *}" = nbody ]; then
        guest=$out/nbody
        command=(${work#nbody })
    else
        command=(${work% *} "$out/${work##* }")
    fi
    fastest simulated "$chrysalis" run --machine $machine "$@" --stats $out/stats.json -- $guest "${command[@]}"
    mv $out/stdout "$out/$name.simulated"
    mv $out/best.json "$out/$name.json"
    fastest emulated qemu-i386 -cpu pentium2 $guest "${command[@]}"
    mv $out/stdout "$out/$name.qemu"
    if ! cmp -s "$out/$name.simulated" "$out/$name.qemu"; then
        echo "bench: $work: the simulator and qemu disagree, see $out/$name.*" >&2
        exit 1
    fi
    awk -v work="$work" -v n="$(counter guest.instructions "$out/$name.json")" \
        -v rate="$(counter guest_instructions_per_second "$out/$name.json")" \
        -v s="$simulated" -v q="$emulated" 'BEGIN {
        printf "%-22s %12.1f %10.2f %10.1f %10.2f %8.1f\n", work, n / 1e6, s, rate / 1e6, q, s / q
    }'
    integers=$simulated floats=${last:-} last=$simulated
done
awk -v f="$floats" -v i="$integers" 'BEGIN {printf "x87 takes %.2f times as long as integers (nbody)\n", f / i}'
echo "ratio: seconds on the simulator to seconds on qemu-i386. Statistics: $out/*.json"
