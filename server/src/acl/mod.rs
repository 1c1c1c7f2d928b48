//! Access control: users, what they may do, and who tried to do more.
//!
//! ```text
//! rules ──→ Role (a name, selectors) ──┐
//! rules ──→ User (passwords, selectors, roles) ──in──→ Account (a name, its rights of today) ←── sessions
//! ```
//!
//! A [`User`] never changes: a rule makes another one, which takes its place in the [`Account`]. Sessions keep an
//! account and look by one load per window whether it is restricted; if it isn't, nothing is checked. What is checked
//! when is in [`session`]; why it is done so, in `docs/design/access-control.md`.

mod absent;
mod account;
mod book;
mod checks;
mod describe;
mod doorkeeper;
mod file;
mod incidents;
mod password;
mod rights;
mod role;
mod rule;
mod selector;
mod session;
mod slow;
#[cfg(test)]
mod tests;
mod user;

pub(crate) use account::{Account, Identity};
pub(crate) use book::{Book, category};
pub(crate) use checks::{Busy, Checks, Verdict};
pub(crate) use describe::Described;
pub(crate) use doorkeeper::Doorkeeper;
pub(crate) use file::Fate;
pub(crate) use incidents::{Cause, Context, Incident, Incidents};
pub(crate) use password::{Password, hex};
pub(crate) use role::{Changed, InUse, Role, RoleRefusal};
pub(crate) use rule::{RuleError, Unmatched, join_selectors};
pub(crate) use selector::{Denial, Reason};
pub(crate) use session::right_name;
pub(crate) use slow::SlowPassword;
pub(crate) use user::User;

use crate::config::{Config, table};
use crate::server::databases;
use role::{NO_ROLES, Roles};
use spinel_storage::command::table::CommandTable;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The name of the user that connections act as until they say who they are.
pub(crate) const DEFAULT: &[u8] = b"default";

/// All accounts by name.
type Accounts = BTreeMap<Box<[u8]>, Arc<Account>>;

/// All accounts and the roles that they may have. Whoever changes one of them holds both, so that no user has a role that
/// is not there.
struct Directory {
    accounts: Accounts,
    roles: Roles,
}

/// All users of a server.
pub(crate) struct Acl {
    directory: Mutex<Directory>,
    /// The account of the default user, which is always there.
    default: Arc<Account>,
    /// Whoever the server itself acts as. He may do everything.
    server: Arc<Account>,
    /// What rules call commands that a setting has given another name.
    renamed: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many databases there are.
    databases: u16,
    pub(crate) incidents: Incidents,
    pub(crate) denied: Denied,
    /// Passwords that are being checked because that takes long.
    pub(crate) checks: Checks,
    /// Whether any user was ever given rules.
    has_rules: AtomicBool,
    /// Whether any user was ever given a password that takes long to check.
    has_slow: AtomicBool,
    /// Whether any user was ever given a quota of memory.
    has_memory_quotas: AtomicBool,
}

/// How often something was denied. They are not reset.
#[derive(Default)]
pub(crate) struct Denied {
    pub(crate) logins: AtomicU64,
    pub(crate) certificates: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) databases: AtomicU64,
    pub(crate) keys: AtomicU64,
    pub(crate) channels: AtomicU64,
}

impl Denied {
    pub(crate) fn count(&self, reason: Reason) {
        let counter = match reason {
            Reason::Database => &self.databases,
            Reason::Command => &self.commands,
            Reason::Key => &self.keys,
            Reason::Channel => &self.channels,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Why ACL SETUSER changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    BadName,
    Unmatched(Unmatched),
    Rule(Vec<u8>, RuleError),
}

impl Acl {
    /// Makes the users that the settings name; the error is for whoever starts the server.
    pub(crate) fn new(config: &Config, commands: &CommandTable) -> Result<Acl, String> {
        let renamed = config.roster().renamed().to_vec();
        let databases = databases(config);
        let opens_channels = opens_channels(config);
        let book = Book { table: commands, renamed: &renamed, opens_channels, databases, roles: &NO_ROLES };
        let mut user = User::almighty(book);
        let server = Arc::new(Account::new(b"", user.clone()));
        user.set_password(&config.requirepass());
        let default = Arc::new(Account::new(DEFAULT, user));
        let accounts = BTreeMap::from([(DEFAULT.into(), Arc::clone(&default))]);
        let (incidents, denied) = (Incidents::default(), Denied::default());
        let acl = Acl {
            directory: Mutex::new(Directory { accounts, roles: Roles::new() }),
            default,
            server,
            renamed: Vec::new(),
            databases,
            incidents,
            denied,
            checks: Checks::default(),
            has_rules: AtomicBool::new(false),
            has_slow: AtomicBool::new(false),
            has_memory_quotas: AtomicBool::new(false),
        };
        acl.read_settings(config, book)?;
        Ok(Acl { renamed, ..acl })
    }

    /// What rules can name.
    pub(crate) fn book<'t>(&'t self, commands: &'t CommandTable, config: &Config) -> Book<'t> {
        Book { opens_channels: opens_channels(config), ..self.names(commands) }
    }

    /// As [`book`](Self::book), where only rights are looked at.
    pub(crate) fn names<'t>(&'t self, commands: &'t CommandTable) -> Book<'t> {
        let databases = self.databases;
        Book { table: commands, renamed: &self.renamed, opens_channels: false, databases, roles: &NO_ROLES }
    }

    /// The account that a new connection acts as.
    pub(crate) fn default(&self) -> &Arc<Account> {
        &self.default
    }

    /// An account for what the server does by itself, which is no user's.
    pub(crate) fn server(&self) -> Arc<Account> {
        Arc::clone(&self.server)
    }

    /// Whether a connection is in without a password.
    pub(crate) fn is_open(&self) -> bool {
        self.default.is_open()
    }

    /// Whether any user was ever given rules: if not, nobody is restricted.
    fn has_rules(&self) -> bool {
        self.has_rules.load(Ordering::Acquire)
    }

    /// The account of this name.
    pub(crate) fn account(&self, name: &[u8]) -> Option<Arc<Account>> {
        self.lock().accounts.get(name).cloned()
    }

    /// All accounts, in the order of their names.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        self.lock().accounts.values().cloned().collect()
    }

    /// Lets somebody in who knows a password of a user. `enter` makes the account his while no user can be removed.
    pub(crate) fn log_in(&self, name: &[u8], password: &Password, enter: impl FnOnce(Arc<Account>)) -> bool {
        let directory = self.lock();
        let found = directory.accounts.get(name).filter(|account| account.user().accepts(password));
        found.map(|account| enter(Arc::clone(account))).is_some()
    }

    /// As [`log_in`](Self::log_in), for who knows a password of this hash, if that is still one of the user's.
    pub(crate) fn log_in_slowly(
        &self,
        name: &[u8],
        password: &SlowPassword,
        enter: impl FnOnce(Arc<Account>),
    ) -> bool {
        let directory = self.lock();
        let found = directory.accounts.get(name).filter(|account| account.user().accepts_slowly(password));
        found.map(|account| enter(Arc::clone(account))).is_some()
    }

    /// The hashes among which a password has to be looked for, if that takes long: also for a user who has none and one who isn't
    /// there, so that time tells nothing of them.
    pub(crate) fn slow_passwords(&self, name: &[u8]) -> Option<Vec<Arc<SlowPassword>>> {
        let has_any = self.has_slow.load(Ordering::Acquire);
        has_any.then(|| self.account(name).map_or_else(Vec::new, |account| account.user().slow_passwords()))
    }

    /// Notes that users may have passwords that take long to check, or quotas of memory.
    fn note_users<'u>(&self, users: impl Iterator<Item = &'u User>) {
        for user in users {
            if user.has_slow_passwords() {
                self.has_slow.store(true, Ordering::Release);
            }
            if user.limits().bytes_max > 0 {
                self.has_memory_quotas.store(true, Ordering::Release);
            }
        }
    }

