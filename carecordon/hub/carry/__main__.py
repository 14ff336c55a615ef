"""`python -m carecordon.hub.carry`."""

from carecordon.hub.carry.carry import main

main()
