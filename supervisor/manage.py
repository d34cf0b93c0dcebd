"""``python -m supervisor.manage COMMAND …``: a command of manage.py on the site of COINAI_HOME.

The site may run, or not: then its servers run for as long as the command.
"""

import os
import subprocess
import sys

from supervisor.configuration import read_configuration
from supervisor.errors import SetupError
from supervisor.running import site


def main() -> int:
    """Run the command and return its status."""
    if len(sys.argv) < 2:
        print('usage: make manage DO="verifychain --sample 10"', file=sys.stderr)
        return 2
    try:
        configuration = read_configuration()
        with site(configuration) as environment:
            command = [sys.executable, str(configuration.root / "manage.py"), *sys.argv[1:]]
            return subprocess.run(command, env=dict(environment), check=False).returncode
    except SetupError as error:
        print(f"coinai: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
