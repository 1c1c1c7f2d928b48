//! What people see, for what a server said.

use super::canvas::{Charset, Size, print};
use super::keyboard::Key;
use super::latencies::Latencies;
use super::sample::{Clients, Sample, client_list, slow_commands};
use super::state::{Reaction, Top, View};
use super::views::{report, screen};
use crate::info::Info;
use spinel_resp::value::Value;
use std::time::{Duration, Instant};

const SMALL: Size = Size { width: 80, height: 24 };

/// What stays the same between two looks.
const STILL: &str = "\
spinel_version:0.1.0\r\nredis_version:8.0.0\r\nrun_id:a\r\nuptime_in_seconds:266400\r\nrole:master\r\nconnected_slaves:0\r\n\
connected_clients:51\r\nblocked_clients:3\r\nmaxclients:10000\r\nused_memory:1288490188\r\nused_memory_rss:1400000000\r\n\
used_memory_peak:1300000000\r\nmaxmemory:2147483648\r\nmaxmemory_policy:allkeys-lru\r\nmem_fragmentation_ratio:1.09\r\n\
rdb_changes_since_last_save:1234\r\nrdb_last_save_time:1000\r\nrdb_last_bgsave_status:ok\r\naof_enabled:0\r\n\
db0:keys=1234567,expires=12,avg_ttl=61000,subexpiry=0\r\ndb3:keys=8,expires=0,avg_ttl=0,subexpiry=2\r\n";

const BEFORE: &str = "\
total_commands_processed:1000\r\nkeyspace_hits:100\r\nkeyspace_misses:100\r\nexpired_keys:5\r\nevicted_keys:0\r\n\
total_net_input_bytes:0\r\ntotal_net_output_bytes:0\r\nused_cpu_sys:1.0\r\nused_cpu_user:2.0\r\n\
cmdstat_get:calls=600,usec=600,usec_per_call=1.00,rejected_calls=0,failed_calls=0\r\n\
cmdstat_config|get:calls=7,usec=70,usec_per_call=10.00,rejected_calls=0,failed_calls=0\r\n";

const AFTER: &str = "\
total_commands_processed:51000\r\nkeyspace_hits:39300\r\nkeyspace_misses:900\r\nexpired_keys:11\r\nevicted_keys:44\r\n\
total_net_input_bytes:2097152\r\ntotal_net_output_bytes:5242880\r\nused_cpu_sys:1.2\r\nused_cpu_user:2.6\r\n\
cmdstat_get:calls=40600,usec=80600,usec_per_call=1.98,rejected_calls=0,failed_calls=0\r\n\
cmdstat_zadd:calls=9990,usec=250000,usec_per_call=25.02,rejected_calls=2,failed_calls=10\r\n\
cmdstat_config|get:calls=7,usec=70,usec_per_call=10.00,rejected_calls=0,failed_calls=0\r\n\
latency_percentiles_usec_get:p50=1.003,p99=2.007,p99.9=10.047\r\n";

fn histogram(get: &[i64]) -> Option<Latencies> {
    let word = |word: &str| Value::Bulk(word.into());
    let counts = Value::Array(get.iter().copied().map(Value::Integer).collect());
    let fields = vec![word("calls"), Value::Integer(0), word("histogram_usec"), counts];
    Latencies::read(&Value::Array(vec![word("get"), Value::Array(fields)]))
}

fn sample(text: &str, at: Instant) -> Sample {
    Sample {
        at,
        unix_seconds: 1180,
        answer: Duration::from_micros(180),
        info: Info::parse(&format!("{STILL}{text}")),
        latencies: None,
        slow: Vec::new(),
        clients: Clients::NotAsked,
    }
}

fn slow_log() -> Value {
    let word = |word: &str| Value::Bulk(word.into());
    let row = |time: i64, took: i64, words: &[&str]| {
        let words = words.iter().map(|text| word(text)).collect();
        let fields = [Value::Integer(1), Value::Integer(time), Value::Integer(took), Value::Array(words)];
        Value::Array(fields.into_iter().chain([word("127.0.0.1:50000"), word("job")]).collect())
    };
    Value::Array(vec![row(1170, 123_456, &["KEYS", "*"]), row(900, 15_000, &["SORT", "a b", "BY", "\n"])])
}

