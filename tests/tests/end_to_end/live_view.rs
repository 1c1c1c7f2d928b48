//! `spinel-cli top`, on a terminal and into a pipe.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use spinel_tests::{Client, Server, programs};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for what should come soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// What gives the screen back to the shell.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A terminal with a program on it.
struct Terminal {
    keyboard: File,
    /// The program's side, to see how it is left.
    other_side: File,
    shown: Receiver<Vec<u8>>,
    program: Child,
}

impl Terminal {
    fn run(options: &[&str]) -> Terminal {
        // The program must not inherit this side: it would never see the terminal go.
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = openpt(flags).expect("there are terminals");
        grantpt(&keyboard).expect("it is ours");
        unlockpt(&keyboard).expect("it is ours");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keyboard, size).expect("terminals have sizes");
        let name = ptsname(&keyboard, Vec::new()).expect("it has a name").into_string().expect("it is text");
        let open = || File::options().read(true).write(true).open(&name).expect("it is there");
        let program = Command::new(programs::cli())
            .args(options)
            .env_remove("REDISCLI_AUTH")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .expect("the program was just built");
        let keyboard = File::from(keyboard);
        let mut screen = keyboard.try_clone().expect("it can be read and written");
        let (tell, shown) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = vec![0; 65536];
            while let Ok(length) = screen.read(&mut bytes) {
                if length == 0 || tell.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { keyboard, other_side: open(), shown, program }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the program is there");
    }

    /// Waits until all these texts were shown from now on.
    #[track_caller]
    fn wait_for(&self, texts: &[&str]) {
        let (mut seen, end) = (String::new(), Instant::now() + PATIENCE);
        while !texts.iter().all(|text| seen.contains(text)) {
            let more = self.shown.recv_timeout(end.saturating_duration_since(Instant::now()));
            let Ok(more) = more else { panic!("no {texts:?} in {seen}") };
            seen.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// Waits for the end; the exit code. The terminal must be as it was.
    #[track_caller]
    fn end(mut self) -> Option<i32> {
        self.wait_for(&[LEAVE]);
        let code = self.program.wait().expect("a child can be waited for").code();
        let modes = tcgetattr(&self.other_side).expect("it is a terminal").local_modes;
        assert!(
            modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG),
            "it is as it was: {modes:?}"
        );
        code
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // They fail only when the program has ended already.
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

fn top(server: &Server) -> Terminal {
    Terminal::run(&["-p", &server.port().to_string(), "-i", "0.1", "top"])
}

#[test]
fn keys_choose_what_is_shown_and_end_it() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let mut terminal = top(&server);
    terminal.wait_for(&["\x1b[?1049h", "SpinelDB ", "hit rate", "/s", "1 overview"]);
    assert_eq!(client.text(["SET", "k", "v"]), "OK");
    terminal.press("2");
    terminal.wait_for(&["COMMAND", "set", "info"]);
    terminal.press("3");
    terminal.wait_for(&["ADDRESS", "127.0.0.1:"]);
    terminal.press("\t\t");
    terminal.wait_for(&["DATABASE", "at most so far"]);
    terminal.press("?");
    terminal.wait_for(&["order the table by another column"]);
    terminal.press("qq");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn a_lost_connection_is_told_of_and_made_again() {
    let server = Server::start(&["--requirepass", "secret"]);
    let port = server.port().to_string();
    let terminal = Terminal::run(&["--no-auth-warning", "-a", "secret", "-p", &port, "-i", "0.1", "top"]);
    terminal.wait_for(&["hit rate"]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["AUTH", "secret"]), "OK");
    assert_eq!(client.integer(["CLIENT", "KILL", "SKIPME", "yes"]), 1);
    terminal.wait_for(&["Server closed the connection. Trying again.", "hit rate"]);
    assert_eq!(client.text(["SET", "k", "v"]), "OK");
    // Figures go on.
    terminal.wait_for(&["set\x1b"]);
    drop(server);
    terminal.wait_for(&["Could not connect to Redis at 127.0.0.1:"]);
    let id = terminal.program.id().to_string();
    let killed = Command::new("sh").args(["-c", r#"kill -s TERM "$0""#, &id]).status();
    assert!(killed.expect("every system has a shell").success());
    assert_eq!(terminal.end(), Some(128 + 15));
}

#[test]
fn a_pipe_gets_one_screen() {
    let server = Server::start(&[]);
    let port = server.port().to_string();
    let run = |words: &[&str]| {
        let mut command = Command::new(programs::cli());
        let output = programs::feed(command.args(["-p", &port, "-i", "0.05"]).args(words), b"");
        let text = |bytes| String::from_utf8(bytes).expect("it prints text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, output, errors) = run(&["top"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    for text in ["SpinelDB ", "hit rate", "COMMAND", "info"] {
        assert!(output.contains(text), "{output}");
    }
    assert!(!output.contains('\x1b'), "{output}");
    assert_eq!(run(&["-r", "3", "top", "slow"]).1.matches("SpinelDB ").count(), 3);
    let (status, _, errors) = run(&["top", "x"]);
    assert_eq!(
        (status, errors.as_str()),
        (Some(1), "top takes the name of a view: overview, commands, clients, slow, keys.\n")
    );
}
