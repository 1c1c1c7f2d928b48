//! A user as sessions know him: who he is stays, what he may do can change.

use super::user::User;
use crate::quotas::UserQuota;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A user with a name. Sessions keep the account; rules replace the user in it.
pub(crate) struct Account {
    pub(crate) name: Box<[u8]>,
    user: RwLock<Arc<User>>,
    /// Counts changes, so that a session sees by one load whether the rights that it keeps are those of today.
    version: AtomicU64,
    /// Whether there is anything that the user may not do: sessions look here once per window.
    is_restricted: AtomicBool,
    /// Whether everybody is in without a password.
    is_open: AtomicBool,
    /// How much the user may have, and what of it is left.
    pub(crate) quota: UserQuota,
}

impl Account {
    pub(super) fn new(name: &[u8], user: User) -> Account {
        let quota = UserQuota::default();
        quota.set(user.limits());
        Account {
            name: name.into(),
            version: AtomicU64::new(0),
            is_restricted: AtomicBool::new(user.is_restricted()),
            is_open: AtomicBool::new(user.is_open()),
            quota,
            user: RwLock::new(Arc::new(user)),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(name: &[u8]) -> Arc<Account> {
        use super::{Book, role::NO_ROLES};
        use spinel_storage::command::table::CommandTable;

        let table = CommandTable::new([]);
        let book =
            Book { table: &table, renamed: &[], opens_channels: false, databases: 16, roles: &NO_ROLES };
        Arc::new(Account::new(name, User::almighty(book)))
    }

    /// What the user may do now.
    pub(crate) fn user(&self) -> Arc<User> {
        Arc::clone(&self.user.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the user other rights.
    pub(super) fn change(&self, user: User) {
        let (is_restricted, is_open) = (user.is_restricted(), user.is_open());
        self.quota.set(user.limits());
        *self.user.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(user);
        self.version.fetch_add(1, Ordering::SeqCst);
        self.is_restricted.store(is_restricted, Ordering::SeqCst);
        self.is_open.store(is_open, Ordering::SeqCst);
    }

    /// Whether there is anything that the user may not do.
    #[inline]
    pub(crate) fn is_restricted(&self) -> bool {
        self.is_restricted.load(Ordering::Acquire)
    }

    /// Whether everybody is in without a password.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }
}

/// Who a session acts as, with his rights as of the last look.
pub(crate) struct Identity {
    pub(crate) account: Arc<Account>,
    user: Arc<User>,
    version: u64,
}

impl Identity {
    pub(crate) fn new(account: Arc<Account>) -> Identity {
        let version = account.version.load(Ordering::SeqCst);
        Identity { user: account.user(), account, version }
    }

    /// The rights of today.
    #[inline]
    pub(crate) fn user(&mut self) -> &User {
        let version = self.account.version.load(Ordering::Acquire);
        if version != self.version {
            (self.user, self.version) = (self.account.user(), version);
        }
        &self.user
    }
}
