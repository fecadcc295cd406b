# SPDX-License-Identifier: MIT
# What shells do with processes, in the common language of busybox sh and bash. Needs busybox's
# commands in PATH. Prints nothing that depends on process numbers or on who runs first.
echo "one two three" | tr ' ' '\n' | sort | head -n 2
seq 1 5000 | while read n; do echo $((n * n % 97)); done | sort -n | uniq -c | tail -n 3
(echo sub; exit 3) || echo "status $?"
x=$(echo a; (echo b; echo c) | tac 2>/dev/null || echo none)
echo "[$x]"
cat <<END | tr a-z A-Z
here is $(echo a document) with $((6 * 7)) lines
END
cat <<'END'
no $expansion `here`
END
f() { trap 'echo leaving f' EXIT; echo in f; }
(f)
trap 'echo got USR1' USR1
(kill -USR1 $$)
kill -USR1 $$
trap '' USR2
kill -USR2 $$ && echo ignored
trap - USR1
sh -c 'kill -TERM $$' ; echo "killed $?"
sh -c 'exit 200'; echo "exit $?"
sleep 1 & p=$!
wait $p; echo "waited $?"
(sleep 0.02; echo later) & (echo sooner) & wait
yes | head -n 3
seq 100000 | head -n 1
{ echo to stdout; echo to stderr >&2; } 2>&1 | sort
exec 3>file.out; echo three >&3; exec 3>&-; cat file.out
echo more >>file.out; wc -l <file.out
rm file.out; cat file.out 2>/dev/null || echo gone
i=0; while [ $i -lt 300 ]; do i=$((i + 1)); case $i in *77) echo $i ;; esac; done
false | true; echo "pipe $?"
set -- a "b c" d; for v in "$@"; do echo "<$v>"; done; echo $#
cd / && pwd && cd - >/dev/null
trap 'echo bye; exit 5' EXIT
( trap 'echo inner; exit 4' TERM; sh -c 'kill -TERM $PPID'; sleep 5; echo not here ); echo "inner ended $?"
exit 1
