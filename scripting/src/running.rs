//! A run: a script on its own stack, and the loop that answers what it asks.

use std::fmt;
use std::sync::Arc;

use spinel_resp::ReplyWriter;

use crate::error::ErrorReply;
use crate::exchange::{Answer, Question};
use crate::function::Function;
use crate::host::{Call, Host, Tick};
use crate::limit::Limit;
use crate::machine::{Machine, Parts};
use crate::native::{Fiber, Outcome, Step};
use crate::script::Script;
use crate::shared::{Failure, Registration};
use crate::to_reply::{ReplyLimit, to_reply};

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub enum Job<'a> {
    /// EVAL, EVALSHA and their read-only forms.
    Script {
        /// The script.
        script: &'a Arc<Script>,
        /// `KEYS`
        keys: &'a [&'a [u8]],
        /// `ARGV`
        arguments: &'a [&'a [u8]],
    },
    /// FCALL and its read-only form.
    Function {
        /// The function.
        function: &'a Arc<Function>,
        /// Its first argument.
        keys: &'a [&'a [u8]],
        /// Its second argument.
        arguments: &'a [&'a [u8]],
    },
}

/// How far a run has come.
#[must_use = "a suspended script that is dropped is killed"]
#[derive(Debug)]
pub enum Progress {
    /// It has ended, and one reply was written.
    Finished,
    /// The host has suspended it.
    Suspended(Running),
}

/// What a run is for: it decides what is said when it is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Script,
    Function,
    Library,
}

/// A suspended script. It stays on its thread. If it is dropped, it is killed.
pub struct Running {
    fiber: Option<Fiber>,
    parts: Arc<Parts>,
    purpose: Purpose,
    name: String,
    reply_bytes_max: usize,
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A question answered, or a reason to stop asking.
enum Drive {
    Ended(Outcome),
    Suspended,
}

impl Running {
    pub(crate) fn new(
        fiber: Fiber,
        parts: &Arc<Parts>,
        purpose: Purpose,
        name: &str,
        reply_bytes_max: usize,
    ) -> Running {
        Running {
            fiber: Some(fiber),
            parts: Arc::clone(parts),
            purpose,
            name: name.to_owned(),
            reply_bytes_max,
        }
    }

    /// Returns the hash of the script or the name of the function.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Goes on until the script ends or is suspended once more.
    pub fn resume(self, host: &mut dyn Host, reply: &mut ReplyWriter) -> Progress {
        let answer = match host.tick() {
            Tick::Kill => self.kill(),
            Tick::GoOn | Tick::Suspend => Answer::GoOn,
        };
        self.go_on(answer, host, reply)
    }

    pub(crate) fn begin(self, host: &mut dyn Host, reply: &mut ReplyWriter) -> Progress {
        self.go_on(Answer::GoOn, host, reply)
    }

    fn kill(&self) -> Answer {
        self.parts.shared.kill();
        Answer::Kill
    }

    fn go_on(mut self, answer: Answer, host: &mut dyn Host, reply: &mut ReplyWriter) -> Progress {
        match self.drive(answer, host) {
            Drive::Suspended => Progress::Suspended(self),
            Drive::Ended(outcome) => {
                self.finish(outcome, reply);
                Progress::Finished
            }
        }
    }

    /// Answers questions.
    fn drive(&mut self, mut answer: Answer, host: &mut dyn Host) -> Drive {
        let fiber = self.fiber.as_mut().expect("a fiber is there until it has ended");
        loop {
            let question = match fiber.resume(answer) {
                Step::Asked(question) => question,
                Step::Ended(outcome) => return Drive::Ended(outcome),
            };
            answer = match question {
                Question::Call(mut exchange) => {
                    let (protocol, propagation) = (exchange.reply.protocol(), exchange.propagation);
                    let (words, reply) = exchange.parts();
                    host.call(&Call { words: &words, protocol, propagation }, reply);
                    Answer::Reply(exchange)
                }
                Question::Tick => match host.tick() {
                    Tick::GoOn => Answer::GoOn,
                    Tick::Kill => Answer::Kill,
                    Tick::Suspend if self.purpose == Purpose::Library => Answer::Kill,
                    Tick::Suspend => return Drive::Suspended,
                },
                Question::Log(level, text) => {
                    host.log(level, &text);
                    Answer::GoOn
                }
                Question::AclCheck(mut exchange) => {
                    let (words, _) = exchange.parts();
                    Answer::Allowed(host.acl_check(&words))
                }
                Question::CpuTime => Answer::CpuTime(host.cpu_time()),
            };
        }
    }

