#!/bin/sh
# A private container engine for the demo and the tests: unpacked below build/, never installed, in namespaces of its own.
#
#   engine.sh fetch      unpack the engine's packages into the cache (done by `up` when needed)
#   engine.sh up DIR     start an engine whose every file is below DIR; returns when it answers
#   engine.sh env DIR    print shell assignments: DOCKER_HOST, DOCKER_CONFIG, DOCKER (the client), ENGINE_PID
#   engine.sh down DIR   stop its containers and every process that `up` started, and remove DIR
#
# Debian's packages are downloaded once into build/engine-root (KAN_ENGINE_ROOT names another place) and unpacked with
# dpkg -x: an installed docker.io would conflict with docker-ce and could remove somebody's engine. The engine gets its
# own network namespace (dockerd in the host's would rearrange the host's bridges and filter rules) and mount namespace
# (an empty /run, so that it cannot meet the host's containerd). Several may run side by side with different DIRs.
# With KAN_ENGINE_CGROUP=2 the engine sees cgroup2 at /sys/fs/cgroup, so that runc uses it alone: its freezer is cgroup.freeze.
#
# KAN_ENGINE says which engine: docker20 (this host's release), or docker26, docker28, podman4 in a root of their own
# (roots.sh). The client is docker20's for all. fetch and up end with 9 when the packages of one of those cannot be had.
# KAN_ENGINE_STORAGE: another storage driver. KAN_ENGINE_MOUNTOPT: with these options of overlay's mount (podman4). KAN_ENGINE_CONTAINERD: beside a containerd that runs already (docker26, docker28).
# KAN_ENGINE_REMAP: with --userns-remap. KAN_ENGINE_ROOTLESS: as a user who is not root (podman4, docker26; with
# KAN_ENGINE_CGROUP=2).
# KAN_ENGINE_ACTIVATE: another process listens, and hands its socket over as systemd does. KAN_ENGINE_TLS=PORT: also tcp with
# TLS, keys in DIR/tls (tls.sh). KAN_ENGINE_HOSTNAME: in a UTS namespace of its own, with this name (docker20). link.sh joins two engines.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
root=${KAN_ENGINE_ROOT:-$top/build/engine-root}
what=${KAN_ENGINE:-docker20}
packages='docker.io docker-cli containerd runc tini iptables'
libraries='libdevmapper1.02.1 libseccomp2 libnftnl11 libmnl0 libxtables12 libip4tc2 libip6tc2 libnetfilter-conntrack3
	libnfnetlink0'

max_socket_path=66     # sun_path holds 108 bytes; the longest name that we put below DIR takes 40
start_wait=300         # tenths of a second for the engine to answer
stop_wait=150          # tenths of a second for each kind of process to end

say() { printf 'engine: %s\n' "$*" >&2; }
die() { status=$1; shift; say "$*"; exit "$status"; }

# shellcheck source=tests/engine/roots.sh
. "$here/roots.sh"

# --- the cache -------------------------------------------------------------------------------------------------------

# Only what this release of Debian or Ubuntu has: docker-cli is a package of its own from Debian 13 on.
known_packages()
{
	for name in $packages $libraries; do
		apt-cache show --no-all-versions "$name" >/dev/null 2>&1 && printf '%s\n' "$name"
	done
	return 0
}

