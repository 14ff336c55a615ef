"""What people and programs are shown of a result; the same telling for a scan, the console and an exercise."""
