"""The kinds of database that the register can lie in: one file each."""
