"""`python -m carecordon.hub.keeper`."""

import sys

from carecordon.hub.keeper.keeper import main

sys.exit(main())