download()
{
	[ -n "$(apt-cache policy docker.io 2>/dev/null | grep 'Candidate: [^(]')" ] ||
		apt-get -qq -o Acquire::Retries=3 update >&2 || true
	mkdir -p "$root.new/debs"
	list=$(known_packages)
	case " $(printf '%s' "$list" | tr '\n' ' ')" in *' docker.io '*) ;; *) die 1 "docker.io cannot be had: is apt configured?" ;; esac
	# shellcheck disable=SC2086
	(cd "$root.new/debs" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download $list >&2) ||
		die 1 "apt-get download failed"
	for deb in "$root.new"/debs/*.deb; do
		dpkg -x "$deb" "$root.new"
	done
	rm -rf "$root.new/debs"
}

# The shared libraries that this host lacks, and only those, are linked from the unpacked packages into kan/lib.
link_missing_libraries()
{
	mkdir -p "$root.new/kan/lib"
	for program in "$root.new"/usr/bin/* "$root.new"/usr/sbin/*; do
		ldd "$program" 2>/dev/null | awk '/not found/ { print $1 }'
	done | sort -u | while read -r library; do
		found=$(cd "$root.new" && find . -name "$library" \( -type f -o -type l \) | head -n 1)
		[ -n "$found" ] || die 1 "no package of $packages $libraries has $library"
		ln -sf "../../$found" "$root.new/kan/lib/$library"
	done
}

# iptables by update-alternatives exists on installed systems only; which of the two works is known at `up`.
link_programs()
{
	mkdir -p "$root.new/kan/nft" "$root.new/kan/legacy"
	for kind in nft legacy; do
		for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
			ln -s "../../usr/sbin/xtables-$kind-multi" "$root.new/kan/$kind/$name"
		done
	done
}

fetch()
{
	mkdir -p "$(dirname "$root")"
	exec 8>"$root.lock"
	flock 8
	if [ ! -e "$root/kan/ready" ]; then
		say "downloading the engine's packages (65 MB, once)"
		rm -rf "$root.new" "$root"
		download
		link_missing_libraries
		link_programs
		: >"$root.new/kan/ready"
		mv "$root.new" "$root"
	fi
	exec 8>&-
	[ "$what" = docker20 ] || fetch_root "$what"
}

# --- up --------------------------------------------------------------------------------------------------------------

# Engine, containerd, shims and runc see these paths first. Ends the list with the host's, for mount, modprobe and ps.
engine_path()
{
	printf '%s' "$root/kan/$1:$root/usr/sbin:$root/usr/bin:$root/sbin:$root/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

library_path()
{
	[ -z "$(ls "$root/kan/lib")" ] || printf '%s' "$root/kan/lib"
}

# Which iptables this kernel takes: nft, legacy, or none at all (then containers talk within the bridge only).
choose_iptables()
{
	for kind in nft legacy; do
		if env LD_LIBRARY_PATH="$(library_path)" XTABLES_LIBDIR="$(xtables_dir)" unshare --net --mount \
			sh -c 'mount -t tmpfs run /run && "$1" -t nat -N KAN && "$1" -t filter -N KAN &&
				"$1" -t nat -A KAN -m addrtype --dst-type LOCAL -j RETURN &&
				"$1" -t filter -A KAN -m conntrack --ctstate ESTABLISHED -j ACCEPT &&
				"$1" -t nat -A KAN -s 10.0.0.0/8 -j MASQUERADE' sh "$root/kan/$kind/iptables" >/dev/null 2>&1; then
			printf '%s' "$kind"
			return
		fi
	done
	printf 'none'
}

xtables_dir() { find "$root" -type d -name xtables | head -n 1; }

# A cgroup parent of its own, so that `down` can remove what the engine leaves and nothing else.
cgroup_parent() { printf 'kanshiki-engine-%s' "$(printf '%s' "$1" | sha256sum | cut -c1-10)"; }

# Runs inside the new namespaces, with nothing else there; ends as dockerd.
inside='
	set -eu
	dir=$1; parent=$2; iptables=$3; cgroup=$4; name=$5
	mount --make-rprivate /
	[ -z "$name" ] || hostname "$name"
	[ "$cgroup" != 2 ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t tmpfs -o mode=755 run /run
	if [ -e /sys/module/apparmor/parameters/enabled ]; then
		printf "N\n" >"$dir/apparmor"
		mount --bind "$dir/apparmor" /sys/module/apparmor/parameters/enabled
	fi
	ip link set lo up
	shift 5
	exec dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root "$dir/exec" \
		--pidfile "$dir/docker.pid" --group root \
		--exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$parent" --iptables="$iptables" \
		--ip6tables=false --live-restore=false --shutdown-timeout 3 "$@"
'

# What is in front of dockerd when another process listens; and what dockerd listens at.
launcher() { [ -z "${KAN_ENGINE_ACTIVATE:-}" ] || printf '%s %s %s' /usr/bin/python3 "$here/activate.py" "$1/docker.sock"; }

docker_hosts()
{
	if [ -n "${KAN_ENGINE_ACTIVATE:-}" ]; then printf ' --host fd://'; else printf ' --host unix://%s/docker.sock' "$1"; fi
	[ -z "${KAN_ENGINE_TLS:-}" ] || printf ' --host tcp://127.0.0.1:%s --tlsverify --tlscacert %s --tlscert %s --tlskey %s' \
		"$KAN_ENGINE_TLS" "$1/tls/ca.pem" "$1/tls/server-cert.pem" "$1/tls/server-key.pem"
}

start_engine()
{
	dir=$1
	kind=$(choose_iptables)
	case $kind in none) iptables=false ;; *) iptables=true ;; esac
	# Up to version 23 the engine would write its identity key to /etc/docker of the host.
	major=$(env LD_LIBRARY_PATH="$(library_path)" "$root/usr/sbin/dockerd" --version | sed 's/.*version \([0-9]*\).*/\1/')
	key=
	[ "$major" -ge 24 ] || key="\"deprecated-key-path\":\"$dir/key.json\""
	driver=
	[ -z "${KAN_ENGINE_STORAGE:-}" ] || driver="${key:+,}\"storage-driver\":\"$KAN_ENGINE_STORAGE\""
	printf '{%s%s}\n' "$key" "$driver" >"$dir/daemon.json"
	# No word of launcher and hosts holds a blank.
	# shellcheck disable=SC2046
	env -i PATH="$(engine_path "$kind")" LD_LIBRARY_PATH="$(library_path)" XTABLES_LIBDIR="$(xtables_dir)" \
		HOME="$dir" TMPDIR="$dir" LC_ALL=C \
		setsid $(launcher "$dir") unshare --net --mount ${KAN_ENGINE_HOSTNAME:+--uts} sh -c "$inside" sh "$dir" "$(cgroup_parent "$dir")" \
		"$iptables" "${KAN_ENGINE_CGROUP:-1}" "${KAN_ENGINE_HOSTNAME:-}" $(docker_hosts "$dir") </dev/null >"$dir/dockerd.log" 2>&1 &
	engine=$!
}

