"""`python -m carecordon.hub.worker`."""

from carecordon.hub.worker.worker import main

main()
