"""``python -m workers``: how to start one."""

HELP = """Coin.AI workers: they train networks for a pool, and score models for a node.

On the operator's machines, where the broker is (BROKER_URL):

  celery -A workers worker -Q mining,trials -c 1  trains; -c is the number of trainings at a time, one a core
  celery -A workers worker -Q verification -c 1   scores models exactly, for the node and the pool

Settings, all by environment:

  BROKER_URL           the broker, e.g. redis://127.0.0.1:6379/0
  COINAI_CACHE         folder of downloaded data sets (else COINAI_HOME/worker-cache, else var/worker-cache)
  COINAI_CACHE_BYTES   its size at most (else 4 GiB)
  COINAI_DEVICE        cpu, cuda or cuda:1 (else CUDA when there is one)
  COINAI_WORKER_NAME   how this machine is called on the pool's pages (else its host name)
"""


def main() -> None:
    print(HELP, end="")  # noqa: T201 -- it is what was asked for


if __name__ == "__main__":
    main()
