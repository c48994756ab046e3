"""`python -m fairseq_xling` is the command `fairseq-xling`."""

import sys

from fairseq_xling.cli.main import main

sys.exit(main())