/// Somebody who has looked twice, a second apart.
fn looked_at(view: View) -> Top {
    let mut top = Top::new("127.0.0.1:6379".to_owned(), view, Duration::from_secs(1));
    let begin = Instant::now();
    let mut before = sample(BEFORE, begin);
    before.latencies = histogram(&[1, 600]);
    top.learn(before);
    let mut after = sample(AFTER, begin + Duration::from_secs(1));
    after.latencies = histogram(&[1, 30_600, 4, 40_560, 16, 40_600]);
    after.slow = slow_commands(&slow_log());
    let clients = "id=3 addr=127.0.0.1:50000 name=job age=4000 idle=0 db=0 sub=0 tot-mem=22000 omem=0 cmd=get user=default tot-cmds=77\n\
                   id=4 addr=10.0.0.9:41234 name= age=12 idle=12 db=3 sub=2 tot-mem=2500000 omem=2400000 cmd=subscribe user=ada tot-cmds=1\n";
    after.clients = client_list(&Value::Bulk(clients.into()));
    top.learn(after);
    top
}

#[track_caller]
fn check(top: &Top, size: Size, expected: &str) {
    let shown = format!("\n{}", print(&screen(top, size, Charset::Unicode)));
    assert!(shown == expected, "it shows:{shown}");
}

#[test]
fn the_overview_fits_a_small_screen() {
    check(
        &looked_at(View::Overview),
        SMALL,
        r#"
 SpinelDB 0.1.0 · 127.0.0.1:6379 · up 3d 02h                           every 1s

 commands  50,000/s   █                        hit rate  98.0%
 CPU       80.0%      █                        keys      1.23M
 memory    1.20G      █████░░░ 60% of 2.00G    expired   6.0/s
 network   2.00M/s in, 5.00M/s out             evicted   44/s
 clients   51, 3 blocked (at most 10,000)      unsaved   1,234 in 3min
 latency   p50 1µs  p99 4µs  p99.9 4µs         INFO took 180µs

 COMMAND           CALLS/S  BUSY %    MEAN     P50     P99    CALLS  FAILED/S
 zadd                9,990    25.0    25µs       -       -    9,990        10
 get                40,000     8.0     2µs     1µs     4µs   40,600         0
 config get              0     0.0       -       -       -        7         0







 SLOW COMMAND OF      TOOK  CLIENT           WORDS
 10s ago             123ms  127.0.0.1:50000  KEYS *
 4min ago           15.0ms  127.0.0.1:50000  SORT "a b" BY "\n"
 1 overview  2 commands  3 clients  4 slow  5 keys      p pause  ? help  q quit
"#,
    );
}

#[test]
fn a_first_look_knows_no_rates() {
    let mut top = Top::new("h:1".to_owned(), View::Overview, Duration::from_secs(1));
    check(
        &top,
        Size { width: 60, height: 5 },
        "
 h:1                                               every 1s

 Asking the server.

 1 overview  2 commands  3 clients  4 slow  5 keys   q quit
",
    );
    top.learn(sample(BEFORE, Instant::now()));
    check(
        &top,
        Size { width: 60, height: 18 },
        "
 SpinelDB 0.1.0 · h:1 · up 3d 02h                  every 1s

 commands  -
 CPU       -
 memory    1.20G      █████░░░ 60% of 2.00G
 network   - in, - out
 clients   51, 3 blocked (at most 10,000)
 latency   -
 hit rate  -
 keys      1.23M
 expired   -
 evicted   -
 unsaved   1,234 in 3min
 INFO took 180µs

 COMMAND           CALLS/S  BUSY %    MEAN     P50     P99
 get                     -       -       -       -       -
 1 overview  2 commands  3 clients  4 slow  5 keys   q quit
",
    );
}

