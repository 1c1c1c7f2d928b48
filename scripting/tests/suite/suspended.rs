//! Scripts that are suspended, resumed, killed, dropped.

use spinel_resp::{Protocol, ReplyWriter};
use spinel_scripting::{Job, LogLevel, Origin, Progress, Replace, Running, Tick};

use crate::host::Bench;

/// Starts a script that is suspended after some ticks.
fn suspend(bench: &mut Bench, body: &str, ticks: u32, reply: &mut ReplyWriter) -> Running {
    let script = bench.interpreter.prepare(body.as_bytes(), Origin::Eval).unwrap();
    (bench.world.ticks_left, bench.world.then) = (ticks, Tick::Suspend);
    let job = Job::Script { script: &script, keys: &[], arguments: &[] };
    match bench.interpreter.run(job, &mut bench.world, reply) {
        Progress::Suspended(running) => running,
        Progress::Finished => panic!("{body}: finished with {}", reply.bytes().escape_ascii()),
    }
}

/// Resumes until the end, and returns how often that was.
fn finish(bench: &mut Bench, mut running: Running, reply: &mut ReplyWriter) -> u32 {
    for rounds in 1.. {
        bench.world.ticks_left = 2;
        match running.resume(&mut bench.world, reply) {
            Progress::Finished => return rounds,
            Progress::Suspended(again) => running = again,
        }
    }
    unreachable!("the range has no end")
}

const LONG: &str = "local n = 0 for i = 1, 1000000 do n = n + i end return n";

#[test]
fn a_script_goes_on_where_it_was() {
    let mut bench = Bench::new();
    for body in [
        LONG.to_owned(),
        // Inside of functions of C, of coroutines, of protected calls, of searches.
        format!("local ok, n = pcall(function() {LONG} end) return n"),
        format!("return coroutine.wrap(function() {LONG} end)()"),
        format!("local r string.gsub('a', 'a', function() r = (function() {LONG} end)() end) return r"),
        "local n = 0 local t = {} for i = 1, 20000 do t[i] = -i end
         table.sort(t, function(a, b) n = n + 1 return a < b end)
         return string.find(string.rep('a', 600), 'a-a-b') or 500000500000"
            .to_owned(),
    ] {
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        let running = suspend(&mut bench, &body, 3, &mut reply);
        assert!(bench.interpreter.is_busy() && reply.is_empty());
        let rounds = finish(&mut bench, running, &mut reply);
        assert!(rounds > 1, "{body}: {rounds}");
        assert_eq!(reply.bytes().escape_ascii().to_string(), ":500000500000\\r\\n", "{body}");
        assert!(!bench.interpreter.is_busy());
        bench.assert_healthy();
    }
}

#[test]
fn a_long_reply_goes_on_where_it_was() {
    let mut bench = Bench::new();
    let body =
        "local t = {} for i = 1, 1000 do t[i] = 1 end local r = {} for i = 1, 100 do r[i] = t end return r";
    let (mut first, mut second) = (ReplyWriter::new(Protocol::Resp2), ReplyWriter::new(Protocol::Resp2));
    // It runs for fewer instructions than a tick takes, so it is its reply that is suspended.
    let running = suspend(&mut bench, body, 2, &mut first);
    assert!(first.is_empty());
    finish(&mut bench, running, &mut second);
    let row = format!("*1000\r\n{}", ":1\r\n".repeat(1000));
    assert_eq!(second.bytes(), format!("*100\r\n{}", row.repeat(100)).as_bytes());
    bench.assert_healthy();
}

#[test]
fn while_a_script_is_suspended_nothing_changes() {
    let mut bench = Bench::new();
    bench.interpreter.prepare(b"return 5", Origin::Load).unwrap();
    let mut reply = ReplyWriter::new(Protocol::Resp2);
    let running = suspend(&mut bench, LONG, 1, &mut reply);
    assert_eq!(running.name(), bench.interpreter.prepare(LONG.as_bytes(), Origin::Eval).unwrap().sha());
    assert!(bench.eval("return 5").starts_with("-BUSY"));
    assert!(bench.interpreter.prepare(b"return 6", Origin::Eval).is_err());
    assert!(bench.interpreter.flush_scripts().is_err());
    assert!(bench.interpreter.flush_libraries().is_err());
    assert!(bench.interpreter.load_library(b"#!lua name=a\n", Replace::No, &mut bench.world).is_err());
    assert!(bench.interpreter.delete_library(b"a").is_err());
    finish(&mut bench, running, &mut reply);
    assert_eq!(reply.bytes(), b":500000500000\r\n");
    assert_eq!(bench.eval("return 5"), ":5\r\n");
}

