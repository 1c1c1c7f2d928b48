//! A message as it is sent, encoded once for all who get it.

use spinel_resp::{Protocol, ReplyWriter};

/// A push message. RESP2 knows none and takes an array; the two differ in the first byte.
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// A message of bulk strings.
    pub(crate) fn of(words: &[&[u8]]) -> Message {
        let mut writer = ReplyWriter::new(Protocol::Resp2);
        // A header takes a type, up to 20 digits and a line end.
        writer.reserve(words.iter().map(|word| word.len() + 25).sum::<usize>() + 23);
        writer.push(words.len());
        for word in words {
            writer.bulk(word);
        }
        Message(writer.take())
    }

    /// A message that is written already, as RESP2.
    pub(crate) fn written(bytes: Vec<u8>) -> Message {
        Message(bytes)
    }

    /// Appends it in a protocol.
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>, protocol: Protocol) {
        let start = bytes.len();
        bytes.extend_from_slice(&self.0);
        if protocol == Protocol::Resp3 {
            bytes[start] = b'>';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_type_depends_on_the_protocol() {
        let message = Message::of(&[b"message", b"c", b"a\r\n"]);
        let mut bytes = b"+OK\r\n".to_vec();
        message.append_to(&mut bytes, Protocol::Resp3);
        message.append_to(&mut bytes, Protocol::Resp2);
        let body = "$7\r\nmessage\r\n$1\r\nc\r\n$3\r\na\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&bytes), format!("+OK\r\n>3\r\n{body}*3\r\n{body}"));
    }
}
