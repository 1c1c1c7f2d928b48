//! Scripts that mean harm: each ends, and the interpreter is as good as new.

use spinel_resp::Protocol;
use spinel_scripting::Settings;

use crate::host::Bench;

const MEGABYTE: usize = 1 << 20;

/// Small enough that running out of it takes no time.
fn settings() -> Settings {
    Settings { memory_bytes_max: 8 * MEGABYTE, reply_bytes_max: 2 * MEGABYTE, ..Settings::default() }
}

/// Runs a script; its reply has to hold `expected`.
fn check(body: &str, expected: &str) {
    let mut bench = Bench::with(settings());
    bench.world.ticks_left = 30;
    let reply = bench.eval(body);
    assert!(reply.contains(expected), "{body}\nexpected {expected}\ngot {}", &reply[..reply.len().min(300)]);
    bench.assert_healthy();
    assert!(bench.interpreter.memory_bytes().0 < 10 * MEGABYTE);
}

const KILLED: &str = "-ERR Script killed by user with SCRIPT KILL...";
const NO_MEMORY: &str = "not enough memory";

#[test]
fn endless_scripts_are_killed() {
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(redis.call, 'ping') end",
        "while true do redis.pcall('ping') end",
        "local function f() return pcall(f) end while true do f() end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "local c = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) c()",
        "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
        "local t = setmetatable({}, {__index=function(t, k) return t[k .. 'x'] or 1 end}) while true do pcall(function() return t.x end) end",
        "string.gsub(string.rep('a', 100), '.', function() while true do end end)",
        "table.sort({1,2,3,4,5}, function() while true do end end)",
        "repeat until false",
        "for i = 1, 1e308 do end",
        "goto = 1 while true do end",
        "load(function() while true do end end)",
        "load(function() return ' ' end)",
        "for w in string.gmatch(string.rep('a', 100), '.') do while true do end end",
    ] {
        let mut bench = Bench::with(settings());
        bench.world.ticks_left = 10;
        let reply = bench.eval(body);
        let is_over = reply.starts_with(KILLED) || reply.contains(NO_MEMORY) || reply.contains("overflow");
        assert!(is_over || body.starts_with("goto"), "{body}\n{reply}");
        bench.assert_healthy();
    }
}

#[test]
fn patterns_that_take_exponential_time_are_killed() {
    let long = "local s = string.rep('a', 30000)";
    for search in [
        "return s:find('(a*)*(a*)*(a*)*b')",
        "return s:match('a-a-a-a-a-a-b')",
        "return s:gsub('a*a*a*a*b', 'x')",
        "return s:gsub('a*a*a*a*b', function() end)",
        "for w in s:gmatch('a*a*a*a*b') do end",
        "for w in s:gfind('a*a*a*a*b') do end",
        "return s:find('(a*)%1%1%1b')",
        "return (s..s..s..s):find(string.rep('a', 60000) .. 'b', 1, true)",
    ] {
        let body = format!("{long} {search}");
        if search.contains("true)") {
            // A plain search has no bound that a script could exceed by much: it takes long, but it ends.
            check(&body, "");
        } else {
            check(&body, KILLED);
        }
        check(&format!("{long} while true do pcall(function() {search} end) end"), KILLED);
    }
}

#[test]
fn deep_patterns_are_refused() {
    check("return string.rep('a', 9000):find(string.rep('a?', 9000) .. 'b')", "pattern too complex");
    check("return string.rep('a', 9000):match(string.rep('(', 33) .. 'a')", "too many captures");
}

#[test]
fn memory_is_bounded() {
    for body in [
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 1e9)",
        "return string.rep(string.rep('x', 1e6), 1e6)",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1000) .. i end",
        "local s = string.rep('x', 1e7) local t = {} for i = 1, 100 do t[i] = s end return table.concat(t)",
        "local s = string.rep('x', 1e7) return #s:gsub('x', s)",
        "local s = string.rep('x', 1e6) return (s:gsub('x*x*x*$', string.rep('%0', 100)))",
        "local c = {} while true do c[#c + 1] = coroutine.create(function() end) end",
        "return loadstring('return ' .. string.rep('{', 100) .. string.rep('}', 100)) and string.rep('x', 1e9)",
        "local t = {} for i = 1, 1e6 do t[i] = redis.call('echo', string.rep('x', 1000) .. i) end",
        "return string.format('%s%s', string.rep('x', 2e7), string.rep('y', 2e7))",
        "return string.upper(string.rep('x', 2e7)) .. string.lower(string.rep('x', 2e7))",
    ] {
        check(body, NO_MEMORY);
        check(&format!("pcall(function() {body} end) return 'still here'"), "");
    }
}

