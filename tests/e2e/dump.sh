#!/bin/bash
# SPDX-License-Identifier: MIT
# also: san
#
# `chrysalis dump` shows a translation in every stage, for every machine file, from bytes and from a program; what it cannot
# translate it says in one line.
set -u
guest=$SYSROOT/bin/busybox
root=$PWD
cd "$OUT" || exit 1

check()
{
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $(head -n 1 stderr)"; fi
}

# The first example of Transmeta's white paper (Klaiber 2000): add eax,[esp]; add ebx,[esp]; mov esi,[ebp]; sub ecx,5.
# Six ops from the front end; the six lines must be in the IR, and nothing else but the jump.
example="030424 031c24 8b7500 83e905 cd80"
for m in tm5800 tm8600 vliw4; do
    "$CHRYSALIS" dump --machine "$root/machines/$m.ini" --hex "$example" >stdout 2>stderr
    check "$m-translated" $?
    for word in '^guest: 4 instructions' 'as built' 'dead values and flags removed' 'compare and branch' \
        '^schedule' '^bundles:' '^commits' '^exits' '0804800c'; do
        grep -q "$word" stdout
        check "$m-has-${word//[^a-z0-9]/}" $?
    done
    test "$(sed -n '/removed/,/commit 4/p' stdout | grep -c ' v[0-9]')" = 6
    check "$m-six-ops" $?
    "$CHRYSALIS" dump --machine "$root/machines/$m.ini" --stages b --hex "$example" >bundles 2>stderr
    test "$(head -n 1 bundles | cut -c 1-8)" = bundles:
    check "$m-stages-chosen" $?
done

# Every block of the program's first page of code that can be translated passes the verifiers (dump turns them on).
entry=$(od -A n -t x4 -j 24 -N 4 "$guest" | tr -d ' ')
bad=0 good=0
for i in 0 1 2 3 4 5 6 7 8 9; do
    "$CHRYSALIS" dump --machine "$root/machines/tm5800.ini" "$guest" "$(printf %x $((0x$entry + i)))" >stdout 2>stderr
    case $? in
    0) good=$((good + 1)) ;;
    2) ;;
    *) bad=$((bad + 1)) ;;
    esac
done
test $bad = 0 && test $good -ge 3
check program $?

"$CHRYSALIS" dump --hex cd80 >stdout 2>stderr
test $? = 2 && test ! -s stdout && test "$(wc -l <stderr)" = 1 && grep -q interpreter stderr
check untranslatable $?
