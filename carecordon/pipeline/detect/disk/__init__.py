"""Where rules come from, and where what compiling them gave is kept: the only doors of detection to a disk."""