# docker_in DIR WORD...: the client, for at most 10 s: a stopped engine must not hold us.
docker_in()
{
	state=$1
	shift
	timeout 10 env LD_LIBRARY_PATH="$(library_path)" DOCKER_CONFIG="$state/client" \
		DOCKER_HOST="unix://$state/docker.sock" "$root/usr/bin/docker" "$@"
}

wait_for_answer()
{
	tries=0
	until [ -S "$1/docker.sock" ] && docker_in "$1" version >/dev/null 2>&1; do
		alive "$(cat "$1/started.pid")" || { tail -n 5 "$1/dockerd.log" >&2; return 1; }
		tries=$((tries + 1))
		[ "$tries" -lt "$start_wait" ] || { say "no answer in $((start_wait / 10)) s"; return 1; }
		sleep 0.1
	done
}

# In a chroot, what is exec'd in a container would run in the mount namespace's true root: outside, on the host.
refuse_chroot()
{
	true_root=$(nsenter --mount=/proc/self/ns/mnt stat -c %d:%i / 2>/dev/null || true)
	[ "$true_root" = "$(stat -c %d:%i /)" ] || die 8 "this is a chroot, which an engine's containers could leave: refused"
}

up()
{
	[ "$(id -u)" -eq 0 ] || die 6 "an engine needs root: sudo"
	refuse_chroot
	[ "${#1}" -le "$max_socket_path" ] || die 2 "$1: too long for sockets below it"
	case $1 in /run/*|/var/run/*) die 2 "$1: not below /run, which the engine does not see" ;; esac
	if [ -e "$1/started.pid" ] && ours "$(cat "$1/started.pid")" "$1"; then
		die 1 "$1: an engine is up there already"
	fi
	fetch
	mkdir -p -m 711 "$1"
	mkdir -p -m 700 "$1/client"
	opt_before=$(ls -d /opt/containerd 2>/dev/null || true)
	[ -z "${KAN_ENGINE_TLS:-}" ] || "$here/tls.sh" "$1/tls"
	if [ "$what" = docker20 ]; then start_engine "$1"; else start_private "$what" "$1"; fi
	printf '%s\n' "$engine" >"$1/started.pid"
	wait_for_answer "$1" || { down "$1"; die 1 "the engine did not come up"; }
	[ "$what" = docker20 ] || readlink "/proc/$(cat "$1/docker.pid" 2>/dev/null || cat "$1/started.pid")/ns/mnt" >"$1/mntns"
	# containerd makes this one on every start, empty, wherever it runs.
	[ -n "$opt_before" ] || rmdir /opt/containerd/bin /opt/containerd/lib /opt/containerd 2>/dev/null || true
}

# --- down ------------------------------------------------------------------------------------------------------------

alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null && ! grep -qs '^State:.Z' "/proc/$1/status"; }

# A pid is ours when it runs a program of our root, or waits to, and has DIR among its arguments.
ours()
{
	alive "$1" || return 1
	tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -e "$2" -e "$(inner_name "$2")" || return 1
}

# Shims survive their engine, and name its containerd socket (below DIR) in their arguments.
our_processes()
{
	[ ! -e "$1/mntns" ] || { private_processes "$1"; return; }
	for entry in /proc/[0-9]*; do
		case $(readlink "$entry/exe" 2>/dev/null) in
		"$root"/*) if tr '\0' '\n' <"$entry/cmdline" 2>/dev/null | grep -qF "$1/"; then printf '%s\n' "${entry#/proc/}"; fi ;;
		esac
	done
}

wait_for_end()
{
	tries=0
	while alive "$1"; do
		tries=$((tries + 1))
		[ "$tries" -lt "$stop_wait" ] || return 1
		sleep 0.1
	done
}

end_process()
{
	kill -TERM "$1" 2>/dev/null || return 0
	wait_for_end "$1" || { kill -KILL "$1" 2>/dev/null || true; wait_for_end "$1"; } || say "process $1 does not end"
}

# A paused or frozen container takes no signal: thaw first, through the engine.
stop_containers()
{
	[ -S "$1/docker.sock" ] || return 0
	paused=$(docker_in "$1" ps -q --filter status=paused 2>/dev/null) || return 0
	# shellcheck disable=SC2086
	[ -z "$paused" ] || docker_in "$1" unpause $paused >/dev/null 2>&1 || true
	running=$(docker_in "$1" ps -q 2>/dev/null) || return 0
	# shellcheck disable=SC2086
	[ -z "$running" ] || docker_in "$1" kill $running >/dev/null 2>&1 || true
}

remove_cgroups()
{
	for directory in $(find /sys/fs/cgroup -maxdepth 4 -type d -name "$1" 2>/dev/null); do
		for member in $(cat "$directory"/cgroup.procs "$directory"/*/cgroup.procs 2>/dev/null); do
			kill -KILL "$member" 2>/dev/null || true
		done
		find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
}

