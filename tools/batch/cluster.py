"""Many machines: the jobs of `lic encode` and `lic decode` on a Dask cluster, named by --cluster.

Each worker loads the model once. A job whose worker dies is repeated by another one, and outputs appear whole or not at
all, so nothing is lost or done twice. A job that fails is tried again, because storage may fail temporarily.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from lic.tools.batch.jobs import Job, Result
from lic.tools.extras import require

WINDOW = 1000  # jobs submitted to the scheduler at a time
TRIES = 3


def in_cluster(jobs: Sequence[Job], work: Callable[[Job], Result], address: str) -> Iterator[Result]:
    """Do jobs on the cluster whose scheduler has this address; results come in order."""
    distributed = require("distributed")
    with closing(distributed.Client(address)) as client:
        pending: deque[Any] = deque()
        for job in jobs:
            pending.append(client.submit(try_again, work, job, pure=False))
            if len(pending) == WINDOW:
                yield _result(pending.popleft())
        while pending:
            yield _result(pending.popleft())


def try_again(work: Callable[[Job], Result], job: Job) -> Result:
    """A job's first success in a few tries, or the last failure.

    >>> tries = iter([Result(error="busy"), Result(before=3, after=1)])
    >>> try_again(lambda job: next(tries), Job("a.png", "a.lic")).after
    1
    """
    for _ in range(TRIES):
        result = work(job)
        if not result.error:
            break
    return result


def _result(future: Any) -> Result:
    killed = require("distributed").scheduler.KilledWorker
    try:
        result: Result = future.result()
    except killed:
        return Result(error="its workers died, again and again; perhaps they lack memory")
    return result
