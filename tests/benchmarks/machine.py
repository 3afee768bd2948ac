"""What benchmarks share: the machine and software of a measurement, and the file that keeps it."""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lic.codec.threads import usable_cores


def describe_machine() -> dict[str, str | int]:
    return {
        "processor": processor_name(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # has the name on Linux on x86; elsewhere Python may know it
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def keep(path: Path | None, content: dict[str, Any]) -> None:
    """Write a measurement as JSON, if there is a path for it."""
    if path:
        path.write_text(json.dumps(content, indent=1) + "\n")
