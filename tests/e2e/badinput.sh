#!/bin/bash
# SPDX-License-Identifier: MIT
# also: san
#
# What a user can get wrong: each gives one clear line on standard error that names the thing, exit status 2, and nothing
# on standard output. Sanitized builds run this too.
set -u
guest=$SYSROOT/bin/busybox
cd "$OUT" || exit 1

# refused NAME WORD COMMAND...: the line must contain WORD.
refused()
{
    local name=$1 word=$2 status
    shift 2
    "$@" >stdout 2>stderr </dev/null
    status=$?
    if [ $status != 2 ]; then
        echo "not ok $name: status $status: $(head -n 1 stderr)"
    elif [ -s stdout ]; then
        echo "not ok $name: wrote to standard output"
    elif [ "$(wc -l <stderr)" != 1 ]; then
        echo "not ok $name: $(wc -l <stderr) lines of error"
    elif ! grep -q -i -e "$word" stderr; then
        echo "not ok $name: no '$word' in: $(cat stderr)"
    else
        echo "ok $name"
    fi
}

printf 'hello' >text
head -c 30 "$guest" >short
head -c 5000 "$guest" >truncated
cp "$guest" arm && printf '\050\000' | dd of=arm bs=1 seek=18 conv=notrunc 2>/dev/null
cp "$guest" headers && printf '\377\377' | dd of=headers bs=1 seek=44 conv=notrunc 2>/dev/null
cp "$guest" far && printf '\360\377\377\377' | dd of=far bs=1 seek=28 conv=notrunc 2>/dev/null
: >empty
mkdir -p folder
run=("$CHRYSALIS" run --quiet)
refused program-missing nonesuch "${run[@]}" -- ./nonesuch
refused program-folder "not a regular file" "${run[@]}" -- ./folder
mkfifo pipe
refused program-pipe "not a regular file" timeout 10 "${run[@]}" -- ./pipe
refused program-text "not an ELF" "${run[@]}" -- ./text
refused program-empty "not an ELF" "${run[@]}" -- ./empty
refused program-64-bit "64-bit" "${run[@]}" -- /bin/true
refused program-short "truncated" "${run[@]}" -- ./short
refused program-truncated "truncated" "${run[@]}" -- ./truncated
refused program-machine "wrong machine" "${run[@]}" -- ./arm
refused program-headers "headers" "${run[@]}" -- ./headers
refused program-far-headers "truncated\|malformed" "${run[@]}" -- ./far
refused program-none "program" "${run[@]}"
if [ "$(id -u)" != 0 ]; then
    cp "$guest" secret && chmod 0 secret
    refused program-unreadable "permission" "${run[@]}" -- ./secret
fi

refused no-command "" "$CHRYSALIS"
refused command-unknown nonesuch "$CHRYSALIS" nonesuch
refused option-unknown "frobnicate" "${run[@]}" --frobnicate -- "$guest" true
refused set-unknown "no.such" "${run[@]}" --set no.such=1 -- "$guest" true
refused set-no-value "l1d.ways" "${run[@]}" --set l1d.ways -- "$guest" true
refused set-text "l1d.ways" "${run[@]}" --set l1d.ways=many -- "$guest" true
refused set-range "sb.entries" "${run[@]}" --set sb.entries=3 -- "$guest" true
refused set-huge "sb.entries" "${run[@]}" --set sb.entries=99999999999999999999 -- "$guest" true
refused set-negative "sb.entries" "${run[@]}" --set sb.entries=-4 -- "$guest" true
refused set-choice "mem.stall" "${run[@]}" --set mem.stall=often -- "$guest" true
refused set-geometry "l1d" "${run[@]}" --set l1d.line=48 -- "$guest" true
refused sysroot-a-file "Not a directory" "${run[@]}" --sysroot "$guest" -- "$guest" true
refused root-missing "nowhere" "${run[@]}" --root /nowhere -- "$guest" true
refused stats-unwritable "nowhere" "${run[@]}" --stats /nowhere/stats.json -- "$guest" true

refused machine-missing "nonesuch.ini" "${run[@]}" --machine nonesuch.ini -- "$guest" true
refused machine-folder "folder" "${run[@]}" --machine folder -- "$guest" true
printf '[l1d]\nways = 4\nfrob = 2\n' >m1.ini
refused machine-key "m1.ini:3.*frob" "${run[@]}" --machine m1.ini -- "$guest" true
printf '[l1d]\nways = 4\n[frob]\nx = 2\n' >m2.ini
refused machine-section "m2.ini:4" "${run[@]}" --machine m2.ini -- "$guest" true
printf '[l1d]\n\nways = 400\n' >m3.ini
refused machine-range "m3.ini:3.*ways" "${run[@]}" --machine m3.ini -- "$guest" true
printf '[l1d]\nways = 4\nways = 4\n' >m4.ini
refused machine-twice "m4.ini:3" "${run[@]}" --machine m4.ini -- "$guest" true
printf '[bundle]\nformats = mem.alu mem.frob\n' >m5.ini
refused machine-format "m5.ini:2.*frob" "${run[@]}" --machine m5.ini -- "$guest" true
head -c 4000 /dev/urandom >m6.ini
refused machine-noise "m6.ini" "${run[@]}" --machine m6.ini -- "$guest" true
printf 'ways = 4\n' >m7.ini
refused machine-sectionless "m7.ini:1" "${run[@]}" --machine m7.ini -- "$guest" true

refused dump-nothing "program" "$CHRYSALIS" dump
refused dump-stage "frob" "$CHRYSALIS" dump --stages gfrob --hex 9090cd80
refused dump-digits "zz" "$CHRYSALIS" dump --hex 90zz
refused dump-address "here" "$CHRYSALIS" dump "$guest" here
refused dump-no-code "no code" "$CHRYSALIS" dump "$guest" 10
refused dump-program "not an ELF" "$CHRYSALIS" dump ./text 8048000
refused ops-argument "all" "$CHRYSALIS" ops all
refused env-no-name "=1" "${run[@]}" --env =1 -- "$guest" true
refused set-tlb "tlb.ways" "${run[@]}" --set tlb.entries=8 --set tlb.ways=1 \
    --set "bundle.formats=mem+alu.mem+alu+shift+mul+fp.br.imm" -- "$guest" true

printf '\t.text\nf:\n\tfrob\ta0, a1\n' >a1.s
refused assembly-mnemonic "a1.s:3.*frob" "$CHRYSALIS" as -o a.lo a1.s
printf '\tadd\ta0, a1\n' >a2.s
refused assembly-operands "a2.s:1" "$CHRYSALIS" as -o a.lo a2.s
printf '\t.frob 3\n' >a3.s
refused assembly-directive "a3.s:1.*frob" "$CHRYSALIS" as -o a.lo a3.s
refused assembly-missing "nonesuch.s" "$CHRYSALIS" as -o a.lo nonesuch.s
[ ! -e a.lo ]
if [ $? = 0 ]; then echo "ok assembly-leaves-nothing"; else echo "not ok assembly-leaves-nothing: a.lo was written"; fi
head -c 3000 /dev/urandom >noise.lo
refused image-noise "noise.lo" "$CHRYSALIS" objdump noise.lo
refused image-missing "nonesuch.lo" "$CHRYSALIS" objdump nonesuch.lo