    /// Whether any user was ever given a quota of memory.
    pub(crate) fn has_memory_quotas(&self) -> bool {
        self.has_memory_quotas.load(Ordering::Acquire)
    }

    /// Lets somebody in whose certificate names a user, unless he is not enabled. `enter` is as for [`log_in`](Self::log_in).
    pub(crate) fn admit(&self, name: &[u8], enter: impl FnOnce(Arc<Account>)) -> bool {
        let directory = self.lock();
        let found = directory.accounts.get(name).filter(|account| account.user().is_enabled());
        found.map(|account| enter(Arc::clone(account))).is_some()
    }

    /// Changes a user by rules, all or none, or makes one. `settle` is told of who has changed, before anybody else changes
    /// him.
    pub(crate) fn set_user(
        &self,
        name: &[u8],
        words: &[&[u8]],
        book: Book<'_>,
        settle: impl FnOnce(&[Changed]),
    ) -> Result<(), Refusal> {
        if !rule::is_name(name) {
            return Err(Refusal::BadName);
        }
        let rules = join_selectors(words).map_err(Refusal::Unmatched)?;
        let mut directory = self.lock();
        let Directory { accounts, roles } = &mut *directory;
        let book = Book { roles, ..book };
        self.has_rules.store(true, Ordering::SeqCst);
        let account = accounts.get(name).cloned();
        let before = account.as_ref().map_or_else(|| Arc::new(User::new(book)), |account| account.user());
        let mut user = User::clone(&before);
        for rule in rules {
            user.apply(&rule, book).map_err(|error| Refusal::Rule(rule, error))?;
        }
        self.note_users(std::iter::once(&user));
        match account {
            Some(account) => {
                account.change(user);
                settle(&[(account, before)]);
            }
            None => {
                accounts.insert(name.into(), Arc::new(Account::new(name, user)));
            }
        }
        Ok(())
    }

    /// Removes users; the accounts that were there. `settle` is told of each while nobody can log in.
    pub(crate) fn delete_users(&self, names: &[&[u8]], mut settle: impl FnMut(&Arc<Account>)) -> usize {
        let mut directory = self.lock();
        let removed = names.iter().filter_map(|name| directory.accounts.remove(*name));
        removed.inspect(|account| settle(account)).count()
    }

    /// Gives the default user this password, or none.
    pub(crate) fn set_default_password(&self, password: &[u8]) {
        let _directory = self.lock();
        let mut user = User::clone(&self.default.user());
        user.set_password(password);
        self.default.change(user);
    }

    /// All users as the lines of a file.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        self.lock().lines()
    }

    /// All roles and users as the lines of a file.
    pub(crate) fn all_lines(&self) -> Vec<Vec<u8>> {
        let directory = self.lock();
        [directory.role_lines(), directory.lines()].concat()
    }

    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    /// All users as the lines of a file.
    fn lines(&self) -> Vec<Vec<u8>> {
        let line = |account: &Arc<Account>| [b"user ", &*account.name, b" ", &account.user().line()].concat();
        self.accounts.values().map(line).collect()
    }
}

fn opens_channels(config: &Config) -> bool {
    const ALL_CHANNELS: i64 = 0;
    config.number(table::ACL_PUBSUB_DEFAULT) == ALL_CHANNELS
}
