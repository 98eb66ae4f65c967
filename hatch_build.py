"""Compiles the sequence kernels into the package when it is built or installed."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


SOURCE = "src/truelift/sequences/kernels.c"
LIBRARY = "src/truelift/sequences/kernels.lib"


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the library with whatever C compiler there is; without one there is none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before anything is packed."""
        del version
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None or not compile_kernels(Path(self.root), compiler):
            self.app.display_warning("no C compiler: sequences are counted by numpy passes")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"/{LIBRARY}")


def compile_kernels(root: Path, compiler: str) -> bool:
    """Compile the library in place; say whether that went well."""
    made = root / LIBRARY
    partial = made.with_suffix(".partial")
    command = [compiler, "-O3", "-fPIC", "-shared", "-o", str(partial), str(root / SOURCE)]
    if subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603
        return False
    partial.replace(made)
    return True
