# SPDX-License-Identifier: Apache-2.0
"""Threads, signals, fork: the session in a program that is busy with other things."""

import concurrent.futures
import os
import pickle
import signal
import subprocess
import sys
import threading

import conftest
import pytest

import blindbox
from blindbox import requests


def test_32_threads(echo_gateway, echo_policy):
    gateway = echo_gateway()
    gate = threading.Barrier(32)
    with requests.Session(echo_policy, gateway.url, pool_size=32) as session:
        def work(number):
            gate.wait(60)
            for turn in range(5):
                body = f"{number}.{turn}" * 1000
                assert session.post(gateway.url, data=body).json()["body"] == body
            return True
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            assert all(pool.map(work, range(32)))
    counted = gateway.stop()
    assert counted["requests"] == 160 and counted["connections"] <= 64


def test_other_threads_run_while_one_waits(echo, echo_policy, held):
    """The interpreter's lock is not held: were it, nobody could let the answer go."""
    with requests.Session(echo_policy, echo) as session:
        session.get(echo)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(session.get, echo + "/hold")
            assert not waiting.done()
            held.set()
            assert waiting.result(60).content == b"at last"


INTERRUPTED = """
import sys
from blindbox import requests
session = requests.Session(sys.argv[2], sys.argv[1])
lines = session.get(sys.argv[1] + "/events", stream=True).iter_lines()
next(lines)
try:
    print("asking", flush=True)
    list(lines)
except KeyboardInterrupt:
    print("interrupted", session.get(sys.argv[1]).status_code, flush=True)
"""


def test_keyboard_interrupt(echo, echo_policy, held):
    """It ends the wait for a server that says nothing, and the session goes on."""
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", INTERRUPTED, echo, echo_policy],
                          stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "asking\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.read() == "interrupted 200\n"
        assert child.wait(60) == 0
    assert not held.is_set()


FORKED = """
import os, sys
from blindbox import requests
url = sys.argv[1]
session = requests.Session(sys.argv[2], url)
session.get(url)
open_answer = session.get(url + "/events", stream=True)
child = os.fork()
if child == 0:
    assert session.get(url + "/child").json()["path"] == "/child"  # over connections of its own
    try:
        open_answer.content
    except Exception as error:
        print("child:", type(error).__name__, flush=True)
    del open_answer, session
    sys.exit(0)
print("status:", os.waitpid(child, 0)[1], flush=True)
print(session.get(url + "/parent").json()["path"], flush=True)
sys.stdin.readline()
print(open_answer.text.count("data"), flush=True)
"""


def test_fork(echo_gateway, echo_policy, held):
    gateway = echo_gateway()
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", FORKED, gateway.url, echo_policy], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline().strip() for _ in range(3)]
        held.set()
        rest, _ = process.communicate("go\n", timeout=60)
    assert said == ["child: UsageError", "status: 0", "/parent"] and rest == "2\n"
    assert gateway.stop()["connections"] == 3  # the parent's two, the child's one


def test_an_exit_with_work_under_way(echo, echo_policy, held):
    script = ("import sys, threading; from blindbox import requests; s = requests.Session(sys.argv[2], sys.argv[1]); "
              "s.get(sys.argv[1]); threading.Thread(target=s.get, args=(sys.argv[1] + '/hold',), daemon=True).start()")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, echo, echo_policy], capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_session_stays_in_its_process(echo, echo_policy):
    with requests.Session(echo_policy, echo) as session, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(session)


def test_descriptors_are_given_back(echo, echo_policy):
    def open_files():
        return len(os.listdir("/proc/self/fd"))
    with requests.Session(echo_policy, echo) as session:
        session.get(echo)
        before = open_files()
        for _ in range(50):
            session.get(echo)
        assert open_files() <= before + 3  # what the loop has not yet swept up


def test_no_policy_for_looking_is_one_for_sending(echo):
    from blindbox import _channel, policy
    with pytest.raises(blindbox.PolicyError, match="no expected software"):
        _channel.Channel(_channel.Server.of(echo), policy.safe_defaults())


def test_a_verdict_that_grows_too_old(echo, echo_policy):
    """An answer is cut off when its verdict is; ten minutes are shortened here."""
    from blindbox import _channel
    channel = _channel.Channel(_channel.Server.of(echo), blindbox.Policy.load(echo_policy), lifetime=0.3)
    exchange = channel.open("GET", "/endless", [])
    exchange.step()
    with pytest.raises(blindbox.VerdictExpired, match="longer than its verdict"):
        while exchange.read():
            pass
    channel.close()
    assert conftest.Echo.held.wait(60)
