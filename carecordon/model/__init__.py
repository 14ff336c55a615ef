"""The words every room shares; imports nothing of ours."""
