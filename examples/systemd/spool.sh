#!/bin/sh
# The alerts of a spool, each once.
#
#   spool.sh SPOOL
#
# What it does: for each file in SPOOL/new, in the order of names: moves it to SPOOL/taken, calls the runbook with the file's name as
#   ALERT and its one line as CONTAINER, and moves it to SPOOL/done (status 0 or 5) or SPOOL/failed, with .STATUS at its end.
#   What an interrupted run left in taken/ is done again: the same ALERT is the same request, so it captures nothing twice.
# What it needs: runbook.sh beside it or in the directory above, or RUNBOOK; flock (util-linux).
# Which rights it takes: root, for the runbook. SPOOL must be root's own and closed to others (mode 0700).
#
# Who writes an alert writes it elsewhere on the same filesystem (SPOOL/tmp) and renames it into SPOOL/new: then it is whole.
# Status: 0 all were done; 1 one or more went to failed/; 2 SPOOL is not a safe one.
set -u
umask 077
here=$(dirname "$0")
runbook=${RUNBOOK:-$here/runbook.sh}
[ -x "$runbook" ] || runbook=$here/../runbook.sh
[ $# -eq 1 ] || { echo 'usage: spool.sh SPOOL' >&2; exit 2; }
spool=$1

is_there() { [ -e "$1" ] || [ -L "$1" ]; }
say() { printf 'spool: %s\n' "$*" >&2; }

# The name is root's choice, the line may be anybody's; the runbook refuses what is no container.
container_of() { [ -f "$1" ] && [ ! -L "$1" ] && head -c 512 "$1" | tr '\n\0' '  ' | sed 's/ $//'; }

handle()
{
	name=${1##*/}
	container=$(container_of "$1") || container=
	"$runbook" "$name" "$container" 9>&-
	status=$?
	place=failed
	if [ "$status" -eq 0 ] || [ "$status" -eq 5 ]; then place='done'; else worst=1; fi
	mv -T -- "$1" "$spool/$place/$name.$status" || { say 'an alert stays in taken/'; worst=1; }
}

mkdir -p "$spool/tmp" "$spool/new" "$spool/taken" "$spool/done" "$spool/failed" || exit 1
[ "$(stat -c %u:%a "$spool")" = "$(id -u):700" ] || { say 'the spool is not mode 0700 and ours: whoever writes there acts as us'; exit 2; }
( : >"$spool/.lock" ) || exit 1
exec 9>"$spool/.lock"
flock 9 || exit 1
worst=0
for file in "$spool"/taken/*; do
	if is_there "$file"; then handle "$file"; fi
done
for file in "$spool"/new/*; do
	is_there "$file" || continue
	# Where nothing can be moved, the path unit would start us again at once, for ever.
	mv -T -- "$file" "$spool/taken/${file##*/}" || { say 'an alert stays in new/'; sleep 10; exit 1; }
	handle "$spool/taken/${file##*/}"
done
exit "$worst"
