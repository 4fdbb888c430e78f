"""Each header compiles alone."""
import pathlib
import subprocess
import sys

import tree

FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-"]


def main():
    top, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    flags = subprocess.run(["pkg-config", "--cflags", "jansson"], check=True, capture_output=True, text=True)
    faults, count = [], 0
    for path in tree.files(top, ".h"):
        count += 1
        name = str(path.relative_to(top))
        source = f'#include "{path}"\nextern int alone_;\n'
        run = subprocess.run([compiler, *flags.stdout.split(), f"-I{top}/include", f"-I{top}/src", f"-I{top}",
                              *FLAGS], input=source, capture_output=True, text=True)
        if run.returncode:
            faults.append(f"{name} does not compile alone:\n{run.stderr}")
    tree.end("headers", count, faults)


main()
