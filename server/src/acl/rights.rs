//! The rights of a user or of a role: selectors, of which it is enough that one allows a call.

use super::book::Book;
use super::rule::RuleError;
use super::selector::Selector;

/// Rights, which rules change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rights {
    /// What rules outside of parentheses are about.
    pub(super) root: Selector,
    pub(super) others: Vec<Selector>,
}

impl Rights {
    /// None, but perhaps to channels.
    pub(super) fn new(book: Book<'_>) -> Rights {
        Rights { root: Selector::new(book), others: Vec::new() }
    }

    /// Changes the rights by a rule, or leaves them as they are.
    pub(super) fn apply(&mut self, rule: &[u8], book: Book<'_>) -> Result<(), RuleError> {
        if rule.eq_ignore_ascii_case(b"clearselectors") {
            self.others.clear();
        } else if rule.starts_with(b"(") {
            self.others.push(Selector::read(rule, book)?);
        } else if !rule.is_empty() {
            self.root.apply(rule, book)?;
        }
        Ok(())
    }

    /// The selectors, the root first.
    pub(super) fn selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.others)
    }
}
