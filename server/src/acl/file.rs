//! Users in files: lines of the settings, and a file of users only.

use super::rule::{is_name, join_selectors};
use super::{Account, Accounts, Acl, Book, DEFAULT, User};
use crate::config::failure::plain;
use crate::config::rewrite::replace;
use crate::config::{Config, table};
use crate::log;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The users that a text names, each once.
type Users = BTreeMap<Box<[u8]>, User>;

const UNCHANGED: &str =
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

impl Acl {
    /// Takes the users from the settings or, if they name one, from the file of users.
    pub(super) fn read_settings(&self, config: &Config, book: Book<'_>) -> Result<(), String> {
        let declared = config.users();
        let Some(path) = config.path(table::ACLFILE) else {
            let users = from_settings(declared, book)?;
            if !users.is_empty() {
                self.install(users, None);
            }
            return Ok(());
        };
        if !declared.is_empty() {
            return Err("Configuring users in the settings and at the same time a file of users with aclfile is invalid: \
                        please define either the one or the other."
                .to_owned());
        }
        let users = read_file(&path, book)
            .map_err(|reason| format!("Aborting startup because of ACL errors: {reason}"))?;
        if !config.requirepass().is_empty() {
            log::warning(
                "The setting requirepass has no effect, because the users come from the file that aclfile names.",
            );
        }
        self.install(users, Some(User::almighty(book)));
        Ok(())
    }

    /// Takes the users from the file anew. `settle` is told of accounts that are gone or have changed.
    pub(crate) fn load(
        &self,
        path: &Path,
        book: Book<'_>,
        settle: impl FnMut(&Arc<Account>, Fate<'_>),
    ) -> Result<(), String> {
        let users = read_file(path, book)?;
        self.replace_all(users, settle, book);
        Ok(())
    }

    /// Writes the users into the file, so that after a power cut either the old or the new one is there.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = self.lines().join(&b'\n');
        text.push(b'\n');
        replace(path, &text)
    }

    /// Puts users in, when the server starts. `default` is the default user if none of them is.
    fn install(&self, mut users: Users, default: Option<User>) {
        self.has_rules.store(true, Ordering::SeqCst);
        let own = users.remove(DEFAULT).or(default);
        if let Some(user) = own {
            self.default.change(user);
        }
        let mut accounts = self.lock();
        for (name, user) in users {
            let account = Arc::new(Account::new(&name, user));
            accounts.insert(name, account);
        }
    }

    fn replace_all(&self, mut users: Users, mut settle: impl FnMut(&Arc<Account>, Fate<'_>), book: Book<'_>) {
        let mut accounts = self.lock();
        users.entry(DEFAULT.into()).or_insert_with(|| User::almighty(book));
        let mut kept = Accounts::new();
        for (name, user) in users {
            let account = match accounts.remove(&name) {
                Some(account) => {
                    let before = account.user();
                    account.change(user);
                    settle(&account, Fate::Changed(&before));
                    account
                }
                None => Arc::new(Account::new(&name, user)),
            };
            kept.insert(name, account);
        }
        for account in accounts.values() {
            settle(account, Fate::Gone);
        }
        *accounts = kept;
    }
}

/// What has become of an account when the file was loaded.
pub(crate) enum Fate<'u> {
    Gone,
    /// These were its rights before.
    Changed(&'u User),
}

/// The users of the settings' lines.
fn from_settings(lines: &[Vec<Vec<u8>>], book: Book<'_>) -> Result<Users, String> {
    let mut users = Users::new();
    for words in lines {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let [name, rules @ ..] = &words[..] else { continue };
        let shown = String::from_utf8_lossy(name);
        let user = make(name, rules, book).map_err(|problem| match problem {
            Problem::Name => "Spaces not allowed in ACL usernames".to_owned(),
            Problem::Unmatched(start) => format!("Unmatched parenthesis in selector definition: '{start}'"),
            Problem::Rule(rule, reason) => {
                format!("Error loading ACL rule '{rule}' for the user named '{shown}': {reason}")
            }
        })?;
        if !user.is_on {
            log::notice(&format!(
                "The user '{shown}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a \
                 configuration error."
            ));
        }
        if users.insert((*name).into(), user).is_some() {
            return Err(format!(
                "Error in user declaration '{shown}': Duplicate user found. A user can only be defined once in config files"
            ));
        }
    }
    Ok(users)
}

/// Why a line makes no user.
enum Problem {
    Name,
    Unmatched(String),
    Rule(String, &'static str),
}

fn make(name: &[u8], rules: &[&[u8]], book: Book<'_>) -> Result<User, Problem> {
    if !is_name(name) {
        return Err(Problem::Name);
    }
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let rules = join_selectors(rules).map_err(|unmatched| Problem::Unmatched(shown(&unmatched.0)))?;
    let mut user = User::new(book);
    for rule in rules {
        user.apply(&rule, book).map_err(|error| Problem::Rule(shown(&rule), error.text()))?;
    }
    Ok(user)
}

fn read_file(path: &Path, book: Book<'_>) -> Result<Users, String> {
    let text = fs::read(path).map_err(|error| {
        format!("Error loading ACLs, opening file '{}': {}", path.display(), plain(&error))
    })?;
    read_lines(&text, &path.display().to_string(), book)
}

/// Reads a file of users; the error names every line that is wrong.
fn read_lines(text: &[u8], file: &str, book: Book<'_>) -> Result<Users, String> {
    let (mut users, mut problems) = (Users::new(), Vec::new());
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let (line, number) = (line.trim_ascii(), number + 1);
        if line.is_empty() {
            continue;
        }
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
        let [b"user", name, rules @ ..] = &words[..] else {
            problems
                .push(format!("{file}:{number} should start with user keyword followed by the username."));
            continue;
        };
        if users.contains_key(*name) {
            let name = String::from_utf8_lossy(name);
            problems.push(format!("WARNING: Duplicate user '{name}' found on line {number}."));
            continue;
        }
        match make(name, rules, book) {
            Ok(user) => {
                users.insert((*name).into(), user);
            }
            Err(Problem::Name) => {
                problems.push(format!("'{file}:{number}: username contains invalid characters."));
            }
            Err(Problem::Unmatched(start)) => {
                problems.push(format!(
                    "{file}:{number}: Unmatched parenthesis in selector definition: '{start}'."
                ));
            }
            Err(Problem::Rule(_, reason @ "Syntax error")) => {
                problems.push(format!("{file}:{number}: {reason}."));
            }
            Err(Problem::Rule(rule, reason)) => {
                problems.push(format!("{file}:{number}: Error in applying operation '{rule}': {reason}."));
            }
        }
    }
    if problems.is_empty() {
        return Ok(users);
    }
    problems.push(UNCHANGED.to_owned());
    Err(problems.join(" "))
}
