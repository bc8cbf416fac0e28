"""Work beside the batches: dropped before it holds anybody up, and ended even where a job hangs."""

import threading

from mergus.engine.inference.monitoring.aside import WAITING_MAX, Aside


def test_what_is_too_much_is_dropped_and_a_failing_job_ends_nothing() -> None:
    aside, done = Aside(), []
    begun, release = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        release.wait(60)

    aside.offer(hold)
    assert begun.wait(60)
    aside.offer(lambda: 1 // 0)
    for i in range(WAITING_MAX + 5):
        aside.offer(lambda i=i: done.append(i))
    assert aside.dropped == 6
    aside.close(limit_s=0.01)  # it hangs, and is left
    release.set()


def test_a_thread_without_work_ends_and_begins_again(monkeypatch) -> None:
    monkeypatch.setattr("mergus.engine.inference.monitoring.aside.IDLE_S", 0.01)
    aside, threads = Aside(), []
    for _ in range(3):
        done = threading.Event()
        aside.offer(lambda done=done: (threads.append(threading.current_thread()), done.set()))
        assert done.wait(60)
        threads[-1].join(60)
        assert not threads[-1].is_alive()
    assert len(set(threads)) == 3


def test_what_waits_is_done_at_the_end() -> None:
    aside, done = Aside(), []
    aside.offer(lambda: 1 // 0)
    aside.offer(lambda: done.append(1))
    aside.close(limit_s=60)
    assert done == [1]
