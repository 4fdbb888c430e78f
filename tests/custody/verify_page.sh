#!/bin/bash
# Runs docs/verify-without-kanshiki.md as written: verify_page.sh PAGE BUNDLE REPO ALLOWED WHO CASE SEAL [TSA_CA].
# With TSA_CA, of a stamped bundle, the blocks about time stamps too.
# Prints "ok ID" a command; status 1 at the first that does not say what the page says it says.
set -eu -o pipefail
[ $# -eq 7 ] || [ $# -eq 8 ] || { echo "usage: $0 PAGE BUNDLE REPO ALLOWED WHO CASE SEAL [TSA_CA]" >&2; exit 2; }
PAGE=$(realpath "$1") BUNDLE=$(realpath "$2")
export REPO ALLOWED WHO=$5 CASE=$6 LC_ALL=C
REPO=$(realpath "$3") ALLOWED=$(realpath "$4")
SEAL=$7
TSA_CA=${8:+$(realpath "$8")}
export TSA_CA
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
# A user's git configuration has no part in this.
export HOME=$work GIT_CONFIG_NOSYSTEM=1

block()
{
	sed -n "/^\`\`\`bash $1\$/,/^\`\`\`\$/p" "$PAGE" | sed '1d;$d'
}
# run ID DIR: the block's output, both streams; its status must be 0.
run()
{
	local text
	text=$(block "$1")
	[ -n "$text" ] || { echo "the page has no block $1" >&2; exit 1; }
	(cd "$2" && bash -e -o pipefail -c "$text" 2>&1) || { echo "$1 failed" >&2; exit 1; }
}
# says ID DIR TEXT: exactly this.
says()
{
	local out
	out=$(run "$1" "$2") || { printf '%s\n' "$out" >&2; exit 1; }
	[ "$out" = "$3" ] || { printf '%s said, not what the page says:\n%s\n' "$1" "$out" >&2; exit 1; }
	echo "ok $1"
}
# has ID DIR TEXT: a line with this.
has()
{
	local out
	out=$(run "$1" "$2") || { printf '%s\n' "$out" >&2; exit 1; }
	grep -qF -- "$3" <<<"$out" || { printf '%s said:\n%s\n' "$1" "$out" >&2; exit 1; }
	echo "ok $1"
}
bag()
{
	says B1 "$1" tagmanifest-sha256.txt
	says B2 "$1" "$SEAL  tagmanifest-sha256.txt"
	says B3 "$1" ""
	says B4 "$1" ""
	has B5 "$1" 'Good "file" signature'
	[ -z "$TSA_CA" ] || has B7 "$1" 'Verification: OK'
}

bag "$BUNDLE"
says R1 "$work" false
says R2 "$work/v" ""
out=$(run R3 "$work/v")
awk '/Good "git" signature/ {next} NF != 4 || $2 != "G" || $3 != $4 {bad = 1} {n++}
	END {exit bad || !n}' <<<"$out" || { printf 'R3 said:\n%s\n' "$out" >&2; exit 1; }
echo "ok R3"
says R4 "$work/v" ""
[ -z "$TSA_CA" ] || has R5 "$work/v" 'Verification: OK'
has R6 "$work/v" "Git LFS fsck OK"
says R7 "$work/v" ""
has R8 "$work/v" "$(git -C "$work/v" rev-parse main)"
run OUT "$work/v" >/dev/null
echo "ok OUT"
bag "$work/v/cases/$CASE/bundles/$(basename "$BUNDLE")"
