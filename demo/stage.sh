#!/bin/sh
# Stages a harmless container that looks compromised, and writes what was done as JSON: the truth that tests compare with.
#
#   stage.sh ENGINE-DIR NAME TRUTH.json [IMAGE]     IMAGE is shop:2.3 when not given (tests/engine/image.sh made it)
#
# A second container, NAME-relay, is the other end of the established connection. Nothing that is staged does more than
# sleep, listen or connect, and only inside the private engine's own network.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/.." && pwd -P)
suspect=$top/build/demo/suspect
relay_port=4444
listen_port=31337
max_tries=100     # tenths of a second for the staged processes to be where they belong

say() { printf 'stage: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ $# -ge 3 ] || { say "usage: stage.sh ENGINE-DIR NAME TRUTH.json [IMAGE]"; exit 2; }
engine=$1 name=$2 truth=$3 image=${4:-shop:2.3}
eval "$("$top/tests/engine/engine.sh" env "$engine")"

# Every command first proves that it is in the demo's container: it must never run anywhere else.
proof='[ -e /etc/shop/shop.conf ] && [ -d /cache ] || exit 8;'
inside() { $DOCKER exec "$name" sh -c "$proof $1"; }
put() { $DOCKER exec -i "$name" sh -c "$proof cat >'$1' && chmod $2 '$1'" <"$3"; }

# --- the containers --------------------------------------------------------------------------------------------------

start_containers()
{
	$DOCKER run -d --name "$name-relay" --network bridge -v "$suspect:/relay:ro" "$image" /relay listen "$relay_port" >/dev/null
	$DOCKER run -d --name "$name" --network bridge -v "$name-data:/data" --tmpfs /cache:rw,size=8m "$image" >/dev/null
	id=$($DOCKER inspect -f '{{.Id}}' "$name")
	init=$($DOCKER inspect -f '{{.State.Pid}}' "$name")
	relay=$($DOCKER inspect -f '{{.NetworkSettings.IPAddress}}' "$name-relay")
}

# --- what the intruder did -------------------------------------------------------------------------------------------

change_files()
{
	inside 'echo "sysop:x:0:0::/root:/bin/sh" >>/etc/passwd'
	# Same size, and the old mtime put back: the engine's own comparison does not see this one.
	inside 'f=/usr/bin/id; touch -r $f /cache/ref && n=$(stat -c %s $f) &&
		printf "\001" | dd of=$f bs=1 seek=$((n - 1)) conv=notrunc 2>/dev/null && touch -r /cache/ref $f'
	inside 'rm /cache/ref /var/log/dpkg.log'
	doc=$(inside 'ls -d /usr/share/doc/bash /usr/share/doc/busybox 2>/dev/null | head -n 1')
	gone=$(inside "ls $doc | head -n 1")
	inside "rm -r $doc && mkdir $doc && echo new >$doc/README.new"
	inside 'chmod 777 /etc/shop'
	inside 'cp "$(ls /bin/bash /bin/busybox 2>/dev/null | head -n 1)" /usr/bin/.sysd && chmod 4755 /usr/bin/.sysd'
	inside 'echo "*/5 * * * * root /usr/local/bin/.sshd listen 31337" >/etc/cron.d/.sync'
	inside 'mkdir -p -m 700 /root/.ssh && echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoOnlyDemoOnlyDemoOnlyDemoOnlyDemoOnly00 x" \
		>/root/.ssh/authorized_keys'
}

drop_files()
{
	inside 'mkdir /tmp/.x && ln -s /etc/shadow /tmp/.x/shadow && mkfifo /tmp/.x/pipe'
	inside 'echo hostile >"$(printf "/tmp/.x/\033[31m\377\nname")"'
	inside 'printf "\177ELF-not-really" >/dev/shm/.cache.dat'
	inside 'echo "<?php /* demo */ ?>" >/data/.config.php'
	inside 'echo "staged on tmpfs" >/cache/.note'
	for path in /tmp/.x/miner /tmp/.x/loader /usr/local/bin/.sshd; do
		put "$path" 755 "$suspect"
	done
}

run_processes()
{
	$DOCKER exec -d "$name" /usr/local/bin/.sshd listen "$listen_port" /tmp/.x/loot
	$DOCKER exec -d "$name" /tmp/.x/miner connect "$relay" "$relay_port"
	$DOCKER exec -d "$name" /tmp/.x/loader memory
	$DOCKER exec -d -t "$name" sh -i
	wait_for "the miner" pid_of '/tmp/.x/miner connect '
	wait_for "the process in memory" pid_of '\[kworker/u4:1\] idle'
	inside 'rm /tmp/.x/miner /tmp/.x/loader'
}

# --- waiting until it is so ------------------------------------------------------------------------------------------

members() { grep -ls "$id" /proc/[0-9]*/cgroup 2>/dev/null | sed 's|/proc/\([0-9]*\)/cgroup|\1|'; }

# Pid of the one member whose arguments begin so (a basic regular expression).
pid_of()
{
	for pid in $(members); do
		if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "^$1"; then
			printf '%s' "$pid"
			return
		fi
	done
	return 1
}

zombie_pid()
{
	for pid in $(members); do
		if grep -qs '^State:.Z' "/proc/$pid/status"; then
			printf '%s' "$pid"
			return
		fi
	done
	return 1
}

# A TCP socket of this namespace in this state (01 established, 0A listening) with this port at one end.
tcp_is() { grep -qi "$(printf ':%04X [0-9A-F:]* %s \\|:%04X %s ' "$2" "$1" "$2" "$1")" "/proc/$init/net/tcp"; }

wait_for()
{
	what=$1
	shift
	tries=0
	until "$@" >/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt "$max_tries" ] || die "$what did not come up"
		sleep 0.1
	done
}

