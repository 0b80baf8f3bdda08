"""The device's turn: one at a time, in order, and a long holder lets others in between steps."""

from __future__ import annotations

import threading

from studio.core.errors import Interrupted
from studio.runtime.device_lock import DeviceLock

PATIENCE = 20.0


def waiting(lock: DeviceLock, count: int) -> None:
    """Blocks until `count` tickets are in the queue."""
    for _ in range(2000):
        with lock._condition:
            if len(lock._queue) >= count:
                return
        threading.Event().wait(0.005)
    raise AssertionError("nobody queued up")


def test_a_training_lets_an_image_in_at_a_step_boundary() -> None:
    lock, order = DeviceLock(), []

    def image(name: str) -> None:
        with lock.hold(name):
            order.append(name)

    with lock.hold("training"):
        order.append("step 1")
        threads = [threading.Thread(target=image, args=(f"image {k}",)) for k in range(2)]
        threads[0].start()
        waiting(lock, 2)
        threads[1].start()
        waiting(lock, 3)
        assert lock.holder == "training", "nobody pushes in during a step"
        lock.yield_to_others()
        order.append("step 2")
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["step 1", "image 0", "image 1", "step 2"]
    assert lock.holder is None


def test_giving_way_costs_nothing_when_nobody_waits() -> None:
    lock = DeviceLock()
    with lock.hold("training"):
        lock.yield_to_others()
        assert lock.holder == "training"


def test_a_failing_holder_frees_the_device() -> None:
    lock = DeviceLock()
    try:
        with lock.hold("one"), lock.released():
            raise RuntimeError
    except RuntimeError:
        pass
    with lock.hold("two"):
        assert lock.holder == "two"


def test_nobody_begins_after_the_lock_is_closed_but_who_was_there_comes_back() -> None:
    lock, seen = DeviceLock(), []

    def image() -> None:
        try:
            with lock.hold("generating", unless_closed=True):
                seen.append("generated")
        except Interrupted:
            seen.append("turned away")

    with lock.hold("training"):
        one = threading.Thread(target=image)
        one.start()
        waiting(lock, 2)
        lock.close()
        one.join(10)
        assert seen == ["turned away"] and lock.holder == "training"
        with lock.released():
            image()
        assert lock.holder == "training", "it saves before the program ends"
    image()
    assert seen == ["turned away"] * 3 and lock.holder is None
