#!/bin/sh
# Alert in, contained container and ticket out.
#
#   runbook.sh ALERT CONTAINER
#
# What it does: takes the evidence of CONTAINER, and then pauses it and takes it off its networks (kanshiki quarantine);
#   writes TICKETS/ALERT.txt for the person who comes in the morning; ends with one status. The same ALERT again captures
#   nothing again: the same receipt, the same ticket, and only what is not done yet is done.
# What it needs: kanshiki, jq, flock (util-linux), and an engine that answers.
# Which rights it takes: root. It reads every process of the container and asks the engine to pause and disconnect it.
#
# ALERT: 1 to 64 of A-Z a-z 0-9 . _ - and no dot or dash first: it becomes the name of the ticket. CONTAINER: a name or an id.
#
# Settings, from the environment:
#   KANSHIKI       the program (kanshiki)                 KANSHIKI_HOME   its home (/var/lib/kanshiki)
#   TICKETS        where tickets go (/var/lib/kanshiki-tickets), better on another disk than the home
#   ACTION         what is done after the capture (pause,disconnect)
#   WAIT           seconds to wait for another run (900)  DOCKER_HOST     the engine, as for docker
#
# Status: that of kanshiki, and two more.
#   0   captured and contained: go on         5   contained, something is missing in the evidence: look
#   7   the evidence did not verify, nothing was done to the container: alarm
#   1   an act or the ticket failed           2   ALERT or CONTAINER is not one
#   3   no such container                     4   the engine does not answer: try again
#   6   not root                              8   refused: see the ticket
#   126, 127  kanshiki cannot be run
#   75  another run for ALERT has not ended: try again        other   as kanshiki says
set -u
umask 077
export LC_ALL=C.UTF-8

kanshiki=${KANSHIKI:-kanshiki}
tickets=${TICKETS:-/var/lib/kanshiki-tickets}
action=${ACTION:-pause,disconnect}
home=${KANSHIKI_HOME:-/var/lib/kanshiki}

say() { printf 'runbook: %s\n' "$*" >&2; }

# Both words may come from whoever made the alert. Engines give containers no other names than these.
is_alert() { case $1 in '' | [.-]* | *[!A-Za-z0-9._-]*) return 1 ;; esac; [ "${#1}" -le 64 ]; }
is_container() { case $1 in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) return 1 ;; esac; [ "${#1}" -le 255 ]; }

# Home and engine are given as options, so that the undo that is printed has them, too.
contain()
{
	set -- --home "$home"
	case ${DOCKER_HOST:-} in unix://*) set -- "$@" -H "$DOCKER_HOST" ;; esac
	"$kanshiki" "$@" --json quarantine --request-id "alert-$alert" --action "$action" --yes --note "alert $alert" "$container" \
		>"$work/result" 2>"$work/said" </dev/null
}

# The report lies beside the bundle, in the home; a capture that sealed nothing has none.
find_report()
{
	bundle=$(jq -r '.evidence.bundle // empty | strings' "$work/result" 2>/dev/null) || bundle=
	report=$home/reports/$(basename "${bundle:-none}")
	[ -f "$report/report.json" ] || report=
}

meaning()
{
	case $1 in
	0) echo 'captured and contained: go on' ;;
	1) echo 'NOT DONE AS ASKED: an act failed or no evidence could be kept; look at the container now' ;;
	2) echo 'a name or a setting is wrong; what is said below tells which' ;;
	3) echo 'no such container; nothing was done' ;;
	4) echo 'the engine does not answer; nothing was done: try again' ;;
	5) echo 'contained, but something is missing in the evidence: look at the gaps in the report' ;;
	6) echo 'not allowed: this needs root' ;;
	7) echo 'ALARM: the evidence does not verify; nothing was done to the container' ;;
	8) echo 'refused; what is said below tells why' ;;
	126 | 127) echo 'kanshiki is not there or cannot be run; nothing was done: set KANSHIKI or PATH' ;;
	*) echo "status $1 of kanshiki" ;;
	esac
}

