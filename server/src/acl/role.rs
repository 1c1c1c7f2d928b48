//! Roles: rights with a name, which any number of users may have.
//!
//! A role doesn't change, as a user doesn't: rules make another one, and with it all users who have it are made anew, while
//! nobody else changes or removes any. So who looks at a user needs to look at nothing else.

use super::account::Account;
use super::book::Book;
use super::describe::Described;
use super::rights::Rights;
use super::rule::{RuleError, Unmatched, join_selectors};
use super::user::User;
use super::{Acl, Directory};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// All roles by name.
pub(crate) type Roles = BTreeMap<Box<[u8]>, Arc<Role>>;

/// No role at all.
pub(super) static NO_ROLES: Roles = Roles::new();

/// The longest name of a role.
const NAME_BYTES_MAX: usize = 128;

/// Rights with a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Role {
    pub(super) name: Box<[u8]>,
    pub(super) rights: Rights,
}

impl Role {
    fn new(name: &[u8], book: Book<'_>) -> Role {
        Role { name: name.into(), rights: Rights::new(book) }
    }

    /// Makes a role of rules, as a line of a file has them.
    pub(super) fn read(name: &[u8], rules: &[&[u8]], book: Book<'_>) -> Result<Role, RoleRefusal> {
        changed(Role::new(name, book), rules, book)
    }

    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The rights, those of the root first.
    pub(crate) fn described_selectors(&self) -> impl Iterator<Item = Described> {
        self.rights.described()
    }

    /// The line that makes the role again.
    pub(crate) fn line(&self) -> Vec<u8> {
        [b"role ", &*self.name, b" ", &self.rights.line()].concat()
    }
}

/// Why a role is not made or changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum RoleRefusal {
    BadName,
    Unmatched(Unmatched),
    Rule(Vec<u8>, RuleError),
}

/// Why roles are not removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct InUse {
    pub(crate) role: Vec<u8>,
    /// One of the users who have it.
    pub(crate) user: Vec<u8>,
}

/// The names of the users who have a role.
type Holders = Vec<Box<[u8]>>;

/// An account that has changed, and its rights before.
pub(crate) type Changed = (Arc<Account>, Arc<User>);

/// Whether a role may have this name, which stands in lines and behind `role=`.
fn is_name(name: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:/@".contains(byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.iter().all(fits)
}

/// A role changed by rules, all or none.
fn changed(mut role: Role, words: &[&[u8]], book: Book<'_>) -> Result<Role, RoleRefusal> {
    if !is_name(&role.name) {
        return Err(RoleRefusal::BadName);
    }
    for rule in join_selectors(words).map_err(RoleRefusal::Unmatched)? {
        if rule.eq_ignore_ascii_case(b"reset") {
            role.rights = Rights::new(book);
        } else {
            role.rights.apply(&rule, book).map_err(|error| RoleRefusal::Rule(rule, error))?;
        }
    }
    Ok(role)
}

impl Acl {
    /// Makes a role or changes it by rules, and with it the rights of all who have it. `settle` is told of them before
    /// anybody else changes one.
    pub(crate) fn set_role(
        &self,
        name: &[u8],
        words: &[&[u8]],
        book: Book<'_>,
        settle: impl FnOnce(&[Changed]),
    ) -> Result<(), RoleRefusal> {
        let mut directory = self.lock();
        let Directory { accounts, roles } = &mut *directory;
        let before = roles.get(name).map_or_else(|| Role::new(name, book), |role| Role::clone(role));
        let role = Arc::new(changed(before, words, book)?);
        self.has_rules.store(true, Ordering::SeqCst);
        let mut holders = Vec::new();
        for account in accounts.values() {
            let user = account.user();
            if user.roles().any(|other| other.name == role.name) {
                account.change(user.with_role(&role));
                holders.push((Arc::clone(account), user));
            }
        }
        roles.insert(name.into(), role);
        settle(&holders);
        Ok(())
    }

    /// Removes roles, all or none: not if somebody has one of them. Returns how many there were.
    pub(crate) fn delete_roles(&self, names: &[&[u8]]) -> Result<usize, InUse> {
        let mut directory = self.lock();
        for account in directory.accounts.values() {
            let user = account.user();
            if let Some(role) = user.roles().find(|role| names.contains(&&*role.name)) {
                return Err(InUse { role: role.name.to_vec(), user: account.name.to_vec() });
            }
        }
        Ok(names.iter().filter(|name| directory.roles.remove(**name).is_some()).count())
    }

    /// The role of this name, and the names of the users who have it.
    pub(crate) fn role(&self, name: &[u8]) -> Option<(Arc<Role>, Holders)> {
        let directory = self.lock();
        let role = Arc::clone(directory.roles.get(name)?);
        let has_it = |account: &&Arc<Account>| account.user().roles().any(|other| other.name == role.name);
        let holders =
            directory.accounts.values().filter(has_it).map(|account| account.name.clone()).collect();
        Some((role, holders))
    }

    /// All roles as the lines of a file.
    pub(crate) fn role_lines(&self) -> Vec<Vec<u8>> {
        self.lock().role_lines()
    }
}

impl Directory {
    pub(super) fn role_lines(&self) -> Vec<Vec<u8>> {
        self.roles.values().map(|role| role.line()).collect()
    }
}
