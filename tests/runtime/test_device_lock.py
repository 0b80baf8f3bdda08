"""The device's turn: one at a time, in order, and a long holder lets others in between steps."""

from __future__ import annotations

import threading

from studio.runtime.device_lock import DeviceSlot

PATIENCE = 20.0


def waiting(slot: DeviceSlot, count: int) -> None:
    """Blocks until `count` tickets are in the queue."""
    for _ in range(2000):
        with slot._condition:
            if len(slot._queue) >= count:
                return
        threading.Event().wait(0.005)
    raise AssertionError("nobody queued up")


def test_a_training_lets_a_picture_in_at_a_step_boundary() -> None:
    slot, order = DeviceSlot(), []

    def picture(name: str) -> None:
        with slot.hold(name):
            order.append(name)

    with slot.hold("training"):
        order.append("step 1")
        threads = [threading.Thread(target=picture, args=(f"picture {k}",)) for k in range(2)]
        threads[0].start()
        waiting(slot, 2)
        threads[1].start()
        waiting(slot, 3)
        assert slot.holder == "training", "nobody pushes in during a step"
        slot.give_way()
        order.append("step 2")
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["step 1", "picture 0", "picture 1", "step 2"]
    assert slot.holder is None


def test_giving_way_costs_nothing_when_nobody_waits() -> None:
    slot = DeviceSlot()
    with slot.hold("training"):
        slot.give_way()
        assert slot.holder == "training"


def test_a_failing_holder_frees_the_device() -> None:
    slot = DeviceSlot()
    try:
        with slot.hold("one"), slot.released():
            raise RuntimeError
    except RuntimeError:
        pass
    with slot.hold("two"):
        assert slot.holder == "two"
