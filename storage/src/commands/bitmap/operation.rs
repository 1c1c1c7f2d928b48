//! BITOP: one value made of several, bit by bit.

use super::ask_text;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::Expiry;
use spinel_types::StringEncoding;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "bitop",
    event: "set",
    usage: "operation=<AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE> destkey key...",
    keys: &[
        KeySpec::at(2, KeyUse::OVERWRITE.with(KeyUse::UPDATE)),
        KeySpec::from(3, 1, KeyUse::READ_ONLY.with(KeyUse::ACCESS)),
    ],
    flags: Flags::WRITE.with(Flags::DENYOOM),
    group: Group::Bitmap,
    since: "2.6.0",
    cost: "O(N) where N is the length of the longest value",
    about: "Combines the bits of string values and stores the result.",
    run: Run::Data(bitop),
    ..Command::ROW
}];

/// How bits of the sources make a bit of the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    /// All have it.
    And,
    /// Any has it.
    Or,
    /// An odd number has it.
    Xor,
    /// The only source hasn't.
    Not,
    /// The first has it, none of the others has.
    Diff,
    /// The first hasn't, any of the others has it.
    Diff1,
    /// The first has it and any of the others has.
    AndOr,
    /// Exactly one has it.
    One,
}

impl Operation {
    fn parse(args: &mut Args<'_>) -> Result<Operation, Error> {
        const NAMES: [(&str, Operation); 8] = [
            ("AND", Operation::And),
            ("OR", Operation::Or),
            ("XOR", Operation::Xor),
            ("NOT", Operation::Not),
            ("DIFF", Operation::Diff),
            ("DIFF1", Operation::Diff1),
            ("ANDOR", Operation::AndOr),
            ("ONE", Operation::One),
        ];
        let (_, operation) = NAMES.into_iter().find(|(name, _)| args.accept(name)).ok_or(Error::Syntax)?;
        Ok(operation)
    }

    /// Whether Redis 8.0 knows it.
    fn is_old(self) -> bool {
        matches!(self, Operation::And | Operation::Or | Operation::Xor | Operation::Not)
    }

    /// Refuses a number of sources that the operation has no meaning for.
    fn check_sources(self, count: usize) -> Result<(), Error> {
        match self {
            Operation::Not if count != 1 => {
                Err(Error::Text("ERR BITOP NOT must be called with a single source key."))
            }
            Operation::Diff if count < 2 => {
                Err(Error::Text("ERR BITOP DIFF must be called with at least two source keys."))
            }
            Operation::Diff1 if count < 2 => {
                Err(Error::Text("ERR BITOP DIFF1 must be called with at least two source keys."))
            }
            Operation::AndOr if count < 2 => {
                Err(Error::Text("ERR BITOP ANDOR must be called with at least two source keys."))
            }
            _ => Ok(()),
        }
    }

    /// Takes in one more source after the first, which `result` began with.
    fn fold(self, result: &mut Vec<u8>, aside: &mut Vec<u8>, source: &[u8]) {
        match self {
            Operation::And => combine(result, source, |one, other| one & other),
            Operation::Or | Operation::Not => combine(result, source, |one, other| one | other),
            Operation::Xor => combine(result, source, |one, other| one ^ other),
            Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                combine(aside, source, |one, other| one | other);
            }
            Operation::One => {
                let mut again = source.to_vec();
                combine(&mut again, result, |one, other| one & other);
                combine(aside, &again, |one, other| one | other);
                combine(result, source, |one, other| one | other);
            }
        }
    }

    /// Makes the result of what was put aside: the bits of other sources than the first, or those seen twice.
    fn finish(self, result: &mut Vec<u8>, aside: &[u8]) {
        match self {
            Operation::And | Operation::Or | Operation::Xor => {}
            Operation::Not => combine(result, aside, |one, _| !one),
            Operation::Diff | Operation::One => combine(result, aside, |one, other| one & !other),
            Operation::Diff1 => combine(result, aside, |one, other| other & !one),
            Operation::AndOr => combine(result, aside, |one, other| one & other),
        }
    }
}