settle()
{
	wait_for "the service" tcp_is 0A 8080
	wait_for "the listener" tcp_is 0A "$listen_port"
	wait_for "the connection" tcp_is 01 "$relay_port"
	wait_for "the shell" pid_of 'sh -i'
	wait_for "the zombie" zombie_pid
}

# --- the truth -------------------------------------------------------------------------------------------------------

digest() { sha256sum "$1" | cut -c1-64; }
staged() { digest "/proc/$init/root$1"; }
change() { printf '  {"path":"%s","change":"%s"%s}' "$1" "$2" "${3:-}"; }
content() { change "$1" "$2" ",\"sha256\":\"$(staged "$1")\",\"size\":$(stat -c %s "/proc/$init/root$1")${3:-}"; }
process() { printf '  "%s":{"pid":%s%s}' "$1" "$2" "${3:-}"; }

write_changes()
{
	content /etc/passwd changed; echo ,
	content /usr/bin/id changed ',"hidden_from_engine":true'; echo ,
	change /var/log/dpkg.log deleted; echo ,
	change "$doc/$gone" deleted; echo ,
	content "$doc/README.new" added; echo ,
	change /etc/shop metadata ',"type":"dir","mode":"0777"'; echo ,
	content /usr/bin/.sysd added ',"mode":"4755"'; echo ,
	content /etc/cron.d/.sync added; echo ,
	content /root/.ssh/authorized_keys added; echo ,
	content /usr/local/bin/.sshd added ',"mode":"0755"'; echo ,
	change /tmp/.x/shadow added ',"type":"symlink","link":"/etc/shadow"'; echo ,
	change /tmp/.x/pipe added ',"type":"fifo"'; echo ,
	printf '  {"path_b64":"%s","change":"added","sha256":"%s"}\n' \
		"$(printf '/tmp/.x/\033[31m\377\nname' | base64 -w 0)" "$(printf 'hostile\n' | sha256sum | cut -c1-64)"
}

write_processes()
{
	own=",\"exe_sha256\":\"$(digest "$suspect")\""
	process service "$init" ",\"exe_sha256\":\"$(digest "$top/build/demo/service")\""; echo ,
	process miner "$(pid_of '/tmp/.x/miner connect ')" "$own,\"deleted\":true"; echo ,
	process memory "$(pid_of '\[kworker/u4:1\] idle')" "$own,\"memfd\":true"; echo ,
	process listener "$(pid_of '/usr/local/bin/.sshd listen')" "$own"; echo ,
	process shell "$(pid_of 'sh -i')" ',"tty":true'; echo ,
	process zombie "$(zombie_pid)" ',"state":"Z"'; echo
}

write_truth()
{
	address=$($DOCKER inspect -f '{{.NetworkSettings.IPAddress}}' "$name")
	cat <<-END
		{"container":{"id":"$id","name":"$name","image":"$image","image_id":"$($DOCKER inspect -f '{{.Image}}' "$name")",
		  "pid":$init,"address":"$address","relay":"$name-relay"},
		 "changes":[
		$(write_changes)],
		 "mounted":[
		  {"mount":"/dev/shm","path":".cache.dat","sha256":"$(staged /dev/shm/.cache.dat)"},
		  {"mount":"/data","path":".config.php","sha256":"$(staged /data/.config.php)"},
		  {"mount":"/cache","path":".note","sha256":"$(staged /cache/.note)"}],
		 "processes":{
		$(write_processes)},
		 "members":[$(members | sort -n | paste -sd, -)],
		 "unlinked_open":{"sha256":"$(printf 'card;4111111111111111;12/29\n' | sha256sum | cut -c1-64)","path":"/tmp/.x/loot"},
		 "sockets":[
		  {"state":"LISTEN","lport":8080,"role":"service"},
		  {"state":"LISTEN","lport":$listen_port,"role":"listener"},
		  {"state":"ESTABLISHED","laddr":"$address","raddr":"$relay","rport":$relay_port,"role":"miner"}],
		 "abstract_b64":"$(printf '\000relay\n\001' | base64 -w 0)",
		 "ghost":{"path":"/srv/shop/deploy.key","sha256":"$(printf 'deploy-key-of-the-demo\n' | sha256sum | cut -c1-64)"},
		 "secret":"not-a-real-password-of-the-demo",
		 "logs":{"stdout":"POST /upload.php 200 invoice.php.jpg","stderr":"shopd: upload: unexpected content type"}}
	END
}

start_containers
change_files
drop_files
run_processes
settle
write_truth >"$truth.new"
mv "$truth.new" "$truth"
