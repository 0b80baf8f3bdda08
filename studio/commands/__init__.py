"""The commands behind `python studio.py …`, one file each; `studio/cli.py` picks one."""
