use super::*;

fn parse(line: &str) -> Result<Arguments, Refusal> {
    parse_in(line, &Surroundings::default())
}

fn parse_in(line: &str, surroundings: &Surroundings) -> Result<Arguments, Refusal> {
    let words: Vec<OsString> = format!("spinel-cli {line}").split_whitespace().map(Into::into).collect();
    Arguments::parse(&words, surroundings)
}

#[track_caller]
fn mistake(line: &str) -> String {
    match parse(line) {
        Err(Refusal::Mistake(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn nothing_given_means_the_local_server() {
    let arguments = parse("").unwrap();

    assert_eq!(arguments.login.address, Address::Tcp { host: "127.0.0.1".into(), port: 6379 });
    assert_eq!(arguments.login.protocol, Protocol::Resp2);
    assert_eq!(arguments.login.database, 0);
    assert_eq!(arguments.repeat, Repeat::Times(1));
    assert_eq!(arguments.printer.format, OutputFormat::Raw);
    assert!(arguments.command.is_empty());
}

#[test]
fn a_terminal_changes_the_default_format_only() {
    let terminal = Surroundings { output_is_terminal: true, ..Surroundings::default() };
    let format = |line| parse_in(line, &terminal).unwrap().printer.format;

    assert_eq!(format(""), OutputFormat::Standard);
    assert_eq!(format("--raw"), OutputFormat::Raw);
    assert!(parse_in("", &terminal).unwrap().show_pushes);
    assert!(!parse_in("--show-pushes no", &terminal).unwrap().show_pushes);
}

#[test]
fn the_last_format_wins() {
    let format = |line| parse(line).unwrap().printer.format;

    assert_eq!(format("--csv --json --raw"), OutputFormat::Raw);
    assert_eq!(format("--raw --json --csv"), OutputFormat::Csv);
    assert_eq!(format("--csv --no-raw"), OutputFormat::Standard);
    assert_eq!(format("--raw --json"), OutputFormat::Json);
}

#[test]
fn words_after_the_command_are_never_options() {
    let arguments = parse("-n 3 set -p -h --raw -- -2").unwrap();

    assert_eq!(
        arguments.command,
        ["set", "-p", "-h", "--raw", "--", "-2"].map(|word| word.as_bytes().to_vec())
    );
    assert_eq!(arguments.login.database, 3);
    assert_eq!(arguments.login.address, Address::Tcp { host: "127.0.0.1".into(), port: 6379 });
}

#[test]
fn values_may_look_like_options() {
    let arguments = parse("-a -secret -r -1 -i 0.5 ping").unwrap();

    assert_eq!(arguments.login.credentials.unwrap().password, b"-secret");
    assert_eq!(arguments.repeat, Repeat::Forever);
    assert_eq!(arguments.interval, Duration::from_millis(500));
}

#[test]
fn the_password_comes_from_uri_option_or_environment_in_this_order() {
    let environment = Surroundings { password: Some("env".into()), ..Surroundings::default() };
    let password = |line| parse_in(line, &environment).unwrap().login.credentials.unwrap().password;

    assert_eq!(password(""), b"env");
    assert_eq!(password("-a option"), b"option");
    assert_eq!(password("--pass option"), b"option");
    assert_eq!(password("-a option -u redis://uri@h"), b"uri");
    assert!(parse("--user somebody").unwrap().login.credentials.is_none());
}

#[test]
fn only_a_password_among_the_arguments_is_warned_of() {
    let environment = Surroundings { password: Some("env".into()), ..Surroundings::default() };

    assert!(!parse_in("", &environment).unwrap().warn_of_password);
    assert!(parse("-a x").unwrap().warn_of_password);
    assert!(parse("-u redis://x@h").unwrap().warn_of_password);
    assert!(!parse("-u redis://h").unwrap().warn_of_password);
    assert!(!parse("-a x --no-auth-warning").unwrap().warn_of_password);
}

#[test]
fn json_speaks_resp3_unless_told_otherwise() {
    let protocol = |line| parse(line).unwrap().login.protocol;

    assert_eq!(protocol("--json"), Protocol::Resp3);
    assert_eq!(protocol("--json -2"), Protocol::Resp2);
    assert_eq!(protocol("-3"), Protocol::Resp3);
}

#[test]
fn mistakes_are_told_in_the_words_scripts_know() {
    assert_eq!(mistake("--bogus"), "Unrecognized option or bad number of args for: '--bogus'");
    assert_eq!(mistake("-2 -3"), "Options -2 and -3 are mutually exclusive.");
    assert_eq!(mistake("-u http://x"), "Invalid URI scheme");
    assert_eq!(mistake("-p 99999"), "Invalid server port.");
    assert_eq!(mistake("-t x"), "Invalid connection timeout for -t.");
    assert_eq!(mistake("-p"), "Unrecognized option or bad number of args for: '-p'");
    assert_eq!(mistake("--eval"), "Unrecognized option or bad number of args for: '--eval'");
    assert_eq!(mistake("-4 -6"), "Options -4 and -6 are mutually exclusive.");
    assert_eq!(mistake("-x -X tag"), "Options -x and -X are mutually exclusive.");
    assert_eq!(mistake("--quoted-input \"a"), "Invalid quoted string");
}

#[test]
fn encryption_is_asked_for_by_an_option_or_a_scheme() {
    assert!(parse("").unwrap().login.security.is_none());
    assert!(parse("--insecure ping").unwrap().login.security.is_none());
    assert!(parse("--tls --insecure").unwrap().login.security.is_some());
    assert!(parse("--insecure -u rediss://h").unwrap().login.security.is_some());
    assert_eq!(
        mistake("--tls --insecure --cert c"),
        "Client cert and key must both be specified or skipped."
    );
    assert!(mistake("--tls --cacert /nonexistent/ca.crt").starts_with("Can't read /nonexistent/ca.crt: "));
    assert!(mistake("--tls --insecure --tls-ciphers NULL").starts_with("--tls-ciphers: none of 'NULL'"));
    assert!(mistake("--tls --insecure --sni a/b").starts_with("'a/b' is no name of a host"));
    assert!(mistake("--tls --insecure -s /run/s").starts_with("--tls is for connections over the network"));
}

#[test]
fn help_and_version_are_answers() {
    for line in ["--help", "-h", "-p 1 -h", "--version", "-v"] {
        assert!(matches!(parse(line), Err(Refusal::Answer(_))), "{line}");
    }
}

#[test]
fn tasks_take_their_options() {
    let task = |line| parse(line).unwrap().task;

    assert_eq!(task("ping"), Task::Commands);
    assert_eq!(task("--scan"), Task::ListKeys);
    assert_eq!(task("--memkeys-samples 5"), Task::MemoryKeys { samples: Some(5) });
    assert_eq!(
        task("--keystats --top 3 --cursor 7"),
        Task::KeyStatistics { samples: None, top: 3, cursor: 7 }
    );
    assert_eq!(task("--latency-history --latency"), Task::Latency(LatencyReport::History));
    assert_eq!(task("--pipe --pipe-timeout 0"), Task::Pipe { timeout: None });
    let contents = SnapshotContents::Functions;
    assert_eq!(task("--functions-rdb f"), Task::Snapshot { file: "f".into(), contents });
    assert!(mistake("--ldb --eval x").contains("--ldb is not there"));
    let keys = parse("--scan --pattern a* --type set --count 5").unwrap().keys;
    assert_eq!(
        keys,
        KeyFilter { pattern: Some(b"a*".into()), key_type: Some(b"set".into()), count: Some(5) }
    );
    assert_eq!(parse("--quoted-pattern \"\\x41\"").unwrap().keys.pattern.unwrap(), b"A");
}

#[test]
fn words_may_be_quoted_or_come_from_standard_input() {
    let arguments = parse("--quoted-input -X tag set \"\\x00\" tag").unwrap();

    assert_eq!(arguments.command, [b"set".to_vec(), b"\0".to_vec(), b"tag".to_vec()]);
    assert_eq!(arguments.input, InputUse::Tag(b"tag".to_vec()));
}
