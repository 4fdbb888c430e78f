#!/bin/sh
# Runs every fuzzer of fuzzers.list over its corpus, then for some seconds; prints a result line each for tally.py.
#
#   replay.sh BUILD-DIR SECONDS [FILTER]
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
build=$1 seconds=$2 filter=${3:-}
log=$build/replay
mkdir -p "$log"

replay()
{
	program=$(find "$build" -type f -name "$1_fuzz" -perm -u+x | head -n 1)
	[ -n "$program" ] || { printf 'fail\tfuzz %s\tnot built\n' "$1"; return; }
	found=$log/$1.new
	mkdir -p "$found"
	set -- "$1" "$found"
	[ ! -d "$here/corpus/$1" ] || set -- "$@" "$here/corpus/$1"
	name=$1
	shift
	if (cd "$log" && "$program" -runs=0 "$@" && "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
		-artifact_prefix="$log/$name." "$@") >"$log/$name.log" 2>&1; then
		printf 'pass\tfuzz %s\t\n' "$name"
	else
		tail -n 30 "$log/$name.log" >&2
		printf 'fail\tfuzz %s\tsee %s\n' "$name" "$log/$name.log"
	fi
}

while read -r name _; do
	case $name in ''|'#'*) continue ;; esac
	[ -z "$filter" ] || printf '%s\n' "fuzz $name" | grep -Eq -e "$filter" || continue
	replay "$name"
done <"$here/fuzzers.list"
