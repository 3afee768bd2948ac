"""`python -m lic` is the `lic` command."""

import sys

from lic.tools.cli import main

sys.exit(main())
