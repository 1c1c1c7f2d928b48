"""The basic flows of a program that uses redis-py, against the server at a port of this machine.

Usage: redis_py.py PORT PASSWORD
"""

import sys
import threading
import time

import redis

PORT, PASSWORD = int(sys.argv[1]), sys.argv[2]


def connect(**options):
    return redis.Redis(port=PORT, password=PASSWORD, **options)


def strings(db):
    assert db.ping()
    assert db.set("text", "caf\u00e9") is True
    assert db.get("text") == "caf\u00e9".encode()
    assert db.get("none") is None
    assert db.set("text", "other", nx=True) is None
    assert db.set("text", "other", xx=True, get=True) == "caf\u00e9".encode()
    assert db.set("brief", b"\x00\xff\r\n", px=100_000) is True
    assert 0 < db.pttl("brief") <= 100_000
    assert db.getex("brief", persist=True) == b"\x00\xff\r\n"
    assert db.ttl("brief") == -1
    assert db.append("text", "!") == 6 and db.strlen("text") == 6
    assert db.getrange("text", 0, 2) == b"oth" and db.setrange("text", 5, "?") == 6
    assert db.mset({"a": 1, "b": 2.5}) and db.mget("a", "none", "b") == [b"1", None, b"2.5"]
    assert db.msetnx({"a": 3, "c": 4}) is False
    assert db.incr("n") == 1 and db.incrby("n", 41) == 42 and db.decr("n", 2) == 40
    assert db.incrbyfloat("f", 1.5) == 1.5
    assert db.getdel("n") == b"40" and db.exists("n") == 0
    assert db.setbit("bits", 7, 1) == 0 and db.getbit("bits", 7) == 1 and db.bitcount("bits") == 1


def keys(db):
    db.flushall()
    db.mset({f"key:{number}": number for number in range(1000)})
    assert db.dbsize() == 1000
    assert sorted(db.scan_iter(match="key:*", count=10)) == sorted(db.keys("key:*"))
    assert len(set(db.scan_iter(count=7))) == 1000
    assert list(db.scan_iter(match="key:5", _type="string")) == [b"key:5"]
    assert db.type("key:1") == b"string" and db.type("none") == b"none"
    assert db.expire("key:1", 100) is True and db.expire("key:1", 10, gt=True) is False
    assert 0 < db.ttl("key:1") <= 100 and db.persist("key:1") is True
    assert db.rename("key:1", "renamed") is True and db.renamenx("key:2", "renamed") is False
    assert db.copy("renamed", "copy") is True and db.get("copy") == b"1"
    assert db.delete("copy", "renamed", "none") == 2 and db.unlink("key:3") == 1
    assert db.touch("key:4", "none") == 1 and db.randomkey().startswith(b"key:")
    assert db.object("encoding", "key:4") in (b"int", "int")
    assert db.flushdb() is True and db.dbsize() == 0


def pipelines(db):
    with db.pipeline(transaction=False) as pipe:
        for number in range(1000):
            pipe.set(f"p:{number}", number)
        assert pipe.execute() == [True] * 1000
        pipe.get("p:7").incr("p:7")
        assert pipe.execute() == [b"7", 8]
        pipe.get("p:1").execute_command("NOSUCH").get("p:2")
        first, error, second = pipe.execute(raise_on_error=False)
        assert (first, second) == (b"1", b"2") and isinstance(error, redis.ResponseError)


def decoded_and_resp3():
    for protocol in (2, 3):
        db = connect(decode_responses=True, protocol=protocol, client_name="tester")
        assert db.set("text", "caf\u00e9") and db.get("text") == "caf\u00e9"
        assert db.get("none") is None and db.mget("none", "text") == [None, "caf\u00e9"]
        assert db.config_get("maxclients") == {"maxclients": "10000"}
        assert db.client_getname() == "tester"
        info = db.client_info()
        assert info["name"] == "tester" and info["resp"] == str(protocol) and info["lib-name"] == "redis-py"
        db.close()


def other_databases():
    third = connect(db=3)
    third.set("k", "third")
    assert connect().exists("k") == 0 and connect().swapdb(0, 3) is True
    assert connect().get("k") == b"third"
    connect().swapdb(0, 3)
    assert third.move("k", 4) == 1 and connect(db=4).getdel("k") == b"third"


