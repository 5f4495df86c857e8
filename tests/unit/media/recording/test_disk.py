"""The disk's thread does what it was given by whoever held it, and ends."""

import threading

from media.recording.disk import DiskThread


def test_what_was_given_before_the_last_let_go_is_done() -> None:
    """Also when others let go earlier: their word reaches the thread when nobody holds it any more."""
    disk, go_on, done = DiskThread(), threading.Event(), threading.Event()
    disk.hold()
    disk.hold()
    disk.do(lambda: go_on.wait(30) and None)
    disk.let_go()
    disk.do(done.set)
    disk.let_go()
    thread = disk._thread
    assert thread is not None
    go_on.set()
    thread.join(30)
    assert done.is_set()
    assert not disk.running
