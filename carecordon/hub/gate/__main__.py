"""`python -m carecordon.hub.gate`."""

import sys

from carecordon.hub.gate.gate import main

sys.exit(main())
