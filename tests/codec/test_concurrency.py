"""Concurrent threads and processes give the same results as a single one."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from lic import decode, encode
from lic.codec.threads import in_threads
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")


@pytest.mark.parametrize("engine", ["core", "torch"])
def test_eight_threads_give_the_results_of_one(photo: Pixels, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_ENGINE", engine)
    pictures = [photo[i : i + 40 + 7 * i, i : 150 - 5 * i] for i in range(12)] * 2
    pictures += [np.dstack([p, p[:, :, 0]]) for p in pictures[:4]]
    code = partial(encode, quality=60, model="tiny")
    aim = partial(encode, target_size=600, model="tiny")
    files, aimed = [code(p) for p in pictures], [aim(p) for p in pictures[:6]]
    decoded = [decode(file).tobytes() for file in files]
    with ThreadPoolExecutor(8) as pool:
        threads = pool.map(code, pictures), pool.map(aim, pictures[:6]), pool.map(decode, files)
        assert list(threads[0]) == files
        assert list(threads[1]) == aimed
        assert [image.tobytes() for image in threads[2]] == decoded


def test_what_is_made_ahead_is_made_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_THREADS", "2")
    meeting = Barrier(2, timeout=60)
    assert sorted(in_threads(lambda _: meeting.wait(), range(4), ahead=1)) == [0, 0, 1, 1]


PROCESSES = """
import multiprocessing
from functools import partial
from pathlib import Path
import numpy as np
from lic import decode, encode

if __name__ == "__main__":
    y, x = np.mgrid[:200, :200]
    ramps = np.stack([x + y, x * y // 99, 255 - x], -1).astype(np.uint8)
    pictures = [ramps[: 200 - 9 * i, i:] for i in range(8)]
    code = partial(encode, quality=60, model="tiny")
    files = [code(p) for p in pictures]
    decoded = [decode(f).tobytes() for f in files]
    forked, spawned = multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")
    with forked.Pool(2) as a, spawned.Pool(1) as b:
        work = [(pool.map_async(code, pictures), pool.map_async(decode, files)) for pool in (a, b)]
        for encoding, decoding in work:
            assert encoding.get() == files
            assert [image.tobytes() for image in decoding.get()] == decoded
    print("as alone")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_forked_and_spawned_processes_at_once_give_the_results_of_one() -> None:
    """Also with two threads. (With LIC_ENGINE=torch processes have to be spawned: torch's threads survive no fork.)"""
    variables = os.environ | {"LIC_THREADS": "2"}
    command = [sys.executable, "-c", PROCESSES]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=600)
    assert done.stdout == "as alone\n", done.stderr


DAEMONS = """
import sys, threading
import numpy as np
import lic

pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
data = lic.encode(pixels, model=sys.argv[1], lossless=False)
at_work = threading.Semaphore(0)

def for_ever(work):
    while True:
        work()
        at_work.release()

for work in (lambda: lic.decode(data), lambda: lic.encode(pixels, model=sys.argv[1], lossless=False)):
    threading.Thread(target=for_ever, args=(work,), daemon=True).start()
for _ in range(int(sys.argv[2])):
    at_work.acquire()
"""


@pytest.mark.parametrize("works", [4, 5, 6])
def test_the_interpreter_may_end_while_daemon_threads_encode_and_decode(tiny_model_path: Path, works: int) -> None:
    command = [sys.executable, "-c", DAEMONS, str(tiny_model_path), str(works)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