#[test]
fn recursion_is_bounded() {
    check("local function f() return f() + 1 end return f()", "stack overflow");
    check("local function f() return pcall(f) end return f()", "");
    check("local function f() string.gsub('a', 'a', f) end f()", "overflow");
    check("local function f() table.sort({1,2,3}, f) end f()", "overflow");
    check("local function f() redis.call('ping') return f() + 1 end return f()", "stack overflow");
    check("local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x", "loop in gettable");
    check(
        "local t = {} for i = 1, 300 do t = setmetatable({}, {__index=t}) end return t.x",
        "loop in gettable",
    );
    check(
        "local f = function() end for i = 1, 1000 do local g = f f = function() return pcall(g) end end f() return 1",
        "",
    );
    check("local f = coroutine.wrap(function(f) f(f) end) return f(f)", "ERR");
    check("local function f() return coroutine.wrap(f)() end f()", "overflow");
    check(&format!("return {}1{}", "(".repeat(250), ")".repeat(250)), "ERR Error compiling script");
    check(&format!("return {}{}", "{".repeat(250), "}".repeat(250)), "ERR Error compiling script");
    check("return loadstring(string.rep('do ', 1000))", "");
    check("return tostring(setmetatable({}, {__tostring=function(t) return tostring(t) end}))", "overflow");
}

#[test]
fn errors_of_any_shape_become_replies() {
    check("error({err='a\\r\\n+OK\\r\\n'})", "-a  +OK");
    check("error('x\\r\\n$3\\r\\nabc')", "-ERR user_script:1: x  $3  abc script");
    check("return {err='a\\r\\nb\\r\\n'}", "-a  b\r\n");
    check("return {ok='a\\r\\nb'}", "+a  b\r\n");
    check("return {big_number='1\\r\\n:2'}", "1");
    check("error(nil)", "-ERR nil");
    check("error(setmetatable({}, {__index=function() error('again') end}))", "-ERR unknown error");
    check("error(setmetatable({}, {__tostring=function() error('again') end}))", "-ERR unknown error");
    check("error(coroutine.create(function() end))", "-ERR thread: ");
    check("error(redis.call)", "-ERR function: ");
    check("error(string.rep('x', 100000))", "xxxx");
    check("local ok, e = pcall(error) return tostring(ok)", "false");
}

#[test]
fn replies_are_bounded() {
    check("local t = {} t[1] = t return t", "reached lua stack limit");
    check("local t = {} t[1] = t t[2] = t return t", "reached lua stack limit");
    check("local t = {} t.map = t return t", "reached lua stack limit");
    check("local t = {1} for i = 1, 40 do t = {t, t} end return t", "ERR the script's reply is too large");
    check("local s = string.rep('x', 1e6) local t = {} for i = 1, 9 do t[i] = s end return t", "too large");
    let mut bench = Bench::with(settings());
    let reply = bench.eval_with(b"local t = {} t[t] = t return {map=t}", &[], &[], Protocol::Resp3);
    assert!(reply.contains("reached lua stack limit") || reply.starts_with('%'), "{reply}");
}

#[test]
fn a_long_reply_can_be_killed() {
    let mut bench = Bench::with(Settings::default());
    bench.world.ticks_left = 10;
    let reply = bench.eval("local t = {1} for i = 1, 40 do t = {t, t} end return t");
    assert!(reply.starts_with(KILLED), "{reply}");
    bench.assert_healthy();
}

