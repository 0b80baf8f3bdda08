"""The one command: `python studio.py` opens the studio, `python studio.py --help` lists the rest.

Owns: saying that a Python is too old, in words any Python 3 understands (so: no new syntax here).
Everything else is in the package beside it; until the right process runs, only its parts that
need nothing installed are used.
"""

import shutil
import sys

OLDEST = (3, 11)


def main():
    if sys.version_info < OLDEST:
        sys.stderr.write(too_old())
        return 1
    from studio import cli

    return cli.main(sys.argv[1:], bootstrap=True)


def too_old():
    here = ".".join(str(part) for part in sys.version_info[:3])
    text = "Concept Studio needs Python %d.%d or newer; this is Python %s (%s).\n" % (
        OLDEST + (here, sys.executable)
    )
    newer = [name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)]
    if newer:
        return text + "A newer one is on this machine. Run:  %s studio.py\n" % newer[0]
    return text + "Install a newer Python beside it, then start the studio with that one.\n"


if __name__ == "__main__":
    sys.exit(main())
