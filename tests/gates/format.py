"""clang-format has nothing to say."""
import pathlib
import shutil
import subprocess
import sys

import tree


def main():
    top = pathlib.Path(sys.argv[1])
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        print("format: clang-format is not installed")
        sys.exit(1)
    sources = list(tree.files(top, ".c", ".h", rooms=tree.ROOMS + ["tests", "demo"]))
    run = subprocess.run([tool, "--dry-run", "--Werror", *map(str, sources)], capture_output=True, text=True)
    faults = [line for line in run.stderr.splitlines() if "error:" in line]
    tree.end("format", len(sources), faults[:20] + ([f"... {len(faults) - 20} more"] if len(faults) > 20 else []))


main()
