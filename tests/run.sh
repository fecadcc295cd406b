#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the tests over one or more builds and counts.
#
#   tests/run.sh [-t PATTERN] [BUILD...]       default: build
#
# A test is a cmocka program (tests/unit/test_NAME.c, run from every BUILD) or a script
# (tests/e2e/NAME.sh). Both say one line per check:
#
#   ok NAME
#   not ok NAME: why
#   ok NAME # SKIP why          counted as neither, and listed
#
# A program that crashes, ends with an error status, says nothing, or says less than its plan
# ("1..N") counts as a failure. Scripts run with the first BUILD only, because sanitizers make long
# runs very long; one that is worth its time elsewhere says so near its top, and may ask for time:
#
#   # also: san clang                          last parts of the names of further builds
#   # timeout: 900                           seconds; the default is 300
#
# Scripts and programs run in the root of the repository and find in their environment
#   CHRYSALIS   the simulator           BUILD    the build folder it is in
#   SYSROOT     the fetched i386 root   OUT      a fresh scratch folder of their own
#
# The last line is "N passed, N failed"; the exit status is 1 if anything failed. Logs stay under
# build/out. -t runs the tests whose name contains PATTERN.
set -u
cd "$(dirname "$0")/.." || exit 2
root=$PWD
jobs=2
default_timeout=300

# Value of "# key: value" in the head of a script.
header()
{
    head -n 15 "$2" | sed -n "s/^# $1: *//p" | head -n 1
}

count()
{
    grep -c -E "$1" "$2" || true
}

# Runs one test; leaves "passed failed skipped" in $out.count, and prints one line and the reasons.
run_one()
{
    local build=$1 test=$2 folder name program limit=$default_timeout out start status
    folder=$(realpath "$build")
    name=$(basename "$test")
    name=${name%.*}
    out=$root/build/out/$(basename "$build")/$name
    rm -rf "$out" "$out".*
    mkdir -p "$out"
    if [[ $test == *.sh ]]; then
        program=$root/$test
        limit=$(header timeout "$test")
    else
        program=$folder/tests/$name
    fi
    start=$EPOCHREALTIME
    { # the outer redirection is for the shell's own word on a test that dies by a signal
        CHRYSALIS=$folder/chrysalis BUILD=$folder SYSROOT=$root/build/sysroot OUT=$out \
            CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1 \
            timeout -k 10 "${limit:-$default_timeout}" "$program" \
            >"$out.log" 2>"$out.err" </dev/null
        status=$?
    } 2>/dev/null
    local seconds=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))

    # cmocka prints a skipped test as "not ok N # SKIP name".
    local ok bad skipped plan why=
    skipped=$(count '^(not )?ok .*# SKIP' "$out.log")
    ok=$(($(count '^ok ' "$out.log") - $(count '^ok .*# SKIP' "$out.log")))
    bad=$(($(count '^not ok ' "$out.log") - $(count '^not ok .*# SKIP' "$out.log")))
    plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$out.log" | awk '{n += $1} END {print n + 0}')
    if [ $status = 124 ] || [ $status = 137 ]; then
        why="stopped after ${limit:-$default_timeout} s"
    elif [ $((ok + bad + skipped)) -lt "$plan" ]; then
        why="ended after $((ok + bad + skipped)) of $plan checks, status $status"
    elif [ $status != 0 ] && [ $bad = 0 ]; then
        why="exit status $status"
    elif [ $((ok + bad + skipped)) = 0 ]; then
        why="said nothing"
    fi
    [ -z "$why" ] || bad=$((bad + 1))

    local verdict=ok
    [ $bad = 0 ] || verdict=FAILED
    {
        printf '%-7s %-12s %-28s %5d passed %7d.%01d s\n' $verdict "$build" "$name" "$ok" \
            $((seconds / 1000)) $((seconds % 1000 / 100))
        grep -E '^(not )?ok .*# SKIP' "$out.log" | sed 's/^/        /'
        if [ $bad != 0 ]; then
            grep -a -E '^not ok ' "$out.log" | grep -v '# SKIP' | sed 's/^/        /'
            [ -z "$why" ] || echo "        not ok $name: $why"
            [ -s "$out.err" ] && tail -n 15 "$out.err" | sed 's/^/        | /'
            [[ $test == *.sh ]] || grep -a '^# ' "$out.log" | grep -v '^# not ok' | tail -n 15 | sed 's/^/        | /'
        fi
    } >"$out.report"
    cat "$out.report"
    echo "$ok $bad $skipped" >"$out.count"
}

if [ "${1:-}" = --one ]; then
    run_one "$2" "$3"
    exit 0
fi

pattern=
if [ "${1:-}" = -t ]; then
    pattern=${2:?"-t needs a pattern"}
    shift 2
fi
[ $# -gt 0 ] || set -- build

# Scripts first: they are the long ones, and two at a time end sooner that way.
list=()
for kind in 'tests/e2e/*.sh' 'tests/unit/test_*.c'; do
    for build in "$@"; do
        for test in $kind; do
            [ -e "$test" ] || continue
            [[ $test == *"$pattern"* ]] || continue
            if [[ $test == *.sh ]]; then
                [ "$build" = "$1" ] || [[ " $(header also "$test") " == *" ${build##*/} "* ]] ||
                    continue
            fi
            list+=("$build" "$test")
        done
    done
done

rm -rf build/out
mkdir -p build/out
ulimit -c 0
[ ${#list[@]} = 0 ] || printf '%s\0' "${list[@]}" | xargs -0 -n 2 -P $jobs tests/run.sh --one

passed=0 failed=0 skipped=0 counted=0
for file in build/out/*/*.count; do
    [ -e "$file" ] || continue
    read -r p f s <"$file"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)) counted=$((counted + 1))
done
# A test whose count is missing did not get as far as being counted.
failed=$((failed + ${#list[@]} / 2 - counted))
[ $skipped = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
