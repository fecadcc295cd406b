# SPDX-License-Identifier: MIT
# Bash's own ways with processes: process substitution, coproc, arrays, PIPESTATUS, traps.
declare -A h; for w in b a c a b a; do ((h[$w]++)); done
for k in $(printf '%s\n' "${!h[@]}" | sort); do echo "$k=${h[$k]}"; done
diff <(seq 1 5) <(seq 2 6) | head -n 3
while read -r l; do s+="$l,"; done < <(seq 3); echo "$s"
true | false | sh -c 'exit 7'; echo "${PIPESTATUS[@]}"
cat <<<"a here string"
mapfile -t lines < <(printf 'x\ny\nz\n'); echo "${#lines[@]} ${lines[2]}"
coproc tr a-z A-Z; echo coprocess >&"${COPROC[1]}"; exec {COPROC[1]}>&-; cat <&"${COPROC[0]}"
trap 'echo debug trap off; trap - ERR' ERR; false; false
(set -e; false; echo not here); echo "set -e $?"
f() { local -n r=$1; r=$((r * 2)); }; v=21; f v; echo $v
for ((i = 0; i < 2000; i++)); do ((t = (t * 31 + i) % 65537)); done; echo $t
[[ "abc123" =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[2]}"
printf '%05d|%-6s|%x\n' 42 ab 255
(trap 'echo term' TERM; kill -TERM $BASHPID; echo after)
{ sleep 0.05; echo slow; } & { echo fast; } & wait
echo "$(< <(echo read by bash))"
