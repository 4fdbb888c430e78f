#!/bin/sh
# Captures on one node: each container with the label, into KANSHIKI_DIR; then pushes; then writes status.json there, and the
# same to its log. Ends with 0 always. Runs in the host's pid namespace, as root, with the engine's socket at /run/engine.sock.
#
#   KANSHIKI_REQUEST  name of this request: what was captured under it before is not captured again
#   KANSHIKI_LABEL    KEY or KEY=VALUE of the containers that are meant
#   KANSHIKI_DIR      kanshiki's home on this node; KANSHIKI_NODE: what the status calls the node
#   KANSHIKI_NOT      names of containers that are never captured; KANSHIKI_POD: a pod's uid, likewise
#   KANSHIKI_CASE, KANSHIKI_OPERATOR, KANSHIKI_FLAGS  for kanshiki capture; flags are split at blanks
#   KANSHIKI_REMOTE   where to push, or empty; KANSHIKI_SECRET: a file with NAME:PASSWORD for it, where there is one
#   KANSHIKI_WHY      nothing is captured, and the status says this
#
# What it does: captures and pushes; changes no container but for the pause of a capture.
# What it needs: kanshiki, curl and jq, the engine's socket, room in KANSHIKI_DIR.
# Which rights it takes: root's on this node, as far as the job gives them.
set -u
set -f
umask 077

: "${KANSHIKI_REQUEST:=}" "${KANSHIKI_LABEL:=}" "${KANSHIKI_DIR:=/var/lib/kanshiki}" "${KANSHIKI_NODE:=}" "${KANSHIKI_NOT:=}"
: "${KANSHIKI_POD:=}" "${KANSHIKI_CASE:=}" "${KANSHIKI_OPERATOR:=}" "${KANSHIKI_FLAGS:=}" "${KANSHIKI_REMOTE:=}"
: "${KANSHIKI_SECRET:=}" "${KANSHIKI_WHY:=}"
engine=unix:///run/engine.sock
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
why=$KANSHIKI_WHY
push=null
running=
stopped=

say() { printf 'fleet: %s\n' "$*"; }
ask() { curl -sS --fail-with-body --max-time 60 --unix-socket /run/engine.sock "$@" 2>&1; }
last_word() { tail -n 1 "$1" | head -c 300; }

# Told to end: kanshiki seals what it has and lets its container go, which takes its time.
# shellcheck disable=SC2317 # the traps call it
ended() { stopped=1; [ -z "$running" ] || kill -TERM "$running" 2>/dev/null; }
trap ended TERM INT

# kanshiki with these words; document in /tmp/out, messages in /tmp/err.
run()
{
	kanshiki -H "$engine" --home "$KANSHIKI_DIR" --json "$@" </dev/null >/tmp/out 2>/tmp/err &
	running=$!
	until wait "$running"; do
		status=$?
		kill -0 "$running" 2>/dev/null || { running=; return "$status"; }
	done
	running=
}

# Ids that are never meant. By a name, which the engine gives to one container alone: a label could be any image's.
ids_not_meant()
{
	for name in $KANSHIKI_NOT; do
		ask "http://engine/containers/$name/json" | jq -r '.Id // empty' 2>/dev/null
	done
}

