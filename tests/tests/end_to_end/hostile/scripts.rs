//! Scripts that mean harm, through the real server: each ends with a reply, the connection stays in step, and the next
//! script finds everything as it was.

use super::{MEGABYTE, assert_serves, grows_by_less};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

const NO_MEMORY: &str = "not enough memory";

/// One thread, so that a script that holds it holds everybody.
fn server() -> Server {
    Server::start(&["--busy-reply-threshold", "50", "--io-threads", "1"])
}

fn eval(client: &mut Client, body: &str) -> Value {
    client.call(["EVAL", body, "0"])
}

/// A reply as a line of text.
fn shown(reply: &Value) -> String {
    match reply {
        Value::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        Value::Simple(text) => format!("+{}", String::from_utf8_lossy(text)),
        Value::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Integer(number) => format!(":{number}"),
        Value::Null => "nil".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => panic!("a script replies no {other:?}"),
    }
}

/// Asserts that scripts find the sandbox as it should be, and that others are served.
fn assert_healthy(server: &Server, client: &mut Client, body: &str) {
    let probe = "return {type(KEYS), ('x'):rep(2), type(string.find), #redis, tostring(rawget(_G, 'x'))}";
    assert_eq!(shown(&eval(client, probe)), "[table, xx, function, :0, nil]", "{body}");
    assert_eq!(client.text(["PING"]), "PONG", "{body}");
    assert_serves(server);
}

/// Runs scripts whose replies have to hold a text.
fn check(bodies: &[(&str, &str)]) {
    let server = server();
    let mut client = Client::connect(server.port());
    for (body, expected) in bodies {
        let reply = shown(&eval(&mut client, body));
        let start: String = reply.chars().take(300).collect();
        assert!(reply.contains(expected), "{body}\nexpected {expected}\ngot {start}");
        assert_healthy(&server, &mut client, body);
    }
}

#[test]
fn endless_scripts_are_killed_wherever_they_are() {
    let server = server();
    let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "while true do pcall(redis.call, 'GET', 'k') end",
        "local c = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) c()",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "string.gsub(string.rep('a', 100), '.', function() while true do end end)",
        "table.sort({1, 2, 3, 4, 5}, function() while true do end end)",
        "local s = string.rep('a', 30000) while true do s:find('a-a-a-a-a-a-b') end",
        "while true do pcall(cjson.encode, {1, 2, 3}) end",
        // The script ends at once, its reply hardly ever.
        "local t = {1} for i = 1, 40 do t = {t, t} end return t",
    ] {
        one.send(["EVAL", body, "0"]);
        let start = Instant::now();
        while !shown(&other.call(["GET", "k"])).starts_with("-BUSY ") {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody is busy with {body}");
        }
        assert_eq!(other.text(["SCRIPT", "KILL"]), "OK", "{body}");
        let reply = shown(&one.reply());
        assert!(
            reply.starts_with("-ERR Error running script") || reply.contains("killed by user"),
            "{reply}"
        );
        assert_healthy(&server, &mut one, body);
    }
}

#[test]
fn scripts_cannot_take_more_memory_than_there_is_for_them() {
    let server = server();
    let mut client = Client::connect(server.port());
    for body in [
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 1e10)",
        "return string.rep(string.rep('x', 1e6), 1e6)",
        "local s = string.rep('x', 1e8) local t = {} for i = 1, 100 do t[i] = s end return table.concat(t)",
        "local s = string.rep('x', 1e8) return #s:gsub('x', s)",
        "return string.format('%s%s%s', string.rep('x', 2e8), string.rep('y', 2e8), string.rep('z', 2e8))",
    ] {
        let reply = grows_by_less(&server, 700 * MEGABYTE, || shown(&eval(&mut client, body)));
        assert!(reply.contains(NO_MEMORY), "{body}\n{}", reply.chars().take(300).collect::<String>());
        assert_healthy(&server, &mut client, body);
        let caught = format!("pcall(function() {body} end) return 'still here'");
        assert!(shown(&eval(&mut client, &caught)).contains("still here"), "{caught}");
        assert_healthy(&server, &mut client, body);
    }
}

#[test]
fn recursion_ends() {
    check(&[
        ("local function f() return f() + 1 end return f()", "stack overflow"),
        ("local function f() string.gsub('a', 'a', f) end f()", "overflow"),
        ("local function f() table.sort({1, 2, 3}, f) end f()", "overflow"),
        ("local function f() redis.call('PING') return f() + 1 end return f()", "stack overflow"),
        ("local function f() return coroutine.wrap(f)() end f()", "overflow"),
        ("local f = coroutine.wrap(function(f) f(f) end) return f(f)", "-ERR"),
        ("return tostring(setmetatable({}, {__tostring = function(t) return tostring(t) end}))", "overflow"),
        ("return string.rep('a', 9000):find(string.rep('a?', 9000) .. 'b')", "pattern too complex"),
        (&format!("return {}1{}", "(".repeat(250), ")".repeat(250)), "-ERR Error compiling script"),
        (&format!("return {}{}", "{".repeat(250), "}".repeat(250)), "-ERR Error compiling script"),
        (&"do ".repeat(100_000), "-ERR Error compiling script"),
    ]);
}