down()
{
	[ -e "$1/started.pid" ] || { rm -rf "$1"; return 0; }
	engine=$(cat "$1/started.pid")
	stop_containers "$1"
	! ours "$engine" "$1" || end_process "$engine"
	for pid in $(our_processes "$1"); do
		end_process "$pid"
	done
	remove_cgroups "$(cgroup_parent "$1")"
	remove_podman_cgroups "$1"
	# The engine's mounts were in its own namespace, which is gone with its last process; a stray one shows here.
	grep -F " $1/" /proc/self/mountinfo | awk '{ print $5 }' | sort -r | while read -r point; do
		umount -l "$point" || true
	done
	chattr -R -i -a "$1" 2>/dev/null || true
	rm -rf --one-file-system "$1"
}

env_of()
{
	[ -S "$1/docker.sock" ] || die 4 "$1: no engine is up there"
	libraries=$(library_path)
	cat <<-END
		export DOCKER_HOST='unix://$1/docker.sock'
		export DOCKER_CONFIG='$1/client'
		DOCKER='${libraries:+env LD_LIBRARY_PATH=$libraries }$root/usr/bin/docker'
		ENGINE_PID=$(cat "$1/docker.pid" 2>/dev/null || cat "$1/started.pid")
	END
}

[ $# -ge 1 ] || die 2 "usage: engine.sh fetch | up DIR | env DIR | down DIR"
verb=$1
[ "$verb" = fetch ] || [ $# -eq 2 ] || die 2 "usage: engine.sh $verb DIR"
case ${2:-/} in /*) dir=${2:-} ;; *) dir=$(pwd -P)/$2 ;; esac
dir=${dir%/}
case $verb in
fetch) fetch ;;
up) up "$dir" ;;
env) env_of "$dir" ;;
down) down "$dir" ;;
*) die 2 "usage: engine.sh fetch | up DIR | env DIR | down DIR" ;;
esac