#[test]
fn large_screens_show_all_columns() {
    check(
        &looked_at(View::Commands),
        Size { width: 110, height: 8 },
        "
 SpinelDB 0.1.0 · 127.0.0.1:6379 · up 3d 02h                                                         every 1s
 COMMAND           CALLS/S  BUSY %    MEAN     P50     P99    CALLS  FAILED/S  REFUSED/S
 zadd                9,990    25.0    25µs       -       -    9,990        10        2.0
 get                40,000     8.0     2µs     1µs     4µs   40,600         0          0
 config get              0     0.0       -       -       -        7         0          0


 1 overview  2 commands  3 clients  4 slow  5 keys                          ←→ order  p pause  ? help  q quit
",
    );
    check(
        &looked_at(View::Clients),
        Size { width: 110, height: 6 },
        "
 SpinelDB 0.1.0 · 127.0.0.1:6379 · up 3d 02h                                                         every 1s
 ADDRESS          NAME    USER     DB  COMMAND       AGE    IDLE  MEMORY  UNSENT  SUBS    CALLS
 10.0.0.9:41234           ada       3  subscribe     12s     12s   2.38M   2.29M     2        1
 127.0.0.1:50000  job     default   0  get        1h 06m      0s   21.5K      0B     0       77

 1 overview  2 commands  3 clients  4 slow  5 keys                          ←→ order  p pause  ? help  q quit
",
    );
}

#[test]
fn slow_commands_and_keys_have_views() {
    check(
        &looked_at(View::Slow),
        Size { width: 80, height: 6 },
        r#"
 SpinelDB 0.1.0 · 127.0.0.1:6379 · up 3d 02h                           every 1s
 SLOW COMMAND OF      TOOK  CLIENT           WORDS
 10s ago             123ms  127.0.0.1:50000  KEYS *
 4min ago           15.0ms  127.0.0.1:50000  SORT "a b" BY "\n"

 1 overview  2 commands  3 clients  4 slow  5 keys      p pause  ? help  q quit
"#,
    );
    check(
        &looked_at(View::Keys),
        Size { width: 80, height: 30 },
        "
 SpinelDB 0.1.0 · 127.0.0.1:6379 · up 3d 02h                           every 1s
 DATABASE       KEYS   EXPIRING   MEAN TTL  WITH FIELDS THAT EXPIRE
 0             1.23M         12       1min                        0
 3                 8          0          -                        2

 MEMORY                    BYTES
 in use                    1.20G  ██████████████████░░
 at most so far            1.21G
 limit                     2.00G
 of the process            1.30G  ████████████████████
 The process takes 1.09 times what is in use. Eviction: allkeys-lru.

 COUNTED                 A SECOND     IN ALL
 keys expired                 6.0         11
 keys evicted                  44         44
 reads that found a key    39,200     39,300
 reads that found none        800        900

 The largest keys are found by --bigkeys, those used most by --hotkeys.










 1 overview  2 commands  3 clients  4 slow  5 keys      p pause  ? help  q quit
",
    );
}

#[test]
fn every_screen_has_as_many_lines_and_letters_as_the_terminal() {
    for view in View::ALL {
        for (width, height) in [(1, 1), (20, 2), (39, 9), (80, 24), (200, 60)] {
            let mut top = looked_at(view);
            for is_helping in [false, true] {
                top.is_helping = is_helping;
                top.worry("Error: Server closed the connection".to_owned());
                let lines = screen(&top, Size { width, height }, Charset::Ascii);
                assert_eq!(lines.len(), height.max(2), "{view:?}");
                assert!(lines.iter().all(|line| line.width() <= width), "{view:?} {width}");
                assert!(lines.iter().all(|line| line.text().is_ascii()), "{view:?}");
            }
        }
    }
}

