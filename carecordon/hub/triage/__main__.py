"""`python -m carecordon.hub.triage`."""

from carecordon.hub.triage.triage import main

main()