# "ID NAME" a line of the running containers with the label. 1: the engine has no such list, and why.
meant()
{
	filters=$(jq -cn --arg l "$KANSHIKI_LABEL" '{label: [$l]}')
	answer=$(ask -G --data-urlencode "filters=$filters" http://engine/containers/json) || { why="the engine: $(printf '%s' "$answer" | head -c 300)"; return 1; }
	list=$(printf '%s' "$answer" | jq -r --arg not "$(ids_not_meant)" --arg pod "$KANSHIKI_POD" '
		($not | split("\n")) as $not | .[] | select(.Id | test("^[0-9a-f]{64}$")) | select(.Id as $id | $not | index($id) | not)
		| select($pod == "" or .Labels["io.kubernetes.pod.uid"] != $pod)
		| "\(.Id) \((.Names[0] // "") | gsub("[^A-Za-z0-9_./-]"; "?") | ltrimstr("/"))"' 2>/dev/null) || { why="the engine's list of containers cannot be read"; return 1; }
}

# What an earlier run under the same request said of this container: a repetition does not know its gaps.
earlier() { jq -c --arg r "$KANSHIKI_REQUEST" --arg id "$1" 'select(.request == $r) | .containers[] | select(.id == $id) | .exit' "$KANSHIKI_DIR/status/$KANSHIKI_REQUEST.json" 2>/dev/null | head -n 1; }

entry()
{
	before=$(earlier "$1")
	jq -Rsc --arg id "$1" --arg name "$2" --arg dir "$KANSHIKI_DIR" --argjson exit "$3" --argjson before "${before:-null}" --arg last "$(last_word /tmp/err)" '
		((fromjson? | objects) // {}) as $d | ($d.status == "done-before") as $again
		| {id: $id, name: $name, exit: (if $again and $before != null then $before else $exit end), captured: ($d.seal != null and ($again | not)),
		bundle: ($d.bundle | if . and (startswith("/") | not) then "\($dir)/bundles/\(.)" else . end), seal: $d.seal, status: ($d.status // "failed"),
		why: (if $d.error then $d.error elif $exit == 0 then null elif ($d.gaps // []) != [] then "gaps: \($d.gaps | length)" else $last end)}' /tmp/out
}

capture_all()
{
	: >/tmp/entries
	while read -r id name; do
		[ -z "$stopped" ] || { why="told to end before all were captured"; return; }
		[ -n "$id" ] || continue
		# shellcheck disable=SC2086
		run capture --request-id "$KANSHIKI_REQUEST-$id" --case "${KANSHIKI_CASE:-$KANSHIKI_REQUEST}" \
			${KANSHIKI_OPERATOR:+--operator} ${KANSHIKI_OPERATOR:+"$KANSHIKI_OPERATOR"} $KANSHIKI_FLAGS "$id"
		entry "$id" "$name" $? >>/tmp/entries
	done <<-END
		$list
	END
}

push_all()
{
	[ -n "$KANSHIKI_REMOTE" ] && [ -d "$KANSHIKI_DIR/custody.git" ] || return 0
	# Of the task, or of a pod's volume, where it is a link; ours is in memory.
	secret=
	[ ! -s "$KANSHIKI_SECRET" ] || ! cat "$KANSHIKI_SECRET" >/tmp/secret || secret=/tmp/secret
	run custody push ${secret:+--credentials} ${secret:+"$secret"} "$KANSHIKI_REMOTE"
	push=$(jq -Rsc --arg remote "$KANSHIKI_REMOTE" --argjson exit $? --arg last "$(last_word /tmp/err)" '((fromjson? | objects) // {}) as $d
		| {remote: $remote, exit: $exit, pushed: ($exit == 0), tip: $d.tip, why: (if $exit == 0 then null else $last end)}' /tmp/out)
	rm -f /tmp/secret
}

# The worst of all, in the order of kanshiki(1); what is in neither place of it comes first.
document()
{
	[ -e /tmp/entries ] || : >/tmp/entries
	jq -sac --arg node "$KANSHIKI_NODE" --arg request "$KANSHIKI_REQUEST" --arg l "$KANSHIKI_LABEL" --arg started "$started" \
		--arg ended "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --arg why "$why" --argjson push "$push" '
		[.[].exit, (if $push then $push.exit else empty end), (if $why != "" then 1 else empty end)] as $all
		| {schema: "kanshiki.fleet/1", node: $node, request: $request, label: $l, started: $started, ended: $ended,
		exit: ([1, 7, 124, 130, 8, 6, 4, 3, 2, 5, 9] as $order | ($all - $order - [0])[0] // first($order[] | select(. as $o | $all | index($o))) // 0),
		why: (if $why == "" then null else $why end), containers: ., push: $push}' /tmp/entries
}

# Whole or not at all: a full disk leaves the status of before, and the log has this one.
keep()
{
	printf '%s\n' "$2" >"$KANSHIKI_DIR/.status.new" && sync && mv "$KANSHIKI_DIR/.status.new" "$1" && return
	say "$1 cannot be written"
	rm -f "$KANSHIKI_DIR/.status.new"
}

# The newest in status.json, and one a request in status/.
write_status()
{
	said=$(document)
	mkdir -p "$KANSHIKI_DIR/status"
	keep "$KANSHIKI_DIR/status.json" "$said"
	keep "$KANSHIKI_DIR/status/$KANSHIKI_REQUEST.json" "$said"
	printf '%s\n' "$said"
}

# Which machine this is: the image's /etc has links to these. Our parent is the engine's shim, which has the host's files.
cat "/proc/$PPID/root/etc/machine-id" >/tmp/machine-id 2>/dev/null
readlink "/proc/$PPID/root/etc/localtime" 2>/dev/null | sed -n 's/.*zoneinfo\///p' >/tmp/timezone
[ -s /tmp/timezone ] || cat "/proc/$PPID/root/etc/timezone" >/tmp/timezone 2>/dev/null

# The engine has just made it; a directory with something in it may be meant for others, too.
[ -n "$(ls -A "$KANSHIKI_DIR")" ] || chmod 700 "$KANSHIKI_DIR"
case $KANSHIKI_REQUEST in
'' | .* | *[!A-Za-z0-9._-]*) why="KANSHIKI_REQUEST is no name of letters, digits, dots and dashes"; KANSHIKI_REQUEST=none ;;
esac
[ -n "$KANSHIKI_LABEL" ] || why=${why:-"KANSHIKI_LABEL is empty: that would be every container"}
if [ -z "$why" ] && meant; then
	capture_all
	push_all
fi
write_status
exit 0
