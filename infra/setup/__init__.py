"""Set-up of a fresh clone: tools checked, environments, jars and models made. Standard library only: nothing is there yet."""
