#!/bin/bash
# SPDX-License-Identifier: MIT
# also: san
# timeout: 900
#
# Bad programs: ELF files with every kind of damage, static ones, dynamic ones and their interpreters; random bytes as
# code, interpreted and translated; sysroots and scripts that lead nowhere. The guest gets Linux's answer or the user one
# line; the simulator never crashes. Seeds are kept, so a failure can be had again: seed N of `badelf N 1 ...`.
# All of it runs as a user who owns nothing but an empty folder.
set -u
flags="-m32 -march=i686 -O1 -nostdlib -ffreestanding -fno-stack-protector -fno-builtin -mno-sse -fcf-protection=none
    -fno-strict-aliasing -Itests/guests"
case $BUILD in *san) seeds=120 programs=60 ;; *) seeds=400 programs=300 ;; esac

box=$(mktemp -d /tmp/chrysalis-noise.XXXXXX)
trap 'chmod -R u+rwx "$box"; rm -rf "$box"' EXIT
mkdir -p "$box/root/lib" "$box/w/root/lib"
cat >"$box/hello.c" <<'C'
#include "guest.h"
int guest_main(int argc, char **argv)
{
    (void)argv;
    say_hex("arguments ", (u32)argc);
    return 5;
}
C
gcc $flags -fno-pic -no-pie -static -o "$box/hello" "$box/hello.c" &&
    gcc $flags -fPIE -static-pie -o "$box/root/lib/ld.so" "$box/hello.c" &&
    gcc $flags -fPIE -pie -Wl,-I,/lib/ld.so -o "$box/dynamic" "$box/hello.c" &&
    gcc $flags -fno-pic -no-pie -static -o "$box/noise" tests/guests/noise.c &&
    gcc -O1 -Wall -Wextra -o "$box/badelf" tests/badelf.c || { echo "not ok noise: not built"; exit 1; }
cp "$CHRYSALIS" "$BUILD/cms.lo" machines/tm8600.ini "$box/"
chmod -R a+rX "$box"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$box/w"
cd "$box/w" || exit 1
as_nobody()
{
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}
run="../chrysalis run --quiet --set guest.ram_mb=32"

# damaged NAME FILE TO COMMAND...
damaged()
{
    local name=$1
    shift
    if as_nobody ../badelf 0 $seeds "$@" >"$OUT/$name" 2>&1; then
        echo "ok noise damaged $name"
    else
        echo "not ok noise damaged $name: $(head -c 1000 "$OUT/$name" | tr '\n' ' ')"
    fi
}
damaged program ../hello m $run --set cms.hot_threshold=1 -- ./m
damaged dynamic ../dynamic m $run --set cms.gears=0 --sysroot ../root -- ./m
damaged interpreter ../root/lib/ld.so root/lib/ld.so $run --set cms.on=host --sysroot root -- ../dynamic

while IFS='|' read -r name options; do
    as_nobody timeout 250 $run $options -- ../noise 0 $programs >"$OUT/code.$name" 2>"$OUT/code.$name.err" </dev/null
    status=$?
    if [ $status = 0 ] && [ "$(tail -n 1 "$OUT/code.$name")" = done ]; then
        echo "ok noise code $name"
    else
        echo "not ok noise code $name: status $status: $(grep -m 2 -E 'ERROR|runtime error|defect' "$OUT/code.$name.err" | tr '\n' ' ')"
    fi
done <<'MODES'
interpreted|--set cms.gears=0
translated|--set cms.hot_threshold=1
tm8600|--machine ../tm8600.ini --set guest.ram_mb=32 --set cms.hot_threshold=2
MODES
# The same bytes die the same way whoever runs them, but for those that ask for the time.
if cmp -s "$OUT/code.interpreted" "$OUT/code.translated"; then
    echo "ok noise code alike"
else
    echo "not ok noise code alike: $(diff "$OUT/code.interpreted" "$OUT/code.translated" | head -n 4 | tr '\n' ' ')"
fi

# says NAME STATUS WORD COMMAND...: one line with the word
says()
{
    local name=$1 status=$2 word=$3 got
    shift 3
    as_nobody $run "$@" >"$OUT/said" 2>&1 </dev/null
    got=$?
    if [ $got = "$status" ] && [ "$(wc -l <"$OUT/said")" = 1 ] && grep -q -- "$word" "$OUT/said"; then
        echo "ok noise $name"
    else
        echo "not ok noise $name: status $got: $(head -n 2 "$OUT/said" | tr '\n' ' ')"
    fi
}
rm -rf root
mkdir -p root/lib out
says "empty sysroot" 2 "interpreter.*No such file" --sysroot root -- ../dynamic
says "sysroot a file" 2 "Not a directory" --sysroot ../hello -- ../dynamic
says "sysroot a dangling link" 2 "No such file" --sysroot ./nowhere -- ../dynamic
ln -s nowhere root/lib/ld.so
says "interpreter dangling" 2 "interpreter.*No such file" --sysroot root -- ../dynamic
ln -sfn ../lib/ld.so root/lib/ld.so
says "interpreter its own link" 2 "interpreter /lib/ld.so" --sysroot root -- ../dynamic
rm root/lib/ld.so && mkdir root/lib/ld.so
says "interpreter a folder" 2 "not a regular file" --sysroot root -- ../dynamic
rm -rf root/lib && ln -s "$PWD/out" root/lib && cp ../root/lib/ld.so out/
says "interpreter by an absolute link that leads out" 2 "interpreter /lib/ld.so" --sysroot root -- ../dynamic
rm root/lib && ln -s ../../../../../../../../..$PWD/out root/lib
says "interpreter by a link up and out" 2 "interpreter /lib/ld.so" --sysroot root -- ../dynamic
rm root/lib && mkdir root/lib && cp ../dynamic root/lib/ld.so
says "interpreter that wants one itself" 5 "arguments 00000001" --sysroot root -- ../dynamic
cp ../hello root/lib/ld.so
says "interpreter at a fixed place" 5 "arguments 00000001" --sysroot root -- ../dynamic

printf '#!%s\n' "$PWD/s0" >s0
printf '#!%s\n' "$box/hello" >s1
for i in 2 3 4 5 6; do printf '#!%s/s%d\n' "$PWD" $((i - 1)) >s$i; done
printf '#!/nowhere/at/all\n' >lost
printf '#!\n' >nothing
printf '#!%2000s\n' ../hello >long
printf '#!%s one two  \n' "$box/hello" >fine
chmod 755 s? lost nothing long fine
says "a script that runs itself" 2 "levels of symbolic links" -- ./s0
says "a chain of five scripts" 5 "arguments 00000006" -- ./s5
says "a chain of six scripts" 2 "levels of symbolic links" -- ./s6
says "a script of nobody" 2 "/nowhere/at/all" -- ./lost
says "a script of nothing" 2 "not an ELF" -- ./nothing
says "a script with an endless line" 2 "not an ELF" -- ./long
says "a script" 5 "arguments 00000003" -- ./fine