#[test]
fn a_server_that_does_not_answer_is_told_of() {
    let mut top = looked_at(View::Commands);
    top.worry("Error: Server closed the connection".to_owned());
    let shown = print(&screen(&top, SMALL, Charset::Unicode));
    assert!(shown.contains("\n Error: Server closed the connection. Trying again.\n"), "{shown}");
    top.learn(sample(AFTER, Instant::now()));
    assert!(!print(&screen(&top, SMALL, Charset::Unicode)).contains("Trying again"));
    top.wait(Duration::from_secs(2));
    assert!(print(&screen(&top, SMALL, Charset::Unicode)).contains("\n No answer for 2s.\n"));
}

#[test]
fn a_server_that_was_started_again_is_a_new_one() {
    let mut top = looked_at(View::Overview);
    let mut other = sample(AFTER, Instant::now() + Duration::from_secs(9));
    other.info = Info::parse(&format!("{STILL}{AFTER}run_id:b\r\n"));
    top.learn(other);
    assert!(top.change().is_none());
}

#[test]
fn servers_that_tell_less_are_shown_too() {
    let mut top = Top::new("h:1".to_owned(), View::Overview, Duration::from_secs(1));
    for seconds in [1, 2] {
        let mut other = sample("", Instant::now() + Duration::from_secs(seconds));
        other.info = Info::parse("redis_version:2.8.0\r\nused_memory:1024\r\n");
        top.learn(other);
    }
    for view in View::ALL {
        top.view = view;
        let shown = print(&report(&top, SMALL, Charset::Ascii));
        assert!(shown.contains("Redis 2.8.0"), "{shown}");
        assert!(!shown.contains("NaN") && !shown.contains("inf"), "{shown}");
    }
}

#[test]
fn keys_change_what_is_seen() {
    let mut top = looked_at(View::Overview);
    assert_eq!(top.press(Key::Char('3'), SMALL), Reaction::Look);
    assert_eq!((top.view, top.wish().clients), (View::Clients, true));
    assert_eq!(top.press(Key::BackTab, SMALL), Reaction::Look);
    assert_eq!(top.view, View::Commands);
    let first = |top: &Top| {
        print(&screen(top, SMALL, Charset::Ascii)).lines().nth(2).unwrap_or_default()[1..5].to_owned()
    };
    assert_eq!(first(&top), "zadd");
    top.press(Key::Left, SMALL);
    assert_eq!(first(&top), "get ", "by calls a second");
    top.press(Key::Left, SMALL);
    assert_eq!(first(&top), "conf", "by name");
    top.press(Key::Char('r'), SMALL);
    assert_eq!(first(&top), "zadd");

    top.press(Key::Char('+'), SMALL);
    assert_eq!(top.interval(), Duration::from_secs(2));
    for _ in 0..20 {
        top.press(Key::Char('-'), SMALL);
    }
    assert_eq!(top.interval(), Duration::from_millis(100));
    top.press(Key::Char('p'), SMALL);
    top.learn(sample(BEFORE, Instant::now()));
    assert_eq!(first(&top), "zadd", "nothing moves while somebody reads");
    assert_eq!(top.press(Key::Char('p'), SMALL), Reaction::Look);
    assert_eq!(top.press(Key::Char('?'), SMALL), Reaction::Nothing);
    assert_eq!(top.press(Key::Char('q'), SMALL), Reaction::Nothing, "the help goes first");
    assert_eq!(top.press(Key::Control('c'), SMALL), Reaction::Quit);
    assert_eq!(top.press(Key::Control('z'), SMALL), Reaction::Suspend);
}

#[test]
fn rows_scroll_below_their_heading() {
    let mut top = looked_at(View::Commands);
    let size = Size { width: 60, height: 5 };
    for _ in 0..9 {
        top.press(Key::Down, size);
    }
    let shown = print(&screen(&top, size, Charset::Ascii));
    assert!(shown.lines().nth(1).unwrap_or_default().starts_with(" COMMAND"), "{shown}");
    assert!(shown.lines().nth(2).unwrap_or_default().starts_with(" get"), "{shown}");
    top.press(Key::Home, size);
    assert_eq!(top.scrolled, 0);
}
