//! Users and roles in files: lines of the settings, and a file of users and roles only.

use super::role::{NO_ROLES, Role, RoleRefusal, Roles};
use super::rule::{is_name, join_selectors};
use super::{Account, Accounts, Acl, Book, Changed, DEFAULT, Directory, User};
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

/// The users and roles that a text names, each once.
#[derive(Default)]
struct Declared {
    users: BTreeMap<Box<[u8]>, User>,
    roles: Roles,
}

const UNCHANGED: &str =
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

impl Acl {
    /// Takes the users from the settings or, if they name one, from the file of users.
    pub(super) fn read_settings(&self, config: &Config, book: Book<'_>) -> Result<(), String> {
        let Some(path) = config.path(table::ACLFILE) else {
            let declared = from_settings(config, book)?;
            if !declared.users.is_empty() || !declared.roles.is_empty() {
                self.install(declared, None);
            }
            if config.path(table::REQUIREPASS_FILE).is_some() {
                // It counts more than what CONFIG REWRITE noted of the default user.
                self.set_default_password(&config.requirepass());
            }
            return Ok(());
        };
        if !config.users().is_empty() || !config.roles().is_empty() {
            return Err("Configuring users in the settings and at the same time a file of users with aclfile is invalid: \
                        please define either the one or the other."
                .to_owned());
        }
        let declared = read_file(&path, book)
            .map_err(|reason| format!("Aborting startup because of ACL errors: {reason}"))?;
        if !config.requirepass().is_empty() {
            log::warning!(
                "The setting requirepass has no effect, because the users come from the file that aclfile names."
            );
        }
        self.install(declared, Some(User::almighty(book)));
        Ok(())
    }

    /// Takes the users from the file anew. `settle` is told of accounts that are gone or have changed.
    pub(crate) fn load(
        &self,
        path: &Path,
        book: Book<'_>,
        settle: impl FnMut(Fate<'_>),
    ) -> Result<(), String> {
        let declared = read_file(path, book)?;
        self.replace_all(declared, settle, book);
        Ok(())
    }

    /// Writes roles and users into the file, so that after a power cut either the old or the new one is there.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = self.all_lines().join(&b'\n');
        text.push(b'\n');
        replace(path, &text)
    }

    /// Puts users and roles in, when the server starts. `default` is the default user if none of them is.
    fn install(&self, Declared { mut users, roles }: Declared, default: Option<User>) {
        self.has_rules.store(true, Ordering::SeqCst);
        self.note_users(users.values());
        let own = users.remove(DEFAULT).or(default);
        if let Some(user) = own {
            self.default.change(user);
        }
        let mut directory = self.lock();
        directory.roles = roles;
        for (name, user) in users {
            let account = Arc::new(Account::new(&name, user));
            directory.accounts.insert(name, account);
        }
    }

