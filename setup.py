"""What pyproject.toml cannot say: the compiled core, which `lic` does without where there is no compiler."""

import shutil
import sys
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

# From Python 3.11 on the stable ABI has all that the extension needs: one wheel then serves every later version.
STABLE = sys.version_info >= (3, 11)

EXACT = ["-ffp-contract=off", "-fno-math-errno"]  # nothing fused: the same pixels everywhere


class BuildCore(build_ext):
    """On Windows clang-cl compiles, in the place of Microsoft's compiler, which has no vectors of any width."""

    def build_extension(self, ext: Extension) -> None:
        if self.compiler.compiler_type == "msvc":
            if not self.compiler.initialized:
                self.compiler.initialize(self.plat_name)
            found_with_cl = getattr(self.compiler, "_paths", None)  # by Visual Studio, which does not add it to PATH
            self.compiler.cc = shutil.which("clang-cl") or shutil.which("clang-cl", path=found_with_cl)
            if self.compiler.cc is None:
                raise CompileError("the core needs clang-cl, which comes with LLVM and with Visual Studio")
        super().build_extension(ext)


setup(
    cmdclass={"build_ext": BuildCore},
    ext_modules=[
        Extension(
            "lic.codec.core._core",
            sorted(glob("codec/core/*.c")),
            depends=sorted(glob("codec/core/*.h")),
            # -g0: many Pythons ask for debugging information, which is twice as large as the code.
            extra_compile_args=["/std:c11", *(f"/clang:{option}" for option in ["-O3", *EXACT])]
            if sys.platform == "win32"
            else ["-std=gnu11", "-O3", "-g0", *EXACT],
            py_limited_api=STABLE,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