#[test]
fn a_suspended_script_can_be_killed() {
    let mut bench = Bench::new();
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local c = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) c()",
        "string.find(string.rep('a', 30000), 'a-a-a-a-a-a-b')",
        "while true do pcall(string.find, string.rep('a', 30000), 'a-a-a-a-a-a-b') end",
    ] {
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        let running = suspend(&mut bench, body, 3, &mut reply);
        (bench.world.ticks_left, bench.world.then) = (0, Tick::Kill);
        assert!(matches!(running.resume(&mut bench.world, &mut reply), Progress::Finished));
        let text = reply.bytes().escape_ascii().to_string();
        assert!(
            text.starts_with("-ERR Script killed by user with SCRIPT KILL... script: "),
            "{body}: {text}"
        );
        assert!(text.ends_with(", on @user_script:1.\\r\\n"), "{body}: {text}");
        bench.assert_healthy();
    }
}

#[test]
fn a_suspended_script_can_be_dropped() {
    let mut bench = Bench::new();
    let mut reply = ReplyWriter::new(Protocol::Resp2);
    let body = "while true do pcall(function() while true do redis.call('ping') end end) end";
    drop(suspend(&mut bench, body, 3, &mut reply));
    bench.assert_healthy();
    // Also with the interpreter gone before.
    let running = suspend(&mut bench, body, 3, &mut reply);
    drop(bench);
    drop(running);
}

#[test]
fn an_interpreter_moves_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let mut bench = Bench::new();
    assert_send(&bench.interpreter);
    bench.eval("return 1");
    let mut interpreter = bench.interpreter;
    let handle = std::thread::spawn(move || {
        let mut bench = Bench::new();
        std::mem::swap(&mut bench.interpreter, &mut interpreter);
        bench.assert_healthy();
        bench.interpreter
    });
    bench.interpreter = handle.join().unwrap();
    bench.assert_healthy();
}

#[test]
fn two_interpreters_take_turns_on_a_thread() {
    let (mut one, mut two) = (Bench::new(), Bench::new());
    let (mut first, mut second) = (ReplyWriter::new(Protocol::Resp2), ReplyWriter::new(Protocol::Resp2));
    let mut running = suspend(&mut one, LONG, 1, &mut first);
    let mut other = suspend(&mut two, LONG, 1, &mut second);
    for _ in 0..3 {
        (one.world.ticks_left, two.world.ticks_left) = (1, 1);
        let Progress::Suspended(again) = running.resume(&mut one.world, &mut first) else { panic!() };
        let Progress::Suspended(other_again) = other.resume(&mut two.world, &mut second) else { panic!() };
        (running, other) = (again, other_again);
    }
    finish(&mut two, other, &mut second);
    finish(&mut one, running, &mut first);
    assert_eq!(first.bytes(), second.bytes());
}

#[test]
fn a_library_that_does_not_end_is_refused() {
    let mut bench = Bench::new();
    for then in [Tick::Suspend, Tick::Kill] {
        (bench.world.ticks_left, bench.world.then) = (3, then);
        let code = b"#!lua name=a\nwhile true do end";
        let error = bench.interpreter.load_library(code, Replace::No, &mut bench.world).unwrap_err();
        assert_eq!(error.to_string(), "ERR Error registering functions: ERR FUNCTION LOAD timeout");
        assert_eq!(bench.interpreter.libraries().count(), 0);
    }
    bench.world.ticks_left = 3;
    let code = b"#!lua name=a\nredis.register_function('f', function() while true do end end)";
    bench.interpreter.load_library(code, Replace::No, &mut bench.world).unwrap();
    (bench.world.ticks_left, bench.world.then) = (3, Tick::Kill);
    let reply = bench.execute(&[b"FCALL", b"f", b"0"], Protocol::Resp2);
    let text = "-ERR Script killed by user with FUNCTION KILL... script: f, on @user_function:2.\r\n";
    assert_eq!(String::from_utf8_lossy(&reply), text);
}

