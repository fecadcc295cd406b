#!/bin/bash
# SPDX-License-Identifier: MIT
#
# /proc and /sys as the guest sees them: they agree with each other, with CPUID, with system calls, and in their layout
# with the host's own; nothing of the host shows through.
set -u
run=("$CHRYSALIS" run --quiet --sysroot "$SYSROOT")
box=("${run[@]}" -- /bin/busybox)

same()
{
    if [ "$2" = "$3" ]; then echo "ok proc $1"; else echo "not ok proc $1: '$2' is not '$3'"; fi
}
"${box[@]}" sh -c '
    echo release $(uname -r) $(cat /proc/sys/kernel/osrelease)
    echo name $(hostname) $(cat /proc/sys/kernel/hostname)
    echo pid $$ $(sh -c "readlink /proc/self; true" | wc -l)
    echo parent $PPID $(sed -n "s/^PPid:[^0-9]*//p" /proc/$$/status)
    echo comm $(cat /proc/$$/comm)
    echo fields $(cat /proc/self/stat | wc -w)
    for i in /proc/[0-9]*; do [ $i = /proc/$$ ] && echo found; done
    cat /proc/self/cmdline | tr "\0" "|"; echo
    cat /proc/self/environ | tr "\0" "\n" | grep -v -E "^(PWD|SHLVL|OLDPWD|_)=" | sort
    cd /proc/self/root && ls -d bin
    cat /proc/self/cwd/proc/../proc/./uptime >/dev/null && echo walks
    (echo x >/proc/uptime) 2>/dev/null || echo refused
    [ -r /proc/1/stat ] || echo nobody
    cat /proc/partitions 2>/dev/null || echo none
    echo $(cat /sys/devices/system/cpu/online)
    sleep 2; cut -d. -f1 /proc/uptime
    awk "/MemTotal/ {print \$2}" /proc/meminfo' >"$OUT/said" 2>"$OUT/err"
cat >"$OUT/expected" <<'T'
release 6.1.0 6.1.0
name chrysalis chrysalis
pid 1000 1
parent 999 999
comm busybox
fields 52
found
cat|/proc/self/cmdline|
HOME=/
LANG=C
PATH=/usr/local/bin:/usr/bin:/bin
TERM=dumb
bin
walks
refused
nobody
none
0
2
262144
T
if cmp -s "$OUT/said" "$OUT/expected"; then echo "ok proc says"; else echo "not ok proc says: $(diff "$OUT/expected" "$OUT/said" | tr '\n' ' ')"; fi

# Every field there is, Linux has too, and in that order.
for file in self/status self/limits; do
    names='s/\(:\|  \).*//p'
    sed -n "$names" /proc/$file | sort >"$OUT/linux"
    "${box[@]}" cat /proc/$file | sed -n "$names" | sort >"$OUT/ours"
    [ -s "$OUT/ours" ] || echo missing >"$OUT/ours"
    same "names in $file" "$(comm -13 "$OUT/linux" "$OUT/ours" | tr '\n' ' ')" ""
done
same "fields of statm" "$("${box[@]}" cat /proc/self/statm | wc -w)" "$(wc -w </proc/self/statm)"
form='^[0-9a-f]{8}-[0-9a-f]{8} [r-][w-][x-][ps] [0-9a-f]{8} [0-9a-f]{2}:[0-9a-f]{2} [0-9]+ *(\[[a-z]+\])?$'
"${box[@]}" cat /proc/self/maps >"$OUT/maps"
same "form of maps" "$(grep -c -v -E "$form" "$OUT/maps")" 0
same "a stack and a heap" "$(grep -c -E '\[(stack|heap)\]' "$OUT/maps")" 2

gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin -mno-sse \
    -fcf-protection=none -fno-strict-aliasing -Itests/guests -o "$OUT/cpu" tests/guests/cpu.c || echo "not ok proc: not built"
for identity in tm5800 tm8600; do
    "${run[@]}" --set guest.identity=$identity -- "$OUT/cpu" >"$OUT/cpu.$identity"
    "${run[@]}" --set guest.identity=$identity -- /bin/busybox cat /proc/cpuinfo >"$OUT/info.$identity"
    same "processor of $identity" "$(grep -E '^(model name|flags)' "$OUT/cpu.$identity" | sort)" \
        "$(grep -E '^(model name|flags)' "$OUT/info.$identity" | sort)"
    same "AT_HWCAP of $identity" "$(grep -c "AT_HWCAP agrees" "$OUT/cpu.$identity")" 1
    same "uname of $identity" "platform $("${run[@]}" --set guest.identity=$identity -- /bin/busybox uname -m)" \
        "$(grep platform "$OUT/cpu.$identity")"
done