#[test]
fn metatables_lead_nowhere() {
    check(&[
        ("getmetatable('').__index = nil", ""),
        ("getmetatable(_G).__index = nil", ""),
        ("setmetatable(string, nil)", "-ERR"),
        ("setmetatable(_G, {__index = function() return 1 end})", "-ERR"),
        ("rawset(_G, 'x', 1)", "-ERR"),
        ("rawset(redis, 'call', nil)", "-ERR"),
        ("for k, v in pairs(_G) do _G[k] = nil end", "-ERR"),
        ("redis.call = function() return 1 end", "-ERR"),
        ("x = 1", "-ERR"),
        ("local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x", "loop in gettable"),
        ("return setmetatable({}, {__index = function() error('no') end})", "[]"),
        ("error(setmetatable({}, {__index = function() error('again') end}))", "-ERR unknown error"),
        ("error(setmetatable({}, {__tostring = function() error('again') end}))", "-ERR unknown error"),
        ("redis.call(setmetatable({}, {__tostring = function() return 'PING' end}))", "-ERR"),
        (
            "local t = setmetatable({}, {__gc = function() while true do end end}) t = nil collectgarbage() return 1",
            ":1",
        ),
        ("setfenv(0, {}) return 1", "-ERR"),
        ("return debug", "-ERR"),
    ]);
}

#[test]
fn compiled_code_is_refused() {
    check(&[
        ("\u{1b}LuaQ\0\u{1}\u{4}\u{8}\u{4}\u{8}\0", "-ERR Error compiling script"),
        ("return tostring(loadstring(string.dump(function() return 1 end)))", "nil"),
        (
            "local d = string.dump(function() return 1 end) return tostring(load(function() return d end))",
            "nil",
        ),
        ("local d = string.dump(function() return 1 end) return tostring((loadstring(d:sub(1, 20))))", "nil"),
        ("return tostring(loadfile) .. tostring(dofile) .. tostring(require)", "-ERR"),
    ]);
}

#[test]
fn tables_without_end_are_refused() {
    check(&[
        ("local t = {} t[1] = t return cjson.encode(t)", "excessive nesting"),
        ("local t = {} t.a = t return cjson.encode(t)", "excessive nesting"),
        (
            "cjson.encode_max_depth(2147483647) local t = {} t[1] = t local ok, e = pcall(cjson.encode, t)
             cjson.encode_max_depth(1000) return e",
            "excessive nesting",
        ),
        ("local t = {} t[1] = t return #cmsgpack.pack(t)", ":"),
        ("local t = {} t[t] = t return #cmsgpack.pack(t)", ":"),
        ("return cjson.decode(string.rep('[', 1e6))", "too many nested"),
        ("return cmsgpack.unpack(string.rep('\\145', 1e6))", "stack overflow"),
        ("return cmsgpack.unpack('\\221\\255\\255\\255\\255' .. string.rep('\\192', 1000))", "Missing bytes"),
        ("return struct.unpack('i', 'abcdefgh', 2^53)", "too short"),
        ("return #struct.pack('c2147483647', 'x')", "too short"),
    ]);
}

#[test]
fn errors_stay_one_line() {
    check(&[
        ("error({err = 'a\\r\\n+OK\\r\\n'})", "-a  +OK"),
        ("error('x\\r\\n$3\\r\\nabc')", "x  $3  abc"),
        ("return {err = 'a\\r\\nb\\r\\n'}", "-a  b"),
        ("return redis.error_reply('a\\r\\n:1\\r\\n')", "a  :1"),
        ("return redis.status_reply('a\\r\\n:1')", "+a  :1"),
        ("return {ok = 'a\\r\\n:1'}", "+a  :1"),
        ("return redis.call('NO\\r\\n+OK')", "-ERR Unknown Redis command"),
        ("redis.call('SET', 'l', 'v') return redis.call('LPUSH', 'l', 'a\\r\\n+OK')", "-WRONGTYPE"),
        ("error(nil)", "-ERR"),
        ("error({})", "-ERR unknown error"),
        ("error({err = {}})", "-ERR"),
        ("error(coroutine.create(function() end))", "-ERR thread: "),
        ("error(string.rep('x', 1e6))", "xxxx"),
    ]);
}

#[test]
fn coroutines_reach_nothing_else() {
    check(&[
        ("coroutine.yield(1)", "-ERR"),
        ("return coroutine.wrap(function() return redis.call('PING') end)()", "+PONG"),
        (
            "local c = coroutine.create(function() redis.call('NOSUCH') end) return {coroutine.resume(c)}",
            "Unknown Redis command",
        ),
        (
            "local c c = coroutine.create(function() return coroutine.resume(c) end) return {coroutine.resume(c)}",
            ":1",
        ),
        (
            "local c = coroutine.wrap(function() coroutine.yield() end) c() c() c()",
            "cannot resume dead coroutine",
        ),
        (
            "local t = {} for i = 1, 1000 do t[i] = coroutine.create(function() coroutine.yield(i) end) coroutine.resume(t[i]) end return #t",
            ":1000",
        ),
        ("table.sort({3, 2, 1}, function() coroutine.yield() end)", "-ERR"),
        ("return pcall(coroutine.wrap, 1)", "nil"),
    ]);
}

#[test]
fn a_table_without_end_is_a_reply_with_an_error_in_it() {
    let server = server();
    for body in ["local t = {} t[1] = t return t", "local t = {} t[1] = t t[2] = t return t"] {
        // No client decodes that deep.
        let mut client = Client::connect(server.port());
        client.send(["EVAL", body, "0"]);
        let words = client.last_words(b"QUIT\r\n");
        assert!(words.contains("-ERR reached lua stack limit\r\n") && words.ends_with("+OK\r\n"), "{body}");
        assert_serves(&server);
    }
}