def clients(db):
    assert db.client_setname("me") and db.client_getname() in (b"me", "me")
    assert any(client["name"] == "me" for client in db.client_list())
    other = connect(single_connection_client=True)
    number = other.client_id()
    assert db.client_kill_filter(_id=number) == 1
    assert isinstance(db.client_id(), int)


def information(db):
    info = db.info()
    assert info["redis_version"][0].isdigit() and info["spinel_version"][0].isdigit()
    assert info["tcp_port"] == PORT and info["connected_clients"] >= 1
    assert info["process_id"] > 0 and info["used_memory"] > 0
    db.set("k", "v", ex=100)
    assert db.info("keyspace")["db0"]["expires"] >= 1
    assert db.info("commandstats")["cmdstat_set"]["calls"] >= 1
    assert db.command_count() == len(db.command()) and "get" in db.command()
    seconds, microseconds = db.time()
    assert seconds > 1_700_000_000 and 0 <= microseconds < 1_000_000
    assert db.config_set("maxclients", 9999) and db.config_get("maxcl*")["maxclients"] == "9999"
    assert db.config_set("maxclients", 10000)


def errors(db):
    db.set("text", "x")
    for call, expected in (
        (lambda: db.incr("text"), "not an integer"),
        (lambda: db.execute_command("GET"), "wrong number of arguments"),
        (lambda: db.execute_command("NOSUCH"), "unknown command"),
    ):
        try:
            call()
        except redis.ResponseError as error:
            assert expected in str(error), error
        else:
            raise AssertionError(f"no error: {expected}")
    for wrong in (redis.Redis(port=PORT), redis.Redis(port=PORT, password="wrong")):
        try:
            wrong.ping()
        except redis.AuthenticationError:
            continue
        raise AssertionError("let in without the password")


def pool():
    shared = redis.ConnectionPool(port=PORT, password=PASSWORD, max_connections=20)
    counter = redis.Redis(connection_pool=shared)
    counter.delete("counter")

    def count():
        for _ in range(200):
            counter.incr("counter")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.get("counter") == b"1600"


def messages(db):
    with db.pubsub() as ears:
        ears.subscribe("news")
        ears.psubscribe("n*")
        ears.ssubscribe("shard")
        kinds = [next_message(ears)["type"] for _ in range(3)]
        assert kinds == ["subscribe", "psubscribe", "ssubscribe"], kinds
        assert db.publish("news", "text") == 2 and db.spublish("shard", b"\x00\r\n") == 1
        got = sorted((got["type"], got["data"]) for got in (next_message(ears) for _ in range(2)))
        assert got == [("message", b"text"), ("pmessage", b"text")], got
        assert next_message(ears, ears.get_sharded_message)["data"] == b"\x00\r\n"
        assert db.pubsub_channels() == [b"news"] and db.pubsub_numpat() == 1
        assert db.pubsub_numsub("news", "none") == [(b"news", 1), (b"none", 0)]
        ears.ping()
        assert next_message(ears)["type"] == "pong"

    assert db.config_set("notify-keyspace-events", "KEA")
    with db.pubsub(ignore_subscribe_messages=True) as ears:
        ears.psubscribe("__keyspace@0__:*")
        assert ears.get_message(timeout=10) is None
        db.set("watched", 1, ex=100)
        db.delete("watched")
        events = [next_message(ears)["data"] for _ in range(3)]
        assert events == [b"set", b"expire", b"del"], events
    assert db.config_set("notify-keyspace-events", "")


def next_message(ears, receive=None):
    """Waits for a message; none at all fails."""
    for _ in range(100):
        message = (receive or ears.get_message)(timeout=1)
        if message is not None:
            return message
    raise AssertionError("no message")


def caching():
    from redis.cache import CacheConfig

    reader = connect(protocol=3, cache_config=CacheConfig())
    writer = connect()
    for number in range(50):
        writer.set("cached", number)
        deadline = time.monotonic() + 10
        while (value := reader.get("cached")) != str(number).encode():
            assert time.monotonic() < deadline, (number, value)
    assert reader.get_cache().size == 1
    assert writer.info("clients")["tracking_clients"] >= 1


def main():
    for options in ({}, {"protocol": 3}):
        db = connect(**options)
        for flow in (strings, keys, pipelines, clients, information, errors, messages):
            flow(db)
            print(flow.__name__, options, "passed")
        db.flushall()
    decoded_and_resp3()
    other_databases()
    pool()
    caching()
    print("all passed")


main()
