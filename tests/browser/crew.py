"""The workers of a running site that only some tests need: its tasks, and one that trains."""

import os
import subprocess
import sys
from dataclasses import dataclass, field

from supervisor.leash import leashed
from supervisor.programs import COLD_SHUTDOWN
from tests.browser.site import ROOT, Site

STOP_SECONDS = 10


@dataclass(slots=True)
class Crew:
    """Celery workers of a site."""

    site: Site
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start both; they take what waits for them as soon as they are ready."""
        for application, queue, options in (
            ("coinai_web", "site", ["-P", "solo"]),
            ("workers", "trials,mining", ["-c", "1"]),
        ):
            command = [sys.executable, "-m", "celery", "-q", "-A", application, "worker", "-Q", queue]
            command += [
                "-n",
                f"{application}-{os.getpid()}@%h",
                "--without-gossip",
                "--without-mingle",
                *options,
            ]
            environment = os.environ | {
                "COINAI_HOME": str(self.site.home),
                "COINAI_SITE_URL": self.site.url,
                "COINAI_PORT": str(self.site.port),
            }
            with (self.site.home / f"{application}.log").open("wb") as log:
                self.processes.append(
                    subprocess.Popen(
                        leashed(command, signal=COLD_SHUTDOWN),
                        cwd=ROOT,
                        env=environment,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    def stop(self) -> None:
        """End both, and what they have started."""
        for process in self.processes:
            process.send_signal(COLD_SHUTDOWN)
        for process in self.processes:
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