#[test]
fn nothing_of_the_sandbox_can_be_changed() {
    for body in [
        "table.insert(redis, 1)",
        "table.remove(string)",
        "table.setn(_G, 5)",
        "rawset(string, 'x', 1)",
        "local _, t = pairs(redis) t.x = 1",
        "getmetatable('').__index = nil",
        "getmetatable(_G).__index = nil",
        "setmetatable(string, nil)",
        "for k, v in pairs(_G) do _G[k] = nil end",
        "_G._G = nil",
        "string = nil",
        "getmetatable('').__metatable = nil",
        "redis.call = nil",
        "KEYS = nil",
        "math.huge = 0",
        "table.sort(redis, function() return true end)",
        "table.foreach(redis, function(k) redis[k] = nil end)",
        "local f, t = next, redis local k = f(t) t[k] = nil",
        "coroutine.wrap(function() x = 1 end)()",
        "loadstring('x = 1')()",
        "load(function() return nil end)() x = 1",
        "bit.band = nil",
        "os.clock = nil",
    ] {
        let mut bench = Bench::with(settings());
        bench.eval(body);
        bench.assert_healthy();
        assert_eq!(
            bench.eval("return {#redis, type(KEYS), ('x'):rep(2), type(string.find)}"),
            "*4\r\n:0\r\n$5\r\ntable\r\n$2\r\nxx\r\n$8\r\nfunction\r\n",
            "{body}"
        );
    }
}

#[test]
fn compiled_code_is_refused() {
    let mut bench = Bench::new();
    let reply = bench.eval_with(b"\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00", &[], &[], Protocol::Resp2);
    assert!(reply.starts_with("-ERR Error compiling script (new function): user_script:1:"), "{reply}");
    check("local f = loadstring(string.dump(function() return 1 end)) return tostring(f)", "nil");
    check(
        "local d = string.dump(function() return 1 end) return tostring(load(function() return d end))",
        "nil",
    );
}

#[test]
fn numbers_at_their_ends_are_refused() {
    check("return {unpack({}, -2147483648, 2147483647)}", "too many results to unpack");
    check("return {unpack({}, -2147483648, -1)}", "too many results to unpack");
    check("return {unpack({1, 2}, -1e9, '2e9')}", "too many results to unpack");
    check("return {unpack({1, 2}, '1', 2)}", "*2");
    check("return {unpack({1, 2}, nil, nil)}", "*2");
    check("return {unpack(1)}", "bad argument #1 to 'unpack' (table expected, got number)");
    check("return {unpack({}, {})}", "bad argument #2 to 'unpack' (number expected, got table)");
    check("table.insert({}, -2147483648, 1)", "bad argument #2 to 'insert' (position out of bounds)");
    check("local t = {1} table.insert(t, -5, 2) return t[-5]", ":2");
    check("return type(collectgarbage('step', 2^31))", "boolean");
}

#[test]
fn sorts_end_whatever_the_order() {
    check("local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() return true end)", "");
    check(
        "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function(a) return a == 5 end) return 1",
        "",
    );
    check("local t = {} for i = 1, 1000 do t[i] = 0/0 end table.sort(t) return #t", ":1000");
    check(
        "local t = {} for i = 1, 1e5 do t[i] = (i * 7919) % 1e5 end table.sort(t)
           for i = 2, #t do assert(t[i - 1] <= t[i]) end return #t",
        ":100000",
    );
}

#[test]
fn collecting_cannot_be_stopped() {
    check("collectgarbage('stop') for i = 1, 1e6 do local t = {i, {}, tostring(i)} end return 1", ":1");
    check("collectgarbage('setpause', 1e6) for i = 1, 1e6 do local t = {i, {}} end return 1", ":1");
}

#[test]
fn libraries_are_bounded() {
    check("local t = {} t[1] = t t[2] = t return cjson.encode(t)", "excessive nesting");
    check(
        "cjson.encode_max_depth(2147483647) local t = {} t[1] = t return cjson.encode(t)",
        "excessive nesting",
    );
    check("cjson.decode_max_depth(2147483647) return #cjson.decode(string.rep('[', 1e6))", "too many nested");
    check("local t = {1} for i = 1, 40 do t = {t, t} end return #cjson.encode(t)", "-ERR ");
    check("return #cjson.encode(string.rep('\\1', 1e6) .. string.rep('\\1', 1e6))", NO_MEMORY);
    check("cjson.encode_sparse_array(false, 0) return #cjson.encode({[2^31]=1})", "");
    check("return cjson.decode('[' .. string.rep('1,', 1e6) .. '1]')", NO_MEMORY);
    check("return cjson.decode('[' .. string.rep('{},', 1e5) .. '1]')", NO_MEMORY);
    check("return cjson.decode('{' .. string.rep('\"a\":1,', 3e5) .. '\"b\":2}').b", ":2");
    check("while true do pcall(cjson.encode, {1, 2, 3}) end", KILLED);
    check("local t = {} t[1] = t t[2] = t return #cmsgpack.pack(t)", ":");
    check("local t = {1} for i = 1, 40 do t = {t, t, t, t, t, t} end return #cmsgpack.pack(t)", "");
    check(
        "return cmsgpack.unpack('\\221\\255\\255\\255\\255' .. string.rep('\\192', 1000))",
        "Missing bytes",
    );
    check("return cmsgpack.unpack('\\221\\0\\15\\255\\255' .. string.rep('\\144', 2e6))", NO_MEMORY);
    check("return cmsgpack.unpack(string.rep('\\145', 1e6))", "stack overflow");
    check("return #{cmsgpack.unpack(string.rep('\\1', 1e6))}", "stack overflow");
    check("return #struct.pack('c2147483647', 'x')", "too short");
    check("return #{struct.unpack(string.rep('b', 1e5), string.rep('a', 1e5))}", "stack overflow");
    check("return struct.size(string.rep('c2147483647', 1e4))", ":21474836470000");
    check("return struct.unpack('i', 'abcdefgh', 2^53)", "too short");
    check("return struct.unpack('dc0', string.rep('\\255', 8))", "");
    check("return bit.tohex(1, -2^31)", "00000001");
}