/// Combines two texts into the first, the shorter one padded with zeros.
///
/// A loop this plain over two slices is compiled to vector instructions.
fn combine(result: &mut Vec<u8>, source: &[u8], operation: impl Fn(u8, u8) -> u8) {
    result.resize(result.len().max(source.len()), 0);
    let (both, alone) = result.split_at_mut(source.len());
    for (byte, other) in both.iter_mut().zip(source) {
        *byte = operation(*byte, *other);
    }
    for byte in alone {
        *byte = operation(*byte, 0);
    }
}

fn bitop(call: &mut Call<'_>) -> Result<(), Error> {
    let operation = Operation::parse(&mut call.args)?;
    let (destination, sources) = (call.args.word(), call.args.rest());
    operation.check_sources(sources.len())?;

    let (mut result, mut aside) = (Vec::new(), Vec::new());
    for (index, source) in sources.iter().enumerate() {
        let is_there = ask_text(call, source, |text| match index {
            0 => result.extend_from_slice(text),
            _ => operation.fold(&mut result, &mut aside, text),
        })?;
        if is_there.is_none() && index > 0 {
            operation.fold(&mut result, &mut aside, b"");
        }
    }
    operation.finish(&mut result, &aside);
    if !operation.is_old() {
        call.effect.rewrite_line(|| match &result[..] {
            [] => vec![b"DEL".to_vec(), destination.to_vec()],
            result => vec![b"SET".to_vec(), destination.to_vec(), result.to_vec()],
        });
    }
    if result.is_empty() {
        call.keys.erase(destination);
    } else {
        call.keys.write(destination).set_verbatim(&result, StringEncoding::Raw, Expiry::Never);
    }

    call.reply.integer(result.len() as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn values_are_combined() {
        check(
            r#"MSET x "\xff\x0fU\x01" y "\x0f\xff\x00" z "\xaa\x01P\x01\x80" => OK
               BITOP AND d x y z             => 5
               GET d                         => "\n\x01\x00\x00\x00"
               BITOP OR d x y                => 4
               GET d                         => "\xff\xffU\x01"
               BITOP XOR d x y               => 4
               GET d                         => "\xf0\xf0U\x01"
               BITOP NOT d y                 => 3
               GET d                         => "\xf0\x00\xff"
               BITOP DIFF d x y z            => 5
               GET d                         => "P\x00\x05\x00\x00"
               BITOP DIFF1 d x y z           => 5
               GET d                         => "\x00\xf0\x00\x00\x80"
               BITOP ANDOR d x y z           => 5
               GET d                         => "\xaf\x0fP\x01\x00"
               BITOP ONE d x y z             => 5
               GET d                         => "P\xf0\x05\x00\x80"
               BITOP and d none x            => 4
               GET d                         => "\x00\x00\x00\x00"
               BITOP AND d x none            => 4
               GET d                         => "\x00\x00\x00\x00"
               BITOP XOR x x x               => 4
               GET x                         => "\x00\x00\x00\x00""#,
        );
    }

    #[test]
    fn the_destination_is_replaced_or_removed() {
        check(
            r#"SET d old EX 10               => OK
               SET n 12                      => OK
               BITOP OR d n                  => 2
               GET d                         => "12"
               @encoding d                   => raw
               @expiry d                     => never
               BITOP OR d none none          => 0
               GET d                         => nil
               BITOP NOT d none              => 0
               BITOP NOT d n n               => ERR BITOP NOT must be called with a single source key.
               BITOP DIFF d n                => ERR BITOP DIFF must be called with at least two source keys.
               BITOP DIFF1 d n               => ERR BITOP DIFF1 must be called with at least two source keys.
               BITOP ANDOR d n               => ERR BITOP ANDOR must be called with at least two source keys.
               BITOP nosuch d n              => ERR syntax error"#,
        );
    }
}
