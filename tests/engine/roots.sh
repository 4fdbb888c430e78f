# Engines of other releases, for engine.sh: a root of their own each, unpacked from packages that debootstrap verifies.
# shellcheck shell=sh
#
# Nothing of a package is executed while it is unpacked. Downloaded once into build/engine-root-KIND, beside the place that
# KAN_ENGINE_ROOT names. An engine runs with that root as the root of its own mount namespace (pivot_root, never a chroot: what
# is exec'd in a container would leave that), under an overlay, so that the root itself stays as it was unpacked. What is
# below DIR on the host is /kan-<digest of DIR> there: paths that such an engine names mean nothing on the host.

suite_of() { case $1 in docker26) echo trixie ;; docker28) echo sid ;; podman4) echo bookworm ;; *) return 1 ;; esac; }

packages_of()
{
	case $1 in
	docker26) echo docker.io,docker-cli,containerd,runc,tini,iptables,iproute2,kmod,fuse-overlayfs,rootlesskit,slirp4netns,uidmap ;;
	docker28) echo docker.io,docker-cli,containerd,runc,tini,iptables,iproute2,kmod,fuse-overlayfs ;;
	podman4) echo podman,conmon,crun,runc,netavark,fuse-overlayfs,uidmap,golang-github-containers-common,iptables,iproute2,kmod ;;
	esac
}

private_root() { printf '%s-%s' "$root" "$1"; }
inner_name() { printf '/kan-%s' "$(printf '%s' "$1" | sha256sum | cut -c1-10)"; }

# The mirror that this host's apt uses for Debian; debootstrap's default when it cannot be told.
debian_mirror()
{
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null | grep -v security | head -n 1
}

