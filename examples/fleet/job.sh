#!/bin/sh
# The task of the swarm: has the engine of its node start one helper with the rights that a service cannot have, waits for it,
# says what it did, and removes it. Ends with 0 always: a job of a swarm that ends with anything else is started again, for ever,
# and at once where its restart policy names no delay.
#
# Of the environment: KANSHIKI_REQUEST, _LABEL, _DIR, _SOCKET, _TASK (this container's name), _NODE, _MINUTES; the rest is the
# helper's (node.sh). The engine's socket is at /run/engine.sock, the remote's NAME:PASSWORD in /run/secrets/remote.
#
# What it does: starts one helper container, waits for it, removes it.
# What it needs: the engine's socket, and the secret for the remote where there is one.
# Which rights it takes: the socket's, which are those of root on this node. docs/fleet.md says who gains what.
set -u
trap 'exit 0' EXIT

grace=120              # seconds that the helper has to seal what it has, and to let its container go
: "${KANSHIKI_REQUEST:=}" "${KANSHIKI_DIR:=/var/lib/kanshiki}" "${KANSHIKI_MINUTES:=60}" "${KANSHIKI_FLAGS:=}"
: "${KANSHIKI_SOCKET:=/var/run/docker.sock}" "${KANSHIKI_TASK:=}" "${KANSHIKI_LABEL:=}"

say() { printf 'fleet: %s\n' "$*"; }
engine() { curl -sS --unix-socket /run/engine.sock "$@" 2>&1; }
ask() { engine --fail-with-body --max-time 60 "$@"; }
said() { printf '%s\n' "$1" | jq -Rrn '[inputs] | map(fromjson? | .message? // empty)[0] // last // "no answer"' | head -c 300; }

usable()
{
	case $KANSHIKI_REQUEST in '' | .* | *[!A-Za-z0-9._-]*) say "KANSHIKI_REQUEST is no name of letters, digits, dots, dashes"; return 1 ;; esac
	[ "${#KANSHIKI_REQUEST}" -le 64 ] || { say "KANSHIKI_REQUEST is longer than 64"; return 1; }
	case $KANSHIKI_MINUTES in '' | *[!0-9]* | 0* | ?????*) say "KANSHIKI_MINUTES is no number from 1 to 9999"; return 1 ;; esac
	case $KANSHIKI_DIR in /?*) ;; *) say "KANSHIKI_DIR is no absolute path"; return 1 ;; esac
}

# What kanshiki needs of its node, and no more. It is not --privileged: no devices but the kernel's log, none of the capabilities
# that load modules, set clocks, boot or write to raw devices.
rights='{
	"PidMode": "host", "NetworkMode": "host", "CgroupnsMode": "host", "UsernsMode": "host", "UTSMode": "host",
	"CapDrop": ["ALL"],
	"CapAdd": ["SYS_PTRACE", "SYS_ADMIN", "SYS_CHROOT", "DAC_READ_SEARCH", "DAC_OVERRIDE", "FOWNER", "CHOWN", "KILL",
		"SETUID", "SETGID", "SETPCAP", "NET_ADMIN", "NET_RAW", "SYSLOG", "IPC_OWNER"],
	"SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
	"MaskedPaths": [], "ReadonlyPaths": [],
	"Devices": [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/kmsg", "CgroupPermissions": "r"}]
}'

# $1: true for the helper that captures; false for one that may only leave a word in the directory. $2: that word.
document()
{
	jq -cn --argjson full "$1" --arg why "$2" --arg image "$image" --arg dir "$KANSHIKI_DIR" --arg socket "$KANSHIKI_SOCKET" \
		--arg secret "/proc/$pid/root/run/secrets/remote" --arg not "$KANSHIKI_TASK $name" \
		--argjson rights "$rights" '{
		Image: $image, Entrypoint: ["/fleet/node"], Cmd: null, Tty: true, User: "0:0",
		Labels: {"kanshiki.fleet": "helper"},
		Env: ([env | to_entries[] | select(.key | test("^KANSHIKI_[A-Z]+$") and (test("_(NOT|SECRET|WHY)$") | not)) | "\(.key)=\(.value)"]
			+ ["KANSHIKI_NOT=\($not)", "KANSHIKI_SECRET=\($secret)", "KANSHIKI_WHY=\($why)"]),
		HostConfig: ({ReadonlyRootfs: true, Tmpfs: {"/tmp": ""}, LogConfig: {Type: "json-file"},
			RestartPolicy: {Name: "no"}, Binds: ["\($dir):\($dir)"]}
			+ if $full then $rights * {Mounts: [{Type: "bind", Source: $socket, Target: "/run/engine.sock"},
				{Type: "bind", Source: "/sys", Target: "/sys", ReadOnly: true},
				{Type: "bind", Source: "/sys/fs/cgroup", Target: "/sys/fs/cgroup"}]}
			else {NetworkMode: "none"} end)}'
}

