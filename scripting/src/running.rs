//! A run: a script on its own stack, and the loop that answers what it asks.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use spinel_resp::{Protocol, ReplyWriter};

use crate::error::ErrorReply;
use crate::exchange::{Answer, Question};
use crate::function::Function;
use crate::host::{Call, Host, Tick};
use crate::limit::Limit;
use crate::machine::{Machine, Parts};
use crate::native::{self, Failed, Fiber, Outcome, Step};
use crate::script::Script;
use crate::shared::{Failure, Registration};

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

/// What runs.
pub(crate) enum Code {
    Script(Arc<Script>),
    Function(Arc<Function>),
    /// The code of a library, which registers functions.
    Library(mlua::Function),
}

impl Code {
    pub(crate) fn function(&self) -> &mlua::Function {
        match self {
            Code::Script(script) => &script.function,
            Code::Function(function) => &function.callback,
            Code::Library(function) => function,
        }
    }
}

/// A suspended script. It stays on its thread. If it is dropped, it is killed.
pub struct Running {
    fiber: Option<Fiber>,
    parts: Arc<Parts>,
    code: Code,
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// A question answered, or a reason to stop asking.
enum Drive {
    Ended(Outcome),
    Suspended,
}

impl Running {
    /// Starts a run. What the job points to has to stay until [`begin`](Running::begin) returns.
    pub(crate) fn start(machine: &mut Machine, code: Code, job: native::Job) -> std::io::Result<Running> {
        let kept = match &code {
            Code::Script(script) => Code::Script(Arc::clone(script)),
            Code::Function(function) => Code::Function(Arc::clone(function)),
            Code::Library(function) => Code::Library(function.clone()),
        };
        let fiber = Some(machine.start(kept, job)?);
        Ok(Running { fiber, parts: Arc::clone(&machine.parts), code })
    }

    /// Returns the hash of the script or the name of the function.
    pub fn name(&self) -> Cow<'_, str> {
        match &self.code {
            Code::Script(script) => script.sha().into(),
            Code::Function(function) => String::from_utf8_lossy(function.name()),
            Code::Library(_) => "".into(),
        }
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
        let start = reply.position();
        match self.drive(answer, host, reply) {
            Drive::Suspended => Progress::Suspended(self),
            Drive::Ended(outcome) => {
                if let Some(failure) = self.failure(outcome) {
                    reply.truncate(start);
                    reply.error_bytes(&failed(failure, &self.name()));
                }
                self.end();
                Progress::Finished
            }
        }
    }

    /// Answers questions.
    fn drive(&mut self, mut answer: Answer, host: &mut dyn Host, reply: &mut ReplyWriter) -> Drive {
        let fiber = self.fiber.as_mut().expect("a fiber is there until it has ended");
        loop {
            let question = match fiber.resume(answer) {
                Step::Asked(question) => question,
                Step::Ended(outcome) => return Drive::Ended(outcome),
            };
            answer = match question {
                Question::Call(mut exchange) => {
                    let (protocol, propagation) = (exchange.reply.protocol(), exchange.propagation);
                    exchange.with_parts(|words, reply| {
                        host.call(&Call { words, protocol, propagation }, reply);
                    });
                    Answer::Reply(exchange)
                }
                Question::Tick => match host.tick() {
                    Tick::GoOn => Answer::GoOn,
                    Tick::Kill => Answer::Kill,
                    Tick::Suspend if matches!(self.code, Code::Library(_)) => Answer::Kill,
                    Tick::Suspend => return Drive::Suspended,
                },
                Question::Log(level, text) => {
                    host.log(level, &text);
                    Answer::GoOn
                }
                Question::AclCheck(mut exchange) => {
                    Answer::Allowed(exchange.with_parts(|words, _| host.acl_check(words)))
                }
                Question::CpuTime => Answer::CpuTime(host.cpu_time()),
                Question::Reply => Answer::Writer(reply),
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

    /// Why the run has not ended well, if it hasn't.
    fn failure(&self, outcome: Outcome) -> Option<Failure> {
        let is_killed = self.parts.shared.is_killed();
        let failed = match outcome {
            Ok(()) if !is_killed => return None,
            Ok(()) => Failed::Noted,
            Err(failed) => failed,
        };
        let mut failure = self.parts.failure(failed);
        if is_killed {
            failure.text = match self.code {
                Code::Script(_) => b"ERR Script killed by user with SCRIPT KILL...".to_vec(),
                Code::Function(_) => b"ERR Script killed by user with FUNCTION KILL...".to_vec(),
                Code::Library(_) => b"ERR FUNCTION LOAD timeout".to_vec(),
            };
        }
        Some(failure)
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
) -> Result<Vec<Registration>, ErrorReply> {
    let function = machine
        .compile(code, "@user_function")
        .map_err(|text| ErrorReply::quoting("ERR Error compiling function: ", &text))?;
    let failed = |error: &dyn fmt::Display| ErrorReply::new(&format!("ERR {error}"));
    let (code, job) = (Code::Library(function), native::Job::library());
    let mut running = Running::start(machine, code, job).map_err(|error| failed(&error))?;
    machine.show(&machine.sandbox.loading).map_err(|error| failed(&error))?;
    machine.parts.shared.take_registered();
    let mut reply = ReplyWriter::new(Protocol::Resp2);
    let result = match running.drive(Answer::GoOn, host, &mut reply) {
        Drive::Ended(outcome) => running.failure(outcome).map_or(Ok(()), |failure| {
            Err(ErrorReply::quoting("ERR Error registering functions: ", &failure.text))
        }),
        Drive::Suspended => Ok(()),
    };
    running.end();
    machine.show(&machine.sandbox.globals).map_err(|error| failed(&error))?;
    let registered = machine.parts.shared.take_registered();
    result.map(|()| registered)
}
