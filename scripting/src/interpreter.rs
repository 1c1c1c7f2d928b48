//! The interpreter: scripts, function libraries and the Lua states that they run in.

use std::sync::Arc;

use spinel_resp::ReplyWriter;
use spinel_types::sha1::sha1_hex;

use crate::error::ErrorReply;
use crate::function::{Function, Functions, Library, Replace, RestorePolicy, payload};
use crate::host::Host;
use crate::limit::Limit;
use crate::machine::Machine;
use crate::native;
use crate::redis::Version;
use crate::running::{Code, Job, Progress, Running, load_library};
use crate::sandbox::Kind;
use crate::script::{self, Origin, Script, ScriptCounts, Scripts};

/// What an interpreter is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes that Lua may use, for scripts and for functions each.
    pub memory_bytes_max: usize,
    /// Bytes of one reply of a script.
    pub reply_bytes_max: usize,
    /// `redis.REDIS_VERSION`
    pub version: &'static str,
    /// `redis.REDIS_VERSION_NUM`: major, minor and patch in a byte each.
    pub version_number: u32,
}

impl Default for Settings {
    /// Half a gigabyte for values and for a reply, as much as for a string of the protocol, and Redis 8.0.
    fn default() -> Settings {
        Settings {
            memory_bytes_max: 512 << 20,
            reply_bytes_max: 512 << 20,
            version: "8.0.6",
            version_number: 0x0008_0006,
        }
    }
}

/// Redis's scripts and functions. One script runs at a time; it may be suspended.
pub struct Interpreter {
    settings: Settings,
    scripts: Scripts,
    functions: Functions,
    script_machine: Option<Machine>,
    function_machine: Option<Machine>,
    /// How many machines there have been.
    machines: u64,
}

impl Interpreter {
    /// Creates an interpreter. The Lua states are made when they are needed first.
    pub fn new(settings: Settings) -> Interpreter {
        Interpreter {
            settings,
            scripts: Scripts::default(),
            functions: Functions::default(),
            script_machine: None,
            function_machine: None,
            machines: 0,
        }
    }

    /// Returns the bytes that Lua uses for scripts and for functions.
    pub fn memory_bytes(&self) -> (usize, usize) {
        let bytes =
            |machine: &Option<Machine>| machine.as_ref().map_or(0, |machine| machine.parts.lua.used_memory());
        (bytes(&self.script_machine), bytes(&self.function_machine))
    }

    /// Tells whether a script is suspended; until it ends nothing can be run or changed.
    pub fn is_busy(&self) -> bool {
        [&self.script_machine, &self.function_machine].into_iter().flatten().any(Machine::is_running)
    }

    fn machine(&mut self, kind: Kind) -> &mut Machine {
        let limit = Limit { bytes_max: self.settings.memory_bytes_max };
        let version = Version { text: self.settings.version, number: self.settings.version_number };
        let machine = match kind {
            Kind::Scripts => &mut self.script_machine,
            Kind::Functions => &mut self.function_machine,
        };
        machine.get_or_insert_with(|| {
            self.machines += 1;
            Machine::new(kind, self.machines, limit, &version).expect("a new Lua state takes its libraries")
        })
    }

    /// Finds the script with this text, or compiles it.
    pub fn prepare(&mut self, body: &[u8], origin: Origin) -> Result<Arc<Script>, ErrorReply> {
        let recent = self.scripts.find_recent(body).filter(|_| origin == Origin::Eval);
        if let Some(script) = recent {
            self.scripts.touch(&script);
            return Ok(script);
        }
        let hash = sha1_hex(body);
        if let Some(script) = self.scripts.find(hash.as_bytes()) {
            match origin {
                Origin::Eval => self.scripts.touch(&script),
                Origin::Load => self.scripts.promote(&hash),
            }
            return Ok(script);
        }
        if self.is_busy() {
            return Err(ErrorReply::busy());
        }
        let script = self.compile(hash, body)?;
        self.scripts.insert(&script, origin);
        Ok(script)
    }

    /// Finds a script by its hash, in digits of any case.
    pub fn script(&self, sha: &[u8]) -> Option<Arc<Script>> {
        self.scripts.find(sha)
    }

    /// Forgets all scripts, and the Lua state they ran in.
    pub fn flush_scripts(&mut self) -> Result<(), ErrorReply> {
        if self.is_busy() {
            return Err(ErrorReply::busy());
        }
        self.scripts.clear();
        self.script_machine = None;
        Ok(())
    }

    /// Returns how many scripts there are.
    pub fn scripts(&self) -> ScriptCounts {
        self.scripts.counts()
    }

    /// Runs a script or a function until it ends or the host suspends it. If it ends, one reply was written.
    pub fn run(&mut self, job: Job<'_>, host: &mut dyn Host, reply: &mut ReplyWriter) -> Progress {
        if self.is_busy() {
            reply.error_bytes(ErrorReply::busy().text());
            return Progress::Finished;
        }
        match self.start(job) {
            Ok(running) => running.begin(host, reply),
            Err(error) => {
                reply.error_bytes(error.text());
                Progress::Finished
            }
        }
    }