    fn replace_all(
        &self,
        Declared { mut users, roles }: Declared,
        mut settle: impl FnMut(Fate<'_>),
        book: Book<'_>,
    ) {
        let mut directory = self.lock();
        directory.roles = roles;
        let Directory { accounts, .. } = &mut *directory;
        self.note_users(users.values());
        users.entry(DEFAULT.into()).or_insert_with(|| User::almighty(book));
        let (mut kept, mut changed) = (Accounts::new(), Vec::new());
        for (name, user) in users {
            let account = match accounts.remove(&name) {
                Some(account) => {
                    let before = account.user();
                    account.change(user);
                    changed.push((Arc::clone(&account), before));
                    account
                }
                None => Arc::new(Account::new(&name, user)),
            };
            kept.insert(name, account);
        }
        settle(Fate::Changed(&changed));
        for account in accounts.values() {
            settle(Fate::Gone(account));
        }
        *accounts = kept;
    }
}

/// What has become of accounts when the file was loaded.
pub(crate) enum Fate<'a> {
    Gone(&'a Arc<Account>),
    Changed(&'a [Changed]),
}

/// The users and roles of the settings' lines.
fn from_settings(config: &Config, book: Book<'_>) -> Result<Declared, String> {
    let mut declared = Declared::default();
    for words in config.roles() {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let [name, rules @ ..] = &words[..] else { continue };
        let shown = String::from_utf8_lossy(name);
        let role = make_role(name, rules, book).map_err(|problem| problem.in_settings("role", &shown))?;
        if declared.roles.insert((*name).into(), Arc::new(role)).is_some() {
            return Err(format!("Error in role declaration '{shown}': Duplicate role found."));
        }
    }
    let book = Book { roles: &declared.roles, ..book };
    for words in config.users() {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let [name, rules @ ..] = &words[..] else { continue };
        let shown = String::from_utf8_lossy(name);
        let user = make(name, rules, book).map_err(|problem| problem.in_settings("user", &shown))?;
        if !user.is_on {
            log::notice!(
                "The user '{shown}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a \
                 configuration error."
            );
        }
        if declared.users.insert((*name).into(), user).is_some() {
            return Err(format!(
                "Error in user declaration '{shown}': Duplicate user found. A user can only be defined once in config files"
            ));
        }
    }
    Ok(declared)
}

/// Why a line makes no user and no role.
enum Problem {
    Name,
    Unmatched(String),
    Rule(String, &'static str),
}

impl Problem {
    /// The error about a line of the settings, which declares a user or a role of this name.
    fn in_settings(&self, kind: &str, name: &str) -> String {
        match self {
            Problem::Name if kind == "role" => "Invalid name of a role".to_owned(),
            Problem::Name => "Spaces not allowed in ACL usernames".to_owned(),
            Problem::Unmatched(start) => format!("Unmatched parenthesis in selector definition: '{start}'"),
            Problem::Rule(rule, reason) => {
                format!("Error loading ACL rule '{rule}' for the {kind} named '{name}': {reason}")
            }
        }
    }

    /// The error about a line of a file of users, whose place it begins with.
    fn in_file(&self, kind: &str, place: &str) -> String {
        match self {
            Problem::Name if kind == "role" => format!("{place}: the name of the role is invalid."),
            Problem::Name => format!("'{place}: username contains invalid characters."),
            Problem::Unmatched(start) => {
                format!("{place}: Unmatched parenthesis in selector definition: '{start}'.")
            }
            Problem::Rule(_, reason @ "Syntax error") => format!("{place}: {reason}."),
            Problem::Rule(rule, reason) => {
                format!("{place}: Error in applying operation '{rule}': {reason}.")
            }
        }
    }
}

fn make_role(name: &[u8], rules: &[&[u8]], book: Book<'_>) -> Result<Role, Problem> {
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    Role::read(name, rules, book).map_err(|refusal| match refusal {
        RoleRefusal::BadName => Problem::Name,
        RoleRefusal::Unmatched(start) => Problem::Unmatched(shown(&start.0)),
        RoleRefusal::Rule(rule, error) => Problem::Rule(shown(&rule), error.text()),
    })
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

fn read_file(path: &Path, book: Book<'_>) -> Result<Declared, String> {
    let text = fs::read(path).map_err(|error| {
        format!("Error loading ACLs, opening file '{}': {}", path.display(), plain(&error))
    })?;
    read_lines(&text, &path.display().to_string(), book)
}

/// Reads a file of users and roles; the error names every line that is wrong. Roles may stand behind the users who have
/// them.
fn read_lines(text: &[u8], file: &str, book: Book<'_>) -> Result<Declared, String> {
    let (mut declared, mut problems) = (Declared::default(), BTreeMap::new());
    let mut users: Vec<(usize, Vec<&[u8]>)> = Vec::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let (line, number) = (line.trim_ascii(), number + 1);
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
        match &words[..] {
            [] => {}
            [b"user", _, ..] => users.push((number, words)),
            [b"role", name, rules @ ..] => match make_role(name, rules, Book { roles: &NO_ROLES, ..book }) {
                Ok(role) => {
                    if declared.roles.insert((*name).into(), Arc::new(role)).is_some() {
                        problems.insert(number, duplicate("role", name, number));
                    }
                }
                Err(problem) => {
                    problems.insert(number, problem.in_file("role", &format!("{file}:{number}")));
                }
            },
            _ => {
                let text = "should start with user keyword followed by the username.";
                problems.insert(number, format!("{file}:{number} {text}"));
            }
        }
    }
    let book = Book { roles: &declared.roles, ..book };
    for (number, words) in users {
        let (name, rules) = (words[1], &words[2..]);
        if declared.users.contains_key(name) {
            problems.insert(number, duplicate("user", name, number));
            continue;
        }
        match make(name, rules, book) {
            Ok(user) => {
                declared.users.insert(name.into(), user);
            }
            Err(problem) => {
                problems.insert(number, problem.in_file("user", &format!("{file}:{number}")));
            }
        }
    }
    if problems.is_empty() {
        return Ok(declared);
    }
    let mut problems: Vec<String> = problems.into_values().collect();
    problems.push(UNCHANGED.to_owned());
    Err(problems.join(" "))
}

fn duplicate(kind: &str, name: &[u8], number: usize) -> String {
    format!("WARNING: Duplicate {kind} '{}' found on line {number}.", String::from_utf8_lossy(name))
}