unpack_root()
{
	for name in bin sbin lib lib64; do
		mkdir -p "$1/usr/$name"
		ln -sfn "usr/$name" "$1/$name"
	done
	for deb in "$1"/var/cache/apt/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$1" || return 1
	done
	rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/* "$1/debootstrap"
	# What the packages' own scripts would have put there.
	cp "$1/usr/share/base-passwd/passwd.master" "$1/etc/passwd"
	cp "$1/usr/share/base-passwd/group.master" "$1/etc/group"
	printf 'root:100000:65536\nremap:100000:65536\n' >"$1/etc/subuid"
	cp "$1/etc/subuid" "$1/etc/subgid"
	printf 'remap:x:64000:64000::/nonexistent:/usr/sbin/nologin\n' >>"$1/etc/passwd"
	printf 'remap:x:64000:\n' >>"$1/etc/group"
	mkdir -p "$1/kan"
	: >"$1/kan/ready"
}

# Status 9: the packages cannot be had here.
fetch_root()
{
	place=$(private_root "$1")
	mkdir -p "$(dirname "$place")"
	exec 9>"$place.lock"
	flock 9
	if [ ! -e "$place/kan/ready" ]; then
		command -v debootstrap >/dev/null || die 9 "$1: debootstrap is not installed"
		say "downloading $1 of Debian $(suite_of "$1") (about 150 MB, once)"
		rm -rf --one-file-system "$place.new" "$place"
		# shellcheck disable=SC2046
		debootstrap --download-only --variant=minbase --include="$(packages_of "$1")" "$(suite_of "$1")" "$place.new" \
			$(debian_mirror) >"$place.log" 2>&1 || { tail -n 3 "$place.log" >&2; die 9 "$1: its packages cannot be had"; }
		unpack_root "$place.new" || die 1 "$1: cannot be unpacked"
		mv "$place.new" "$place"
	fi
	exec 9>&-
}

# Which iptables this kernel takes from that root: nft, legacy or none.
choose_private_iptables()
{
	for kind in nft legacy; do
		if unshare --net --mount sh -c 'mount -t tmpfs run "$1/run" && i="chroot $1 /usr/sbin/xtables-$2-multi iptables" &&
				$i -t nat -N KAN && $i -t filter -N KAN && $i -t nat -A KAN -m addrtype --dst-type LOCAL -j RETURN &&
				$i -t filter -A KAN -m conntrack --ctstate ESTABLISHED -j ACCEPT &&
				$i -t nat -A KAN -s 10.0.0.0/8 -j MASQUERADE' sh "$(private_root "$1")" "$kind" >/dev/null 2>&1; then
			printf '%s' "$kind"
			return
		fi
	done
	printf 'none'
}

# Runs inside the new namespaces, with nothing else there. After pivot_root every program is one of the private root.
pivoted='
	set -eu
	dir=$1 place=$2 inner=$3 cgroup=$4 iptables=$5
	shift 5
	mount --make-rprivate /
	mkdir -p "$dir/over/upper" "$dir/over/work" "$dir/root"
	mount -t overlay root -o "lowerdir=$place,upperdir=$dir/over/upper,workdir=$dir/over/work" "$dir/root"
	cd "$dir/root"
	mkdir -p proc sys dev run tmp old ".$inner"
	for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
		[ "$iptables" = none ] || ln -sf "xtables-$iptables-multi" "usr/sbin/$name"
	done
	mount --rbind /proc proc
	mount --rbind /sys sys
	mount --rbind /dev dev
	mount -t tmpfs -o mode=1777 shm dev/shm
	[ "$cgroup" != 2 ] || mount -t cgroup2 cgroup2 sys/fs/cgroup
	mount -t tmpfs -o mode=755 run run
	mount -t tmpfs -o mode=1777 tmp tmp
	mount --bind "$dir" ".$inner"
	if [ -e sys/module/apparmor/parameters/enabled ]; then
		printf "N\n" >"$dir/apparmor"
		mount --bind "$dir/apparmor" sys/module/apparmor/parameters/enabled
	fi
	if [ -e "$dir/delegated" ]; then
		own=sys/fs/cgroup/$(cat "$dir/delegated")
		mkdir -p "$own/service"
		chown -R 64000:64000 "$own"
		echo 127.0.0.1 localhost >etc/hosts
		: >etc/resolv.conf
		if [ -e dev/net/tun ]; then	# as udev has it
			mknod -m 666 "$dir/tun" c 10 200
			mount --bind "$dir/tun" dev/net/tun
		fi
		echo $$ >"$own/service/cgroup.procs"
	fi
	if [ -e "$dir/containerd.toml" ]; then
		mkdir -p "$dir/containerd" var/lib/containerd
		mount --bind "$dir/containerd" var/lib/containerd
	fi
	ip link set lo up
	pivot_root . old
	cd /
	umount -l /old
	if [ -e "$inner/containerd.toml" ]; then
		containerd --config "$inner/containerd.toml" &
		while ! [ -S /run/containerd/containerd.sock ]; do sleep 0.1; done
	fi
	exec "$@"
'

# dockerd and its words, below the name that DIR has in there.
docker_words()
{
	case $1 in none) iptables=false ;; *) iptables=true ;; esac
	printf '%s\n' dockerd --config-file "$2/daemon.json" --data-root "$2/data" --exec-root "$2/exec" --pidfile "$2/docker.pid" \
		--group root --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$3" "--iptables=$iptables" --ip6tables=false \
		--live-restore=false --shutdown-timeout 3
}

# Its own limits may be more than those of this host's root; crun refuses hybrid cgroups, so runc it is.
podman_conf()
{
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=%s:%s"]\n' "$(limit_of u)" "$(limit_of u)"
	printf '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
}

limit_of() { sh -c "ulimit -H$1" 2>/dev/null | grep -x '[0-9]*' || printf 4096; }

podman_words()
{
	printf '%s\n' podman --root "$1/data" --runroot "$1/exec" --cgroup-manager cgroupfs --events-backend file \
		--storage-driver "${KAN_ENGINE_STORAGE:-overlay}" ${KAN_ENGINE_MOUNTOPT:+--storage-opt "overlay.mountopt=$KAN_ENGINE_MOUNTOPT"} \
		--runtime runc --tmpdir "$1/exec/libpod" system service --time 0 "unix://$1/docker.sock"
}

# As the user "remap" of the private root, with what such a user has: a home, a directory at run time, a cgroup of its own (v2).
rootless_words()
{
	mkdir -p "$1/home" "$1/run" "$1/data" "$1/exec"
	chown 64000:64000 "$1" "$1/home" "$1/run" "$1/data" "$1/exec"
	cgroup_parent "$1" >"$1/delegated"
	printf '%s\n' setpriv --reuid=64000 --regid=64000 --clear-groups env "HOME=$2/home" "XDG_RUNTIME_DIR=$2/run"
}

# The kit makes the namespaces, as root of which dockerd then runs.
rootless_docker_words()
{
	printf '%s\n' rootlesskit --net=slirp4netns --disable-host-loopback --state-dir "$1/run/kit" --copy-up=/etc --copy-up=/run \
		dockerd --rootless --config-file "$1/daemon.json" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/docker.pid" \
		--iptables=false --ip6tables=false --ip-forward=false --bridge=none --host "unix://$1/docker.sock"
}

# Docker 28 keeps images in containerd's store, as a new installation does; the others have no such switch.
daemon_json()
{
	printf '{"features":{"containerd-snapshotter":%s}' "$([ "$1" = docker28 ] && echo true || echo false)"
	[ -z "${KAN_ENGINE_STORAGE:-}" ] || printf ',"storage-driver":"%s"' "$KAN_ENGINE_STORAGE"
	[ -z "${KAN_ENGINE_REMAP:-}" ] || printf ',"userns-remap":"remap"'
	printf '}\n'
}

# start_private KIND DIR: leaves the pid of the first process in $engine.
start_private()
{
	inner=$(inner_name "$2")
	[ -z "${KAN_ENGINE_ROOTLESS:-}" ] || [ -e "$(private_root "$1")/usr/bin/newuidmap" ] ||
		die 9 "$1: its root was made without the packages of a user's engine: remove $(private_root "$1")"
	cgroup=${KAN_ENGINE_CGROUP:-$([ "$1" = docker28 ] && echo 2 || echo 1)}
	iptables=$(choose_private_iptables "$1")
	daemon_json "$1" >"$2/daemon.json"
	case $1 in
	podman4)
		podman_conf >"$2/containers.conf"
		ls -d /sys/fs/cgroup/*/libpod_parent >/dev/null 2>&1 || : >"$2/parent-is-ours"
		words="$([ -z "${KAN_ENGINE_ROOTLESS:-}" ] || rootless_words "$2" "$inner") $(podman_words "$inner")" ;;
	*)
		# A containerd that runs already is used, and keeps what it has at its own place, not below the data root.
		[ -z "${KAN_ENGINE_CONTAINERD:-}" ] || printf 'version = 2\n' >"$2/containerd.toml"
		words="$(docker_words "$iptables" "$inner" "$(cgroup_parent "$2")") $(docker_hosts "$inner")"
		[ -z "${KAN_ENGINE_ROOTLESS:-}" ] || words="$(rootless_words "$2" "$inner") $(rootless_docker_words "$inner")" ;;
	esac
	# No word of these holds a blank.
	# shellcheck disable=SC2086
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DOCKER_INSECURE_NO_IPTABLES_RAW=1 \
		CONTAINERS_CONF="$inner/containers.conf" \
		setsid $(launcher "$2") unshare --net --mount sh -c "$pivoted" sh "$2" "$(private_root "$1")" "$inner" "$cgroup" \
		"$iptables" $words </dev/null >"$2/dockerd.log" 2>&1 &
	engine=$!
}

# In the engine's mount namespace (a rootless one makes more of them), and with the name that DIR has there among its arguments.
private_processes()
{
	space=$(cat "$1/mntns")
	for entry in /proc/[0-9]*; do
		[ -e "$1/delegated" ] || [ "$(readlink "$entry/ns/mnt" 2>/dev/null)" = "$space" ] || continue
		if tr '\0' '\n' 2>/dev/null <"$entry/cmdline" | grep -qF "$(inner_name "$1")/"; then printf '%s\n' "${entry#/proc/}"; fi
	done
}

# Podman puts them below a parent that it shares with every other Podman of the host: ours are told by their ids.
remove_podman_cgroups()
{
	for container in "$1"/data/overlay-containers/* "$1"/data/vfs-containers/*; do
		[ -d "$container" ] || continue
		remove_cgroups "libpod-${container##*/}"
		remove_cgroups "libpod-conmon-${container##*/}"
	done
	[ ! -e "$1/parent-is-ours" ] || rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent 2>/dev/null || true
}