    fn start(&mut self, job: Job<'_>) -> Result<Running, ErrorReply> {
        let bytes_max = self.settings.reply_bytes_max;
        let running = match job {
            Job::Script { script, keys, arguments } => {
                let script = self.present(script)?;
                let job = native::Job::script(keys, arguments, bytes_max);
                Running::start(self.machine(Kind::Scripts), Code::Script(script), job)
            }
            Job::Function { function, keys, arguments } => {
                let machine = self.machine(Kind::Functions);
                if function.machine != machine.parts.number {
                    return Err(ErrorReply::no_function());
                }
                let job = native::Job::function(keys, arguments, bytes_max);
                Running::start(machine, Code::Function(Arc::clone(function)), job)
            }
        };
        running.map_err(|error| ErrorReply::new(&format!("ERR {error}")))
    }

    /// The script itself, or the same one compiled anew if the state it was compiled in was flushed meanwhile.
    fn present(&mut self, script: &Arc<Script>) -> Result<Arc<Script>, ErrorReply> {
        if script.machine == self.machine(Kind::Scripts).parts.number {
            return Ok(Arc::clone(script));
        }
        self.compile(script.hash.clone(), &script.body)
    }

    fn compile(&mut self, hash: String, body: &[u8]) -> Result<Arc<Script>, ErrorReply> {
        let (flags, code) = script::declaration(body)?;
        let machine = self.machine(Kind::Scripts);
        let function = machine
            .compile(code, "@user_script")
            .map_err(|text| ErrorReply::quoting("ERR Error compiling script (new function): ", &text))?;
        let machine = machine.parts.number;
        Ok(Arc::new(Script { hash, body: body.to_vec(), flags, function, machine }))
    }

    /// Finds a function by its name.
    pub fn function(&self, name: &[u8]) -> Option<Arc<Function>> {
        self.functions.find(name)
    }

    /// Returns the libraries, by name.
    pub fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.functions.libraries()
    }

    /// Runs a library's code, which registers functions, and returns its name. If anything fails, nothing has
    /// changed. The host is asked for nothing but ticks and logs; the first tick that isn't `GoOn` ends it.
    pub fn load_library(
        &mut self,
        code: &[u8],
        replace: Replace,
        host: &mut dyn Host,
    ) -> Result<Vec<u8>, ErrorReply> {
        if self.is_busy() {
            return Err(ErrorReply::busy());
        }
        self.machine(Kind::Functions);
        let machine = self.function_machine.as_mut().expect("it was made above");
        let number = machine.parts.number;
        self.functions.load(code, replace, number, |code| load_library(machine, code, host))
    }

    /// Removes a library and its functions.
    pub fn delete_library(&mut self, name: &[u8]) -> Result<(), ErrorReply> {
        if self.is_busy() {
            return Err(ErrorReply::busy());
        }
        self.functions.delete(name)
    }

    /// Removes all libraries, and the Lua state that their functions share.
    pub fn flush_libraries(&mut self) -> Result<(), ErrorReply> {
        if self.is_busy() {
            return Err(ErrorReply::busy());
        }
        self.functions = Functions::default();
        self.function_machine = None;
        Ok(())
    }

    /// Returns all libraries as FUNCTION DUMP does.
    pub fn dump_libraries(&self) -> Vec<u8> {
        payload::dump(self.libraries().map(Library::code))
    }

    /// Loads what [`dump_libraries`](Self::dump_libraries) or FUNCTION DUMP of Redis has returned: everything or,
    /// if something fails, nothing.
    pub fn restore_libraries(
        &mut self,
        bytes: &[u8],
        policy: RestorePolicy,
        host: &mut dyn Host,
    ) -> Result<(), ErrorReply> {
        self.load_all(&payload::libraries(bytes)?, policy, host)
    }

    /// Loads the codes of libraries in place of all that there are: everything or, if something fails, nothing.
    pub fn replace_libraries(&mut self, codes: &[Vec<u8>], host: &mut dyn Host) -> Result<(), ErrorReply> {
        self.load_all(codes, RestorePolicy::Flush, host)
    }

    fn load_all(
        &mut self,
        codes: &[Vec<u8>],
        policy: RestorePolicy,
        host: &mut dyn Host,
    ) -> Result<(), ErrorReply> {
        let before = self.functions.clone();
        let replace = if policy == RestorePolicy::Replace { Replace::Yes } else { Replace::No };
        if policy == RestorePolicy::Flush {
            self.functions = Functions::default();
        }
        for code in codes {
            if let Err(error) = self.load_library(code, replace, host) {
                self.functions = before;
                return Err(error);
            }
        }
        Ok(())
    }
}
