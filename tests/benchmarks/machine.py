"""The machine and software of a measurement, to be stored with it."""

import platform
from importlib.metadata import version
from pathlib import Path

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