#[test]
fn the_host_hears_of_logs_protocols_and_propagation() {
    let mut bench = Bench::new();
    bench.eval("redis.log(redis.LOG_WARNING, 'a', 5, {}, 'b')");
    assert_eq!(bench.world.log, [(LogLevel::Warning, b"a 5 b".to_vec())]);
    bench.eval(
        "redis.call('ping') redis.setresp(3) redis.set_repl(redis.REPL_AOF) redis.call('ping')
         redis.set_repl(redis.REPL_NONE) redis.call('ping')",
    );
    bench.eval("redis.call('ping')");
    let calls = [
        (Protocol::Resp2, true, true),
        (Protocol::Resp3, true, false),
        (Protocol::Resp3, false, false),
        (Protocol::Resp2, true, true),
    ];
    assert_eq!(bench.world.calls, calls);
    assert_eq!(bench.eval("return tostring(os.clock())"), "$3\r\n1.5\r\n");
}

#[test]
fn replies_of_any_shape_become_values() {
    let mut bench = Bench::new();
    let mut see = |reply: &str, expression: &str| {
        let body =
            format!("redis.setresp(3) local r = redis.call('raw', ARGV[1]) return tostring({expression})");
        bench.eval_with(body.as_bytes(), &[], &[reply.as_bytes()], Protocol::Resp2)
    };
    assert_eq!(see(",1.5\r\n", "r.double"), "$3\r\n1.5\r\n");
    assert_eq!(see(",inf\r\n", "r.double"), "$3\r\ninf\r\n");
    assert_eq!(see("(123\r\n", "r.big_number"), "$3\r\n123\r\n");
    assert_eq!(see("#t\r\n", "r"), "$4\r\ntrue\r\n");
    assert_eq!(see("_\r\n", "r"), "$3\r\nnil\r\n");
    assert_eq!(
        see("=7\r\ntxt:abc\r\n", "r.verbatim_string.format .. r.verbatim_string.string"),
        "$6\r\ntxtabc\r\n"
    );
    assert_eq!(see("%1\r\n+a\r\n:1\r\n", "next(r.map).ok"), "$1\r\na\r\n");
    assert_eq!(see("~2\r\n:1\r\n:2\r\n", "r.set[2]"), "$4\r\ntrue\r\n");
    assert_eq!(see("|1\r\n+a\r\n:1\r\n:5\r\n", "r"), "$1\r\n5\r\n");
    assert_eq!(see(">2\r\n+a\r\n:1\r\n", "r[2]"), "$1\r\n1\r\n");
    assert_eq!(see("*-1\r\n", "r"), "$5\r\nfalse\r\n");
    assert_eq!(see("%1\r\n_\r\n:1\r\n", "next(r.map)"), "$3\r\nnil\r\n");
    for malformed in
        ["", "$5\r\nab\r\n", "*2\r\n:1\r\n", "?x\r\n", ":x\r\n", "%1\r\n:1\r\n", "*99999999999\r\n", "$x\r\n"]
    {
        assert_eq!(
            see(malformed, "r.err"),
            "$34\r\nERR a command gave a malformed reply\r\n".replace("34", "36"),
            "{malformed}"
        );
    }
    let deep = "*1\r\n".repeat(1000) + ":1\r\n";
    assert!(see(&deep, "r.err").contains("malformed"));
}

#[test]
fn only_the_scripts_of_eval_that_were_used_last_are_kept() {
    let mut bench = Bench::new();
    let loaded = bench.interpreter.prepare(b"return 'loaded'", Origin::Load).unwrap();
    let first = bench.interpreter.prepare(b"return 'first'", Origin::Eval).unwrap();
    let second = bench.interpreter.prepare(b"return 'second'", Origin::Eval).unwrap();
    for number in 0..499 {
        bench.eval(&format!("return {number}"));
        bench.eval("return 'first'");
    }
    let counts = bench.interpreter.scripts();
    assert_eq!((counts.cached, counts.evicted), (501, 1));
    let has = |bench: &Bench, sha: &str| bench.interpreter.script(sha.as_bytes()).is_some();
    assert!(has(&bench, loaded.sha()) && has(&bench, first.sha()) && !has(&bench, second.sha()));
    bench.interpreter.prepare(b"return 'first'", Origin::Load).unwrap();
    for number in 500..1500 {
        bench.eval(&format!("return {number}"));
    }
    assert!(has(&bench, first.sha()), "a script that was loaded stays");
    bench.interpreter.flush_scripts().unwrap();
    assert_eq!(bench.interpreter.scripts().cached, 0);
    assert_eq!(bench.interpreter.scripts().bytes, 0);
}
