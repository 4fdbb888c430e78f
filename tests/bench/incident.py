"""P15: a whole incident of 50 changes on the large image, end to end, beside the runbook of a shell that people use."""
import os
import pathlib
import shutil

import measure

CHANGES, GOAL = 50, 8

# What a responder types one after another: paused, everything that the engine and /proc say, the container's file system and its image,
# hashed, packed, committed; let run again. Each step is as it is printed in public runbooks.
RUNBOOK = """set -eu
rm -rf "$E" && mkdir -p "$E" && cd "$E"
$D pause c
$D inspect c >inspect.json
$D image inspect bench:1 >image.json
$D history --no-trunc bench:1 >history.txt
$D top c -eo pid,ppid,uid,lstart,args >top.txt
pid=$($D inspect -f '{{.State.Pid}}' c)
ps -eo pid,ppid,uid,lstart,args >ps.txt
for p in /proc/$pid; do tr '\\0' '\\n' <$p/environ >environ.txt; cat $p/maps >maps.txt; ls -l $p/fd >fd.txt; cp $p/exe exe; done
nsenter -t $pid -n ss -anp >ss.txt
nsenter -t $pid -n ip addr >ip.txt
$D logs -t c >logs.txt 2>&1
$D diff c >diff.txt
$D network ls -q | xargs -r $D network inspect >network.json
$D export c -o rootfs.tar
$D save bench:1 -o image.tar
$D unpause c
find . -type f ! -name SHA256SUMS -exec sha256sum {} + >SHA256SUMS
tar -cf ../evidence.tar .
sha256sum ../evidence.tar >../evidence.tar.sha256
git init -q . && git config user.name x && git config user.email x@example.org
git add . && git commit -q -m incident
sync
"""


def p15(bench):
    bench.case(CHANGES)
    name = f"c{CHANGES}"
    home = os.path.join(bench.work, "incident-home")
    place = os.path.join(bench.work, "runbook")
    text = RUNBOOK.replace("$D", bench.engine.docker).replace('"$E"', f"{place}/e")
    script = pathlib.Path(bench.work) / "runbook.sh"
    script.write_text(text.replace(" c\n", f" {name}\n").replace(" c ", f" {name} ").replace(" c)", f" {name})"))

    # Each side clears its own place: what the last one of ours left is looked at.
    def no_home():
        shutil.rmtree(home, ignore_errors=True)
        os.sync()

    def no_place():
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        os.sync()

    ours = measure.Side("kanshiki capture", [bench.binary, "-q", "--home", home, "capture", name, "--freeze", "full", "--note", "bench"], no_home)
    theirs = measure.Side("the runbook of a shell", ["sh", str(script)], no_place)
    measure.side_by_side(ours, theirs, max(2, bench.options.rounds - 2), bench.engine.env, bench.engine.pid)
    check(home)
    bench.add("P15", f"incident of {CHANGES} changes, end to end", ours, theirs, GOAL)
    no_home()
    no_place()


def check(home):
    """Both commits are there and the report: it is the whole job that was fast."""
    bundles = os.listdir(f"{home}/bundles")
    if len(bundles) != 1 or not os.path.exists(f"{home}/reports/{bundles[0]}/report.html"):
        raise RuntimeError(f"not one bundle with its report: {bundles}")
