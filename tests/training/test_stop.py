import signal
import threading

import pytest

from nutgraf.training.stop import StopSignal


def test_is_due_after_its_seconds():
    assert StopSignal(seconds=-1).due
    assert not StopSignal(seconds=100).due
    assert not StopSignal().due


def test_the_first_press_is_noted_and_raised_at_the_end(capfd, ctrl_c):
    reached = []
    with pytest.raises(KeyboardInterrupt), StopSignal() as stop:
        ctrl_c()
        reached.append(stop.due)
    assert reached == [True]
    assert "Ctrl-C again" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_press_interrupts_at_once(ctrl_c):
    reached = []
    with pytest.raises(KeyboardInterrupt), StopSignal():
        ctrl_c()
        ctrl_c()
        reached.append(True)
    assert not reached


def test_an_error_is_not_hidden_by_the_press(ctrl_c):
    with pytest.raises(ValueError, match="broken"), StopSignal():
        ctrl_c()
        raise ValueError("broken")


def test_another_handler_and_another_thread_are_left_alone(ctrl_c):
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append(True))
    try:
        with StopSignal() as stop:
            ctrl_c()
            assert not stop.due
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == [True]
    found = []

    def enter():
        with StopSignal() as stop:
            found.append(stop.due)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [False]
