#!/bin/bash
# SPDX-License-Identifier: MIT
# also: san
#
# The command itself: help, machine files, exit statuses, where output goes, and stats.json adding up.
set -u
guest=$SYSROOT/bin/busybox
run=("$CHRYSALIS" run)

verdict()
{
    if [ "$1" = 0 ]; then echo "ok $2"; else echo "not ok $2: ${3:-}"; fi
}

# Help names every command and every option; both go to standard output.
"$CHRYSALIS" --help >"$OUT/help" 2>"$OUT/err"
for word in run dump ops machine as objdump --machine --set --stats --sysroot --quiet; do
    grep -q -e "$word" "$OUT/help" || echo "$word"
done >"$OUT/missing"
[ ! -s "$OUT/missing" ] && [ ! -s "$OUT/err" ]
verdict $? help "nothing about: $(tr '\n' ' ' <"$OUT/missing")"

"$CHRYSALIS" --help options >"$OUT/options"
sed -n 's/^OPTE\{0,1\}([a-z0-9_]*, "\([^"]*\)".*/\1/p' vliw-model/options.def >"$OUT/keys"
while read -r key; do grep -q -e "^  $key = " "$OUT/options" || echo "$key"; done <"$OUT/keys" >"$OUT/missing"
[ -s "$OUT/keys" ] && [ ! -s "$OUT/missing" ]
verdict $? help-options "nothing about: $(tr '\n' ' ' <"$OUT/missing")"

"$CHRYSALIS" --version | grep -q '^chrysalis [0-9]'
verdict $? version

# So does the help of a command.
for command in run dump ops machine validate; do
    "$CHRYSALIS" $command --help >"$OUT/help" 2>"$OUT/err" && [ ! -s "$OUT/err" ] &&
        grep -q "^usage: chrysalis $command " "$OUT/help"
    verdict $? help-$command "$(cat "$OUT/help" "$OUT/err")"
done

# The printed form of a machine is a machine file, and the same machine.
for file in machines/*.ini; do
    "$CHRYSALIS" machine "$file" >"$OUT/1.ini" && "$CHRYSALIS" machine "$OUT/1.ini" >"$OUT/2.ini" &&
        cmp -s "$OUT/1.ini" "$OUT/2.ini" && [ "$(grep -c ' = ' "$OUT/1.ini")" = $(($(wc -l <"$OUT/keys") + 1)) ]
    verdict $? "machine-$(basename "$file" .ini)" "not a fixed point"
done
"$CHRYSALIS" machine --set l1d.ways=4 machines/tm5800.ini | grep -q '^ways = 4$'
verdict $? machine-set

# status NAME WANT COMMAND...
status()
{
    local name=$1 want=$2 got
    shift 2
    "${run[@]}" --quiet "$@" >"$OUT/out" 2>"$OUT/err" </dev/null
    got=$?
    [ $got = "$want" ] && [ ! -s "$OUT/err" ]
    verdict $? "$name" "status $got, wanted $want; $(head -n 1 "$OUT/err")"
}
status status-true 0 -- "$guest" true
status status-false 1 -- "$guest" false
status status-exit 77 -- "$guest" sh -c 'exit 77'
status status-without-dashes 1 "$guest" false
# shellcheck disable=SC2016
status status-killed 143 -- "$guest" sh -c 'kill -TERM $$'

# Only --env reaches the guest's environment.
CHRYSALIS_TEST_LEAK=1 "${run[@]}" --quiet --env A=first --env B='two words' -- "$guest" env >"$OUT/env"
grep -q '^A=first$' "$OUT/env" && grep -q '^B=two words$' "$OUT/env" && ! grep -q LEAK "$OUT/env"
verdict $? environment "$(tr '\n' ' ' <"$OUT/env")"

# The guest's output is the guest's alone; the summary goes to standard error, within 96 columns.
"${run[@]}" --stats "$OUT/stats.json" -- "$guest" echo hello >"$OUT/out" 2>"$OUT/err"
[ "$(cat "$OUT/out")" = hello ] && [ -s "$OUT/err" ] && [ "$(wc -L <"$OUT/err")" -le 96 ]
verdict $? summary "out: $(head -c 60 "$OUT/out"), widest line $(wc -L <"$OUT/err")"
"${run[@]}" --quiet --stats - -- "$guest" true 2>/dev/null | grep -q '"guest.instructions": [1-9]'
verdict $? stats-to-stdout

# Cycles by phase add up to all cycles, causes to their phase; a plain reader (awk) can do it.
sums=$(tr -d ' ",' <"$OUT/stats.json" | awk -F: '
    /^cycles\./ {
        n = split($1, part, ".")
        if ($1 == "cycles.total") total = $2
        else if (n == 2) { phase[part[2]] = $2; all += $2 }
        else cause[part[2]] += $2
    }
    END {
        for (p in phase) if (phase[p] != cause[p]) print "phase " p ": " phase[p] " is not " cause[p]
        if (!total || all != total) print "total " total " is not " all
    }')
[ -z "$sums" ]
verdict $? stats-add-up "$sums"
for member in counters vectors distributions intervals regions config identities scope host; do
    grep -q "^  \"$member\": " "$OUT/stats.json" || echo "$member"
done >"$OUT/missing"
[ ! -s "$OUT/missing" ]
verdict $? stats-members "no $(tr '\n' ' ' <"$OUT/missing")"
"${run[@]}" --quiet --set cms.hot_threshold=3 --stats "$OUT/regions.json" -- "$guest" sha256sum "$guest" >"$OUT/out"
listed=$(sed -n '/^  "regions"/,/^  }/p' "$OUT/regions.json" | grep -c '^ *\[[0-9]')
alive=$(sed -n 's/^ *"cms.tcache.translations": \([0-9]*\),$/\1/p' "$OUT/regions.json")
[ "$listed" -gt 20 ] && [ "$listed" = "$alive" ]
verdict $? stats-regions "$listed listed, $alive alive"
want=$(sha256sum <"$guest" | cut -d ' ' -f 1)
grep -q "\"program\": \"$want\"" "$OUT/stats.json"
verdict $? stats-identity

# What can be known only at the end of a run, or comes from a damaged image, is one clear line too.
refused()
{
    local name=$1 word=$2
    shift 2
    "${run[@]}" --quiet "$@" -- "$guest" true >"$OUT/out" 2>"$OUT/err"
    [ $? = 2 ] && [ "$(wc -l <"$OUT/err")" = 1 ] && grep -q -e "$word" "$OUT/err"
    verdict $? "$name" "$(head -n 2 "$OUT/err" | tr '\n' ' ')"
}
refused stats-full-disk "/dev/full" --stats /dev/full
refused image-missing "nonesuch.lo" --cms "$OUT/nonesuch.lo"
head -c 3000 /dev/urandom >"$OUT/noise.lo"
refused image-noise "noise.lo" --cms "$OUT/noise.lo"
printf '\t.text\n\t.globl\tf\nf:\n\tret\n' >"$OUT/f.s"
"$CHRYSALIS" as -o "$OUT/f.lo" "$OUT/f.s"
refused image-no-entry "_start" --cms "$OUT/f.lo"
refused room-for-tables "cms.tcache_kb" --set concealed.mb=4 --set cms.tcache_kb=2100