# Everything but our own words may be an intruder's: one line each, nothing that a terminal would act on, no reading order.
make_ticket()
{
	# shellcheck disable=SC2016 # jq's variables, not the shell's
	jq -nr --slurpfile result "$work/result" --slurpfile report "${report:-/dev/null}${report:+/report.json}" \
		--rawfile said "$work/said" --arg alert "$alert" --arg container "$container" --arg status "$1" \
		--arg meaning "$(meaning "$1")" --arg page "${report:+$report/report.html}" '
		def clean: tostring | gsub("[\\p{C}\\p{Zl}\\p{Zp}]"; "?") | if length > 400 then .[:400] + "..." else . end;
		def line($key): select(. != null and . != "") | $key + (" " * (10 - ($key | length))) + clean;
		($result[0] // {}) as $r | ($report[0] // {}) as $p |
		($alert | line("ALERT")),
		("\($container) \($r.container.id // "")" | line("CONTAINER")),
		(($r.acts // []) as $acts | ($acts != [] and all($acts[]; .taken_back)) as $back | "\($status): \(if $status == "0" and $back then
			"captured; its containment was taken back, and the same alert does not do it again" else $meaning end)" | line("STATUS")),
		($r.evidence.custody.case | line("CASE")),
		($p.verdict | select(. != null) | .level + (if .confidence then ", strength " + .confidence else "" end) | line("VERDICT")),
		($p.findings | select(. != null) | "\(length) in the report\(if length > 0 then ", the first of them:" else "" end)" | line("FINDINGS")),
		($p.findings // [] | .[:5][] | "\(.severity): \(.says)" | line("")),
		($r.evidence.seal | line("SEAL")),
		($r.evidence.custody.commit | line("COMMIT")),
		($r.evidence.bundle | line("BUNDLE")),
		($page | line("REPORT")),
		($r.acts // [] | .[] | "\(.do): \(if .ok then "done" else "NOT DONE: " + (.why // "no reason given") end)" +
			(if .taken_back then "; taken back since" elif .holds == false then "; NOT SO ANY MORE" else "" end) | line("ACT")),
		($r.container.words | line("STATE")),
		($r.evidence.words | line("STATE")),
		($r.undo | line("UNDO")),
		($said | split("\n") | .[-5:][] | line("SAID"))' >"$work/ticket" && [ -s "$work/ticket" ]
}

# A later run that could not even look must not take the place of a ticket that tells of evidence.
tells_more()
{
	case $1 in 0 | 1 | 5 | 7) ;; *) return 1 ;; esac
	grep -q '^SEAL ' "$work/ticket"
}

put_ticket()
{
	ticket=$tickets/$alert.txt
	if [ -f "$ticket" ] && grep -q '^SEAL ' "$ticket" && ! tells_more "$1"; then
		printf 'LATER     %s: %s: %s\n' "$(date -u +%FT%TZ)" "$1" "$(meaning "$1")" >>"$ticket" || return
		{ grep '^SAID ' "$work/ticket" || :; } >>"$ticket"
		return
	fi
	cp "$work/ticket" "$tickets/.$alert.new" && mv "$tickets/.$alert.new" "$ticket"
}

finish()
{
	status=$1
	make_ticket "$status" || printf 'ALERT     %s\nSTATUS    %s: %s\n' "$alert" "$status" "$(meaning "$status")" >"$work/ticket"
	cat "$work/ticket"
	if ! put_ticket "$status"; then
		say "$tickets/$alert.txt could not be written"
		[ "$status" -ne 0 ] && [ "$status" -ne 5 ] || status=1
	fi
	exit "$status"
}

[ $# -eq 2 ] || { say 'usage: runbook.sh ALERT CONTAINER'; exit 2; }
alert=$1 container=$2
is_alert "$alert" || { say 'ALERT may have A-Z a-z 0-9 . _ - and no dot or dash first, 64 at most'; exit 2; }
is_container "$container" || { say 'CONTAINER is no name and no id of a container'; exit 2; }
mkdir -p "$tickets" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$work/result"

# One run of an alert after the other, so that its ticket is of one piece. kanshiki itself sees to one at a time on a container.
( : >"$tickets/.$alert.lock" ) || exit 1
exec 9>"$tickets/.$alert.lock"
flock -w "${WAIT:-900}" 9 || { say "another run for $alert has not ended; nothing was done"; exit 75; }
contain 9>&-
status=$?
find_report
finish "$status"
