"""Files by which desktops know .lic files.

For freedesktop desktops (GNOME, Xfce, MATE and others) three text files, in the folder of the user's data: the type of
the files, a thumbnailer, and a viewer. For Windows entries of the user's registry, which offer the viewer. They name
the Python that runs this, so they have to be installed again when that moves. (macOS knows viewers only as
applications, which are more than files.)
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lic.codec.errors import LicError
from lic.tools.files import write_whole
from lic.tools.usage import BadOptions

MIME_TYPE = "image/x-lic"
MARK = "made by `lic desktop`"  # in each of the files
IDLE_MINUTES = 10  # after which the viewer's server ends: the page needs it only to load
TYPE = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- {MARK} -->
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MIME_TYPE}">
    <comment>lic picture</comment>
    <magic priority="60"><match type="string" offset="0" value="LIC\\x01"/></magic>
    <glob pattern="*.lic"/>
  </mime-type>
</mime-info>
"""
THUMBNAILER = """\
# {mark}
[Thumbnailer Entry]
TryExec={python}
Exec={in_shell} -m lic desktop --thumbnail %s %i %o
MimeType={mime_type};
"""
VIEWER = """\
# {mark}
[Desktop Entry]
Type=Application
Name=lic
Comment=Shows .lic pictures in the browser
TryExec={python}
Exec={in_entry} -m lic view --idle {idle} %F
Icon=image-x-generic
MimeType={mime_type};
Categories=Graphics;Viewer;
NoDisplay=true
"""
CLASSES = r"HKEY_CURRENT_USER\Software\Classes"
REGISTRY = rf"""Windows Registry Editor Version 5.00

[{CLASSES}\.lic]
"Content Type"="{MIME_TYPE}"

[{CLASSES}\.lic\OpenWithProgids]
"lic-codec"=""

[{CLASSES}\lic-codec]
@="lic picture"

[{CLASSES}\lic-codec\shell\open\command]
@="\"{{python}}\" -m lic view --idle {IDLE_MINUTES} \"%1\""
"""
REMOVAL = rf"""Windows Registry Editor Version 5.00

[{CLASSES}\.lic]
"Content Type"=-

[{CLASSES}\.lic\OpenWithProgids]
"lic-codec"=-

[-{CLASSES}\lic-codec]
"""
# What makes desktops look again, and the folder that it is told.
UPDATES = {"update-mime-database": "mime", "update-desktop-database": "applications"}


def data_folder() -> Path:
    """Where desktops look for the user's own files."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def files_for(python: str = sys.executable) -> dict[str, str]:
    """The files, by their paths in the folder of data, for a Python that has `lic`."""
    escaped = "".join(f"\\{c}" if c in '"`$\\' else c for c in python).replace("%", "%%")
    names = {
        "mark": MARK,
        "python": python,
        "in_shell": shlex.quote(python).replace("%", "%%"),
        "in_entry": f'"{escaped}"',
        "mime_type": MIME_TYPE,
        "idle": IDLE_MINUTES,
    }
    return {
        "mime/packages/lic-codec.xml": TYPE,
        "thumbnailers/lic-codec.thumbnailer": THUMBNAILER.format(**names),
        "applications/lic-codec.desktop": VIEWER.format(**names),
    }


def install(force: bool = False) -> list[Path]:
    """Write the files; one that is not ours stays, and is an error unless `force`."""
    folder, written = data_folder(), []
    for name, text in files_for().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode(), replace=force or _is_ours(path))
        written.append(path)
    _update(folder)
    return written


def uninstall() -> list[Path]:
    """Remove what `install` has written."""
    folder = data_folder()
    found = [path for path in (folder / name for name in files_for()) if _is_ours(path)]
    if not found:
        raise BadOptions(f"nothing of `lic desktop` is installed in {folder}")
    for path in found:
        path.unlink()
    _update(folder)
    return found


def _is_ours(path: Path) -> bool:
    return path.is_file() and MARK.encode() in path.read_bytes()


def _update(folder: Path) -> None:
    """Let desktops look again; those without these programs do so when a session begins."""
    for program, subfolder in UPDATES.items():
        if shutil.which(program) and (folder / subfolder).is_dir():
            subprocess.run([program, str(folder / subfolder)], check=False, capture_output=True)


def registry_for(python: str = sys.executable) -> str:
    """The entries of Windows' registry, as the text of a .reg file, for a Python that has `lic`."""
    return REGISTRY.replace("{python}", python.replace("\\", "\\\\"))


def register(text: str) -> None:
    """Add the entries of a .reg file to Windows' registry, or remove them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lic.reg")
        path.write_text(text, "utf-16")
        done = subprocess.run(["reg", "import", str(path)], check=False, capture_output=True, text=True)
    if done.returncode:
        raise LicError(f"reg import: {done.stderr.strip()}")
