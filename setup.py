"""What pyproject.toml cannot say: the compiled coder, which `lic` does without where there is no compiler."""

import sys
from glob import glob

from setuptools import Extension, setup

# From Python 3.11 on the stable ABI has all that the extension needs: one wheel then serves every later version.
STABLE = sys.version_info >= (3, 11)

setup(
    ext_modules=[
        Extension(
            "lic.codec.core._core",
            sorted(glob("codec/core/*.c")),
            depends=sorted(glob("codec/core/*.h")),
            # -g0: many Pythons ask for debugging information, which is twice as large as the code.
            extra_compile_args=["/std:c11"]
            if sys.platform == "win32"
            else ["-std=c11", "-O3", "-g0", "-ffp-contract=off", "-fno-math-errno"],
            py_limited_api=STABLE,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
