//! A user: passwords and rights. It doesn't change; rules make another one.

use super::book::Book;
use super::password::Password;
use super::rights::Rights;
use super::role::Role;
use super::selector::{Denial, Reason, Selector};
use super::slow::SlowPassword;
use crate::quotas::Limits;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::Begin;
use spinel_storage::command::table::CommandId;
use spinel_storage::{DbIndex, Error};
use std::sync::Arc;

/// What a user may do and how he shows who he is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct User {
    pub(super) is_on: bool,
    /// Whether any password will do.
    pub(super) needs_no_password: bool,
    /// Whether payloads of RESTORE are checked deeply. They always are; the flag is only shown.
    pub(super) sanitizes: bool,
    pub(super) passwords: Vec<Password>,
    /// Those that take long to check.
    pub(super) slow_passwords: Vec<Arc<SlowPassword>>,
    /// His own rights.
    pub(super) rights: Rights,
    /// The roles whose rights he has besides, in the order in which they were given.
    pub(super) roles: Vec<Arc<Role>>,
    /// How much he may have.
    pub(super) limits: Limits,
}

impl User {
    /// A user who may do nothing.
    pub(crate) fn new(book: Book<'_>) -> User {
        User {
            is_on: false,
            needs_no_password: false,
            sanitizes: true,
            passwords: Vec::new(),
            slow_passwords: Vec::new(),
            rights: Rights::new(book),
            roles: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// The user who may do everything and needs no password.
    pub(crate) fn almighty(book: Book<'_>) -> User {
        let mut user = User { is_on: true, needs_no_password: true, ..User::new(book) };
        let root = &mut user.rights.root;
        root.set_all_commands(true);
        (root.has_all_keys, root.has_all_channels) = (true, true);
        user
    }

    /// Whether everybody is in as this user without having said a password.
    pub(crate) fn is_open(&self) -> bool {
        self.is_on && self.needs_no_password
    }

    /// Whether anybody may come as this user.
    pub(super) fn is_enabled(&self) -> bool {
        self.is_on
    }

    /// Whether any password will do.
    pub(crate) fn needs_no_password(&self) -> bool {
        self.needs_no_password
    }

    /// Whether a password lets somebody in.
    pub(crate) fn accepts(&self, given: &Password) -> bool {
        let is_known = self.passwords.iter().fold(false, |found, password| found | password.is(given));
        self.is_on && (is_known || self.needs_no_password)
    }

    /// Whether a password of this hash lets somebody in.
    pub(super) fn accepts_slowly(&self, given: &SlowPassword) -> bool {
        self.is_on && self.slow_passwords.iter().any(|password| **password == *given)
    }

    /// The hashes that take long to check; none if nobody gets in by them.
    pub(super) fn slow_passwords(&self) -> Vec<Arc<SlowPassword>> {
        if self.is_on { self.slow_passwords.clone() } else { Vec::new() }
    }

    /// Whether there are passwords that take long to check.
    pub(crate) fn has_slow_passwords(&self) -> bool {
        !self.slow_passwords.is_empty()
    }

    /// Lets only who says this password in, or everybody if it is empty.
    pub(crate) fn set_password(&mut self, password: &[u8]) {
        self.needs_no_password = password.is_empty();
        self.passwords.clear();
        self.slow_passwords.clear();
        if !password.is_empty() {
            self.passwords.push(Password::of(password));
        }
    }

    /// Whether there is anything that he may not do.
    pub(crate) fn is_restricted(&self) -> bool {
        !self.limits.is_none() || !self.selectors().any(Selector::allows_everything)
    }

    /// The selectors of his own and of his roles.
    fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.rights.selectors().chain(self.roles.iter().flat_map(|role| role.rights.selectors()))
    }

    /// How much he may have.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The roles that he has.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().map(|role| &**role)
    }

    /// The user with this role in the place of the former one of its name.
    pub(super) fn with_role(&self, role: &Arc<Role>) -> User {
        let mut user = self.clone();
        for own in user.roles.iter_mut().filter(|own| own.name == role.name) {
            *own = Arc::clone(role);
        }
        user
    }

    /// Whether he may call a command with these words in this database; if not, what the selector that comes closest
    /// denies.
    pub(crate) fn check(
        &self,
        id: CommandId,
        words: &[&[u8]],
        db: DbIndex,
        book: Book<'_>,
    ) -> Result<(), Denial> {
        let (command, right) = (book.table.row(id).command, book.right_to(id));
        let is_free = command.flags.contains(Flags::NO_AUTH);
        let mut closest = Denial { reason: Reason::Database, position: 0 };
        for selector in self.selectors() {
            let outcome = selector.check_databases(command, words, (db.0, book.databases)).and_then(|()| {
                if is_free || selector.allows_command(right, words) {
                    selector.check_words(command, words)
                } else {
                    Err(Denial { reason: Reason::Command, position: 0 })
                }
            });
            match outcome {
                Ok(()) => return Ok(()),
                Err(denial) => closest = closest.max(denial),
            }
        }
        Err(closest)
    }

    /// The error of a command that reads keys whose names derive from data, if it does and he may not read all.
    pub(crate) fn check_derived(
        &self,
        id: CommandId,
        words: &[&[u8]],
        db: DbIndex,
        book: Book<'_>,
    ) -> Result<(), Error> {
        let specs = book.table.row(id).command.keys;
        let refusal = specs.iter().find_map(|spec| match spec.begin {
            Begin::Derived(refusal) => Some(refusal),
            _ => None,
        });
        let Some(error) = refusal.and_then(|refusal| refusal(words)) else { return Ok(()) };
        let may = |selector: &Selector| {
            selector.allows_reading_all()
                && selector.allows_database(db.0)
                && selector.allows_command(id, words)
        };
        if self.selectors().any(may) { Ok(()) } else { Err(error) }
    }

    /// Whether he may call a command and read a key that none of its words is known to be.
    pub(crate) fn may_read(&self, id: CommandId, words: &[&[u8]], key: &[u8], db: DbIndex) -> bool {
        self.selectors().any(|selector| {
            selector.allows_reading(key)
                && selector.allows_database(db.0)
                && selector.allows_command(id, words)
        })
    }

    /// Whether another user may use all channels that this one may.
    pub(crate) fn has_channels_of(&self, other: &User) -> bool {
        let has = |name: &[u8]| other.selectors().any(|selector| selector.has_channel(name));
        self.selectors().all(|selector| selector.channel_patterns().all(has))
    }

    /// Whether he may listen to a channel or pattern.
    pub(crate) fn may_listen(&self, name: &[u8], is_pattern: bool) -> bool {
        self.selectors().any(|selector| selector.allows_channel(name, is_pattern))
    }
}