# The helper's id in $helper. One that an earlier task left behind is removed when it has ended.
create()
{
	body=$(document "$1" "$2")
	for try in 1 2; do
		if answer=$(ask -H 'Content-Type: application/json' -d "$body" "http://engine/containers/create?name=$name"); then
			helper=$(printf '%s' "$answer" | jq -r .Id)
			return 0
		fi
		running=$(ask "http://engine/containers/$name/json" | jq -r '.State.Running?') || running=
		if [ "$try" = 2 ] || [ "$running" != false ]; then break; fi
		ask -X DELETE "http://engine/containers/$name" >/dev/null
	done
	say "no helper: $(said "$answer")"
	return 1
}

start() { answer=$(ask -X POST "http://engine/containers/$helper/start") || { say "the helper does not start: $(said "$answer")"; return 1; }; }

paused()
{
	ask -G --data-urlencode "filters=$(jq -cn --arg l "$KANSHIKI_LABEL" '{label: [$l], status: ["paused"]}')" http://engine/containers/json |
		jq -r '.[].Id'
}

# Ended by force, all of the helper's processes go at once, those too that would let its container go. Who was not paused before is not to stay so.
let_go()
{
	case $KANSHIKI_FLAGS in *--then* | *--on-fail*) return ;; esac
	for id in $(paused); do
		case " $(printf '%s' "$before" | tr '\n' ' ') " in *" $id "*) continue ;; esac
		say "resuming $id, which the helper left paused"
		ask -X POST "http://engine/containers/$id/unpause" || true
	done
}

stop_helper()
{
	say "stopping the helper: $1"
	engine --max-time $((grace + 30)) -X POST "http://engine/containers/$helper/stop?t=$grace" || true
	stopped=1
}

# In the background, so that a signal to this task is heard; again where the engine closes the line, as one that is restarted does.
wait_for_helper()
{
	stopped=
	until=$(($(date +%s) + KANSHIKI_MINUTES * 60))
	trap 'stop_helper "this task is told to end"' TERM INT
	while [ -z "$stopped" ]; do
		left=$((until - $(date +%s)))
		[ "$left" -gt 0 ] || { stop_helper "no end after $KANSHIKI_MINUTES minutes"; break; }
		curl -sS --fail --max-time "$left" --unix-socket /run/engine.sock -X POST "http://engine/containers/$helper/wait" >/dev/null 2>&1 &
		wait $! && break
		sleep 1
	done
	trap '' TERM INT
}

# One that still runs, because the engine did not stop it, is left alone: it resumes its container itself.
finish()
{
	ask "http://engine/containers/$helper/logs?stdout=1&stderr=1" | tr -d '\r' | head -c 1000000
	code=$(ask "http://engine/containers/$helper/json" | jq -r 'if .State.Running then "no end" else .State.ExitCode end' 2>/dev/null)
	[ "$code" = 0 ] || say "the helper ended with ${code:-what the engine does not say}"
	[ "$code" = 0 ] || [ "$code" = "no end" ] || let_go
	ask -X DELETE "http://engine/containers/$helper?v=1" || say "the helper $name could not be removed"
}

# What could not be captured at all is written in the node's directory all the same, by a helper without rights.
leave_word()
{
	name=$name-word
	create false "$1" && start && wait_for_helper && finish
}

usable || exit 0
name=kanshiki-fleet-$KANSHIKI_REQUEST
self=$(ask "http://engine/containers/$KANSHIKI_TASK/json") || { say "the engine does not know this task: $(said "$self")"; exit 0; }
image=$(printf '%s' "$self" | jq -r .Image)
pid=$(printf '%s' "$self" | jq -r .State.Pid)
before=$(paused)
if ! create true ''; then
	leave_word "no helper could be made: $(said "$answer")"
elif ! start; then
	why="the helper does not start: $(said "$answer")"
	ask -X DELETE "http://engine/containers/$helper?v=1&force=1" >/dev/null
	leave_word "$why"
else
	wait_for_helper
	finish
fi
