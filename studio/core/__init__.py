"""What every room stands on: errors, files that survive a crash, text, paths, the machine."""