#[test]
fn random_bytes_are_no_script_or_end() {
    let mut seed = 1_u64;
    let mut bench = Bench::with(settings());
    let words = [
        "redis", ".call", "(", ")", "'ping'", "{", "}", "=", "local t", "end", "if", "then", " ", "\n",
        "return", "function", "%", "[[", "]]", "--", "\0", "\u{1b}", "1e9", "..", "#", "nil", "pcall", ",",
    ];
    for _ in 0..2_000 {
        let mut body = String::new();
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            body.push_str(words[(seed >> 33) as usize % words.len()]);
        }
        assert!(bench.eval(&body).ends_with("\r\n"));
    }
    bench.assert_healthy();
}

/// Each takes any bytes, and refuses them or reads, writes and reads them again.
const ROUNDS: [(&str, &[&[u8]]); 3] = [
    (
        "local ok, value = pcall(cjson.decode, ARGV[1])
         if not ok then return value end
         local ok, again = pcall(cjson.encode, value)
         if not ok then return again end
         assert(#cjson.encode(cjson.decode(again)) == #again, again)
         return again",
        &[
            b"{\"a\":[1,2.5e3,null,true],\"b\":\"\\u00e9\\n\"}",
            b"[[],{},-0,1e30]",
            b"[0x1f,[\"\\ud83d\\ude00\"]]",
        ],
    ),
    (
        "local values = {pcall(cmsgpack.unpack, ARGV[1])}
         if not values[1] then return values[2] end
         assert(type(cmsgpack.unpack(cmsgpack.pack(values))) == 'table')
         return {cmsgpack.unpack_one(cmsgpack.pack(values))}",
        &[
            b"\x93\x01\xa1a\x81\x02\xc0",
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xcb\x3f\xf8\0\0\0\0\0\0",
            b"\xdc\0\x02\xd9\x01a\xde\0\0",
        ],
    ),
    (
        "local format, data = string.sub(ARGV[1], 1, 6), string.sub(ARGV[1], 7)
         local values = {pcall(struct.unpack, format, data)}
         if not values[1] then return values[2] end
         table.remove(values, 1) table.remove(values)
         return {pcall(struct.pack, format, unpack(values))}",
        &[b">i2c0 \0\x02ab", b"!4bids\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0ab\0", b"Bc0f  \x02ab\0\0\xc0\x3f"],
    ),
];

/// Inserts, changes, removes or repeats a few bytes.
fn damage(sample: &[u8], draw: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=draw(4) {
        let at = draw(bytes.len() + 1);
        match draw(4) {
            0 => bytes.insert(at, draw(256) as u8),
            1 if at < bytes.len() => bytes[at] = draw(256) as u8,
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

#[test]
fn libraries_take_any_bytes() {
    let mut seed = 7_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    let mut bench = Bench::with(settings());
    for (body, samples) in ROUNDS {
        for round in 0..4_000 {
            let bytes = damage(samples[round % samples.len()], &mut draw);
            bench.world.ticks_left = 100;
            let reply = bench.eval_with(body.as_bytes(), &[], &[&bytes], Protocol::Resp2);
            assert!(!reply.starts_with('-'), "{}: {reply}", bytes.escape_ascii());
        }
    }
    bench.assert_healthy();
}
