"""The flows of a program that uses Celery, against the server at a port of this machine.

Usage: celery_tasks.py PORT

Celery's broker waits for tasks with BRPOP on several lists, keeps what is not acknowledged in a sorted set and a hash
that it changes in transactions, and sends results by PUBLISH to who waits for them. The worker is a process of its own,
started and ended here.
"""

import os
import signal
import subprocess
import sys
import time

import celery
import redis

# The worker imports this file and has a command line of its own.
PORT = int(os.environ.get("SPINEL_PORT") or sys.argv[1])
LIMIT_S = 100
URL = f"redis://127.0.0.1:{PORT}"

app = celery.Celery("celery_tasks", broker=f"{URL}/0", backend=f"{URL}/1")
app.conf.update(
    task_default_queue="work",
    task_acks_late=True,
    task_create_missing_queues=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600, "queue_order_strategy": "priority", "sep": ":"},
    worker_hijack_root_logger=False,
)


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="total")
def total(numbers):
    return sum(numbers)


@app.task(name="fail")
def fail():
    raise ValueError("as asked")


@app.task(name="again", bind=True, max_retries=5)
def again(self, key):
    attempts = redis.Redis(port=PORT, db=2).incr(key)
    if attempts < 3:
        raise self.retry(countdown=0.05)
    return attempts


@app.task(name="note")
def note(key, text):
    redis.Redis(port=PORT, db=2).rpush(key, text)


def results():
    assert add.delay(2, 3).get(timeout=30) == 5
    answers = [add.delay(number, number) for number in range(50)]
    assert [answer.get(timeout=30) for answer in answers] == [2 * number for number in range(50)]


def failures():
    try:
        fail.delay().get(timeout=30)
    except ValueError as error:
        assert str(error) == "as asked"
    else:
        raise AssertionError("no error")
    assert again.delay("attempts").get(timeout=30) == 3


def workflows():
    chain = celery.chain(add.s(1, 2), add.s(3), add.s(4))
    assert chain.delay().get(timeout=30) == 10
    group = celery.group(add.s(number, 1) for number in range(10))
    assert group.delay().get(timeout=30) == list(range(1, 11))
    chord = celery.chord((add.s(number, number) for number in range(10)), total.s())
    assert chord.delay().get(timeout=30) == 90


def later():
    started = time.monotonic()
    assert add.apply_async((1, 1), countdown=1).get(timeout=30) == 2
    assert time.monotonic() - started >= 0.9, "it came before its time"
    revoked = add.apply_async((1, 1), countdown=3600)
    revoked.revoke()
    try:
        revoked.get(timeout=30)
    except celery.exceptions.TaskRevokedError:
        pass


def two_queues(db):
    note.apply_async(("notes", "other"), queue="other").get(timeout=30)
    assert db.lrange("notes", 0, -1) == [b"other"]


def inspection():
    assert list(app.control.ping(timeout=2)[0].values()) == [{"ok": "pong"}]
    names = app.control.inspect(timeout=2).registered()
    assert any("add" in tasks for tasks in names.values()), names


def start_worker():
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-Q", "work,other"]
    command += ["--pool", "threads", "--concurrency", "2", "--loglevel", "CRITICAL", "--without-mingle"]
    folder = os.path.dirname(os.path.abspath(__file__))
    variables = {"SPINEL_PORT": str(PORT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)


def main():
    signal.alarm(LIMIT_S)
    redis.Redis(port=PORT).flushall()
    db = redis.Redis(port=PORT, db=2)
    worker = start_worker()
    try:
        for flow in (results, failures, workflows, later, inspection):
            flow()
            print(flow.__name__, "passed")
        two_queues(db)
        print("two_queues passed")
        assert redis.Redis(port=PORT).llen("work") == 0
    finally:
        worker.terminate()
        worker.wait(timeout=30)
    print("all passed")


if __name__ == "__main__":
    main()
