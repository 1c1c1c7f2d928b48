//! DEBUG POPULATE: many keys in no time.

use crate::command::call::Call;
use crate::error::Error;
use crate::keyspace::guard::{Expiry, STRING_BYTES_MAX};

pub(super) fn populate(call: &mut Call<'_>) -> Result<(), Error> {
    let count = positive(call.args.word())?;
    let prefix = if call.args.remaining() > 0 { call.args.word() } else { b"key" };
    let size = if call.args.remaining() > 0 { Some(positive(call.args.word())?) } else { None };
    if size.is_some_and(|size| size > STRING_BYTES_MAX as u64) {
        return Err(Error::StringTooLong);
    }

    for number in 0..count {
        let key = [prefix, format!(":{number}").as_bytes()].concat();
        let mut guard = call.keys.write(&key);
        if !guard.exists() {
            let mut value = format!("value:{number}").into_bytes();
            // A size of 0 leaves the value as it is.
            if let Some(size) = size.filter(|size| *size > 0) {
                value.resize(size as usize, 0);
            }
            guard.set_text(&value, Expiry::Never);
        }
    }

    call.reply.ok();
    Ok(())
}

fn positive(word: &[u8]) -> Result<u64, Error> {
    let number = spinel_resp::parse_integer(word).and_then(|number| u64::try_from(number).ok());
    number.ok_or(Error::Negative)
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn keys_get_numbers() {
        check(
            "SET p:1 kept                  => OK
             DEBUG POPULATE 3 p            => OK
             MGET p:0 p:1 p:2              => [\"value:0\", \"kept\", \"value:2\"]
             DEBUG POPULATE 1              => OK
             GET key:0                     => \"value:0\"
             DEBUG POPULATE 1 q 9          => OK
             GET q:0                       => \"value:0\\x00\\x00\"
             DEBUG POPULATE 1 r 2          => OK
             GET r:0                       => \"va\"
             DEBUG POPULATE 1 s 0          => OK
             GET s:0                       => \"value:0\"
             DEBUG POPULATE -1             => ERR value is out of range, must be positive
             DEBUG POPULATE 1 p x          => ERR value is out of range, must be positive",
        );
    }
}
