//! The commands of scripts and functions over an interpreter, as a server has them; and transcripts run on them.

use spinel_resp::{Protocol, ReplyWriter};
use spinel_scripting::{ErrorReply, Flags, Job, Origin, Progress, Replace, RestorePolicy};

use crate::host::Bench;
use crate::transcript;

/// Runs all sections of a transcript and compares each reply.
pub(crate) fn check(name: &str) {
    let mut differences = Vec::new();
    for section in transcript::read(name) {
        let mut bench = Bench::new();
        let protocol = if section.title.ends_with("[resp3]") { Protocol::Resp3 } else { Protocol::Resp2 };
        for step in section.steps {
            let words: Vec<&[u8]> = step.words.iter().map(Vec::as_slice).collect();
            let reply = bench.execute(&words, protocol);
            if reply != step.expected {
                differences.push(format!(
                    "{name}:{}: {}\n  expected {}\n  got      {}",
                    step.line,
                    String::from_utf8_lossy(&step.words.join(&b' ')),
                    step.expected.escape_ascii(),
                    reply.escape_ascii()
                ));
            }
        }
        bench.assert_healthy();
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

impl Bench {
    /// Executes one command and returns its reply.
    pub(crate) fn execute(&mut self, words: &[&[u8]], protocol: Protocol) -> Vec<u8> {
        let mut reply = ReplyWriter::new(protocol);
        let name = String::from_utf8_lossy(words[0]).to_ascii_lowercase();
        match name.as_str() {
            "eval" | "eval_ro" | "evalsha" | "evalsha_ro" => self.evaluate(&name, words, &mut reply),
            "fcall" | "fcall_ro" => self.call_function(&name, words, &mut reply),
            "script" => self.script(words, &mut reply),
            "function" => self.function(words, &mut reply),
            _ => self.plain(words, protocol, &mut reply),
        }
        reply.take()
    }

    fn plain(&mut self, words: &[&[u8]], protocol: Protocol, reply: &mut ReplyWriter) {
        // A script that passes its reply on does what a client sees.
        let body = b"local r = redis.call(unpack(ARGV)) return r";
        let script = self.interpreter.prepare(body, Origin::Load).unwrap();
        let job = Job::Script { script: &script, keys: &[], arguments: words };
        let _ = self.interpreter.run(job, &mut self.world, reply);
        let _ = protocol;
    }

    fn evaluate(&mut self, name: &str, words: &[&[u8]], reply: &mut ReplyWriter) {
        let found = if name.starts_with("evalsha") {
            self.interpreter.script(words[1]).ok_or_else(ErrorReply::no_script)
        } else {
            self.interpreter.prepare(words[1], Origin::Eval)
        };
        let script = match found {
            Ok(script) => script,
            Err(error) => return reply.error_bytes(error.text()),
        };
        let count: usize = std::str::from_utf8(words[2]).unwrap().parse().unwrap();
        let (keys, arguments) = words[3..].split_at(count);
        let job = Job::Script { script: &script, keys, arguments };
        self.run(job, name.ends_with("_ro") || script.flags().has(Flags::NO_WRITES), reply);
    }

    fn call_function(&mut self, name: &str, words: &[&[u8]], reply: &mut ReplyWriter) {
        let Some(function) = self.interpreter.function(words[1]) else {
            return reply.error_bytes(ErrorReply::no_function().text());
        };
        let no_writes = function.flags().has(Flags::NO_WRITES);
        if name.ends_with("_ro") && !no_writes {
            return reply.error("ERR Can not execute a script with write flag using *_ro command.");
        }
        let count: usize = std::str::from_utf8(words[2]).unwrap().parse().unwrap();
        let (keys, arguments) = words[3..].split_at(count);
        self.run(Job::Function { function: &function, keys, arguments }, no_writes, reply);
    }

    fn run(&mut self, job: Job<'_>, is_readonly: bool, reply: &mut ReplyWriter) {
        self.world.is_readonly = is_readonly;
        let progress = self.interpreter.run(job, &mut self.world, reply);
        self.world.is_readonly = false;
        assert!(matches!(progress, Progress::Finished));
    }

    fn script(&mut self, words: &[&[u8]], reply: &mut ReplyWriter) {
        match words[1].to_ascii_lowercase().as_slice() {
            b"load" => match self.interpreter.prepare(words[2], Origin::Load) {
                Ok(script) => reply.bulk(script.sha().as_bytes()),
                Err(error) => reply.error_bytes(error.text()),
            },
            b"exists" => {
                reply.array(words.len() - 2);
                for sha in &words[2..] {
                    reply.integer(i64::from(self.interpreter.script(sha).is_some()));
                }
            }
            b"flush" => {
                self.interpreter.flush_scripts().unwrap();
                reply.ok();
            }
            other => panic!("{}", other.escape_ascii()),
        }
    }

    fn function(&mut self, words: &[&[u8]], reply: &mut ReplyWriter) {
        let outcome = match words[1].to_ascii_lowercase().as_slice() {
            b"load" => {
                let replace = if words.len() > 3 { Replace::Yes } else { Replace::No };
                let code = words[words.len() - 1];
                let name = self.interpreter.load_library(code, replace, &mut self.world);
                name.map(|name| reply.bulk(&name))
            }
            b"delete" => self.interpreter.delete_library(words[2]).map(|()| reply.ok()),
            b"flush" => self.interpreter.flush_libraries().map(|()| reply.ok()),
            b"dump" => {
                reply.bulk(&self.interpreter.dump_libraries());
                Ok(())
            }
            b"restore" => {
                let policy = match words.get(3) {
                    Some(&b"FLUSH") => RestorePolicy::Flush,
                    Some(&b"REPLACE") => RestorePolicy::Replace,
                    _ => RestorePolicy::Append,
                };
                self.interpreter.restore_libraries(words[2], policy, &mut self.world).map(|()| reply.ok())
            }
            b"list" => {
                self.list(words.len() > 2, reply);
                Ok(())
            }
            other => panic!("{}", other.escape_ascii()),
        };
        if let Err(error) = outcome {
            reply.error_bytes(error.text());
        }
    }

    fn list(&self, with_code: bool, reply: &mut ReplyWriter) {
        reply.array(self.interpreter.libraries().count());
        for library in self.interpreter.libraries() {
            reply.map(if with_code { 4 } else { 3 });
            reply.bulk(b"library_name");
            reply.bulk(library.name());
            reply.bulk(b"engine");
            reply.bulk(library.engine().as_bytes());
            reply.bulk(b"functions");
            reply.array(library.functions().len());
            for function in library.functions() {
                reply.map(3);
                reply.bulk(b"name");
                reply.bulk(function.name());
                reply.bulk(b"description");
                match function.description() {
                    Some(text) => reply.bulk(text),
                    None => reply.null(),
                }
                reply.bulk(b"flags");
                let flags: Vec<&str> = function.flags().names().collect();
                reply.set(flags.len());
                for flag in flags {
                    reply.simple(flag);
                }
            }
            if with_code {
                reply.bulk(b"library_code");
                reply.bulk(library.code());
            }
        }
    }
}