    /// Gives the stack back.
    fn end(&mut self) {
        if let Some(fiber) = self.fiber.take() {
            self.parts.keep_stack(fiber.into_stack());
        }
        self.parts.tidy();
    }

    fn finish(&mut self, outcome: Outcome, reply: &mut ReplyWriter) {
        match outcome {
            Ok((true, value)) if !self.parts.shared.is_killed() => {
                let limit = ReplyLimit { bytes_max: self.reply_bytes_max };
                let script = self.parts.shared.protocol();
                // Tables within tables need more stack than the caller may have.
                if let Some(fiber) = self.fiber.take() {
                    self.parts.keep_stack(fiber.reuse(|| to_reply(&value, script, &limit, reply)));
                }
            }
            outcome => {
                let failure = self.failure(outcome);
                reply.error_bytes(&failed(failure, &self.name));
            }
        }
        self.end();
    }

    fn failure(&self, outcome: Outcome) -> Failure {
        let is_killed = self.parts.shared.is_killed();
        let mut failure = self.parts.failure(outcome);
        if is_killed {
            failure.text = match self.purpose {
                Purpose::Script => b"ERR Script killed by user with SCRIPT KILL...".to_vec(),
                Purpose::Function => b"ERR Script killed by user with FUNCTION KILL...".to_vec(),
                Purpose::Library => b"ERR FUNCTION LOAD timeout".to_vec(),
            };
        }
        failure
    }
}

impl Drop for Running {
    /// Lets a script that hasn't ended run into errors until it has: its stack can't be taken from under it.
    fn drop(&mut self) {
        if self.fiber.as_ref().is_none_or(Fiber::is_done) {
            return self.end();
        }
        self.kill();
        if let Some(fiber) = &mut self.fiber {
            while let Step::Asked(_) = fiber.resume(Answer::Kill) {}
        }
        Limit::remove(&self.parts.lua);
        self.end();
    }
}

/// The error reply of a script: what was raised, and where.
fn failed(failure: Failure, name: &str) -> Vec<u8> {
    let mut text = failure.text;
    if let Some((source, line)) = failure.position {
        text.extend_from_slice(format!(" script: {name}, on {source}:{line}.").as_bytes());
    }
    text
}

/// Runs a library's code to its end and returns what it has registered.
pub(crate) fn load_library(
    machine: &mut Machine,
    code: &[u8],
    host: &mut dyn Host,
    reply_bytes_max: usize,
) -> Result<Vec<Registration>, ErrorReply> {
    let function = machine
        .compile(code, "@user_function")
        .map_err(|text| ErrorReply::quoting("ERR Error compiling function: ", &text))?;
    let failed = |error: &dyn fmt::Display| ErrorReply::new(&format!("ERR {error}"));
    let fiber = machine.start(function, None).map_err(|error| failed(&error))?;
    machine.show(&machine.sandbox.loading).map_err(|error| failed(&error))?;
    machine.parts.shared.take_registered();
    let mut running = Running::new(fiber, &machine.parts, Purpose::Library, "", reply_bytes_max);
    let driven = running.drive(Answer::GoOn, host);
    let is_done = matches!(driven, Drive::Ended(Ok((true, _)))) && !running.parts.shared.is_killed();
    let result = match driven {
        Drive::Ended(outcome) if !is_done => {
            let text = running.failure(outcome).text;
            Err(ErrorReply::quoting("ERR Error registering functions: ", &text))
        }
        _ => Ok(()),
    };
    running.end();
    machine.show(&machine.sandbox.globals).map_err(|error| failed(&error))?;
    let registered = machine.parts.shared.take_registered();
    result.map(|()| registered)
}
