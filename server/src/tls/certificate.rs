//! What a certificate says: its number, until when it holds, and whose it is.
//!
//! Whether it is to be believed is rustls's business, who has checked it before anybody here reads a name. This is
//! a walk over the outermost fields of RFC 5280's certificate; what does not have their form has no facts.
//!
//! ```text
//! SEQUENCE
//! └ SEQUENCE   [0] version  serial  algorithm  issuer  validity  subject  key  …  [3] extensions
//!                           ^^^^^^                     ^^^^^^^^  ^^^^^^^                ^ names of the subject
//! ```

use std::fmt::Write;

/// Facts of a certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Certificate {
    /// Hexadecimal digits, without zeros in front.
    pub(crate) serial: String,
    /// The last second in which it holds, in Unix time.
    pub(crate) not_after: i64,
    /// Who it is about, as in `CN=a,O=b`, for people.
    pub(crate) subject: String,
    /// The subject's common names, most often one.
    pub(crate) common_names: Vec<Vec<u8>>,
    /// The URIs among its alternative names.
    pub(crate) uris: Vec<Vec<u8>>,
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Texts that are ASCII or UTF-8: `UTF8String`, `PrintableString`, `IA5String`.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
/// A URI among alternative names.
const URI: u8 = 0x86;

/// Attributes of names, 2.5.4.x, by the abbreviations of RFC 4514.
const ATTRIBUTES: [(&[u8], &str); 6] = [
    (COMMON_NAME, "CN"),
    (&[85, 4, 6], "C"),
    (&[85, 4, 7], "L"),
    (&[85, 4, 8], "ST"),
    (&[85, 4, 10], "O"),
    (&[85, 4, 11], "OU"),
];
const COMMON_NAME: &[u8] = &[85, 4, 3];
/// 2.5.29.17.
const ALTERNATIVE_NAMES: &[u8] = &[85, 29, 17];

impl Certificate {
    /// Reads the DER form; nothing if it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Certificate> {
        let mut fields = Elements(Elements(Elements(der).expect(SEQUENCE)?).expect(SEQUENCE)?);
        let (mut tag, mut content) = fields.next()?;
        if tag == VERSION {
            (tag, content) = fields.next()?;
        }
        let mut certificate = Certificate { serial: hexadecimal(content), ..Certificate::default() };
        let (_algorithm, _issuer) = (fields.expect(SEQUENCE)?, fields.expect(SEQUENCE)?);
        let mut validity = Elements(fields.expect(SEQUENCE)?);
        let _from = validity.next()?;
        certificate.not_after = time(validity.next()?)?;
        certificate.read_subject(fields.expect(SEQUENCE)?)?;
        let extensions = fields.find(|(tag, _)| *tag == EXTENSIONS);
        if let Some((_, content)) = extensions {
            certificate.read_extensions(Elements(content).expect(SEQUENCE)?)?;
        }
        (tag == INTEGER && fields.is_whole()).then_some(certificate)
    }

    fn read_subject(&mut self, names: &[u8]) -> Option<()> {
        let mut names = Elements(names);
        while let Some(set) = names.next_of(SET) {
            let mut pairs = Elements(set);
            while let Some(pair) = pairs.next_of(SEQUENCE) {
                self.read_attribute(Elements(pair))?;
            }
            pairs.is_whole().then_some(())?;
        }
        names.is_whole().then_some(())
    }

    fn read_attribute(&mut self, mut pair: Elements<'_>) -> Option<()> {
        let kind = pair.expect(IDENTIFIER)?;
        let (tag, text) = pair.next()?;
        if kind == COMMON_NAME {
            // A name in an encoding that nobody uses any more is nobody's, but it is there.
            self.common_names.push(if TEXTS.contains(&tag) { text.to_vec() } else { Vec::new() });
        }
        if let Some((_, name)) = ATTRIBUTES.iter().find(|(identifier, _)| *identifier == kind) {
            let comma = if self.subject.is_empty() { "" } else { "," };
            write!(self.subject, "{comma}{name}={}", text.escape_ascii()).expect("memory takes any text");
        }
        Some(())
    }

    fn read_extensions(&mut self, extensions: &[u8]) -> Option<()> {
        let mut extensions = Elements(extensions);
        while let Some(extension) = extensions.next_of(SEQUENCE) {
            let mut extension = Elements(extension);
            if extension.expect(IDENTIFIER)? == ALTERNATIVE_NAMES {
                let (_, value) = extension.find(|(tag, _)| *tag == OCTETS)?;
                let mut names = Elements(Elements(value).expect(SEQUENCE)?);
                self.uris.extend(names.by_ref().filter(|(tag, _)| *tag == URI).map(|(_, uri)| uri.to_vec()));
                names.is_whole().then_some(())?;
            }
        }
        extensions.is_whole().then_some(())
    }
}

/// Elements of DER that stand one behind another, as far as they are whole. Contains what has not been read.
struct Elements<'d>(&'d [u8]);

impl<'d> Elements<'d> {
    /// The content of the next one, which must be of this kind.
    fn expect(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The same, without moving on if it is of another kind.
    fn next_of(&mut self, tag: u8) -> Option<&'d [u8]> {
        if self.0.first() == Some(&tag) { self.expect(tag) } else { None }
    }

    /// Whether all has been read.
    fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'d> Iterator for Elements<'d> {
    type Item = (u8, &'d [u8]);

    /// Kind and content of the next element. Lengths of more than four bytes are no certificate's.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        const LONG: u8 = 0x80;
        const LONG_MAX: usize = 4;
        let (&[tag, short], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(short);
        if short & LONG != 0 {
            let digits = usize::from(short & !LONG);
            if digits == 0 || digits > LONG_MAX {
                return None;
            }
            let (number, behind) = rest.split_at_checked(digits)?;
            length = number.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = behind;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

fn hexadecimal(number: &[u8]) -> String {
    let digits = number.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02X}").expect("memory takes any text");
        digits
    });
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}

/// Unix time of `YYMMDDhhmmssZ`, which is of the years 1950 to 2049, or of `YYYYMMDDhhmmssZ`.
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let (digits, century) = match tag {
        UTC_TIME => (text, None),
        GENERALIZED_TIME => (text.get(2..)?, Some(two(text, 0)?)),
        _ => return None,
    };
    if digits.len() != 13 || digits[12] != b'Z' {
        return None;
    }
    let year = two(digits, 0)?;
    let year = century.map_or(if year < 50 { 2000 } else { 1900 }, |century| century * 100) + year;
    let (month, day) = (two(digits, 2)?, two(digits, 4)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = two(digits, 6)? * 3600 + two(digits, 8)? * 60 + two(digits, 10)?;
    Some(days_until(year, month, day) * 86_400 + seconds)
}

/// The number that two digits make.
fn two(text: &[u8], at: usize) -> Option<i64> {
    let digit =
        |at: usize| text.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
    Some(digit(at)? * 10 + digit(at + 1)?)
}

/// Days from the first of January 1970 to a day. Years begin in March here, so that the day that leap years have more
/// is their last: 153 days for five months from there on, 146,097 for four hundred years.
fn days_until(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let in_year = (153 * month + 2) / 5 + day - 1;
    let whole_years = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // The first of January 1970 is day 719,468 since the first of March of the year 0.
    whole_years + in_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let utc = |text: &str| time((UTC_TIME, text.as_bytes()));
        let general = |text: &str| time((GENERALIZED_TIME, text.as_bytes()));
        assert_eq!(utc("700101000000Z"), Some(0));
        assert_eq!(utc("240229120001Z"), Some(1_709_208_001));
        assert_eq!(general("20500301000000Z"), Some(2_529_705_600));
        assert_eq!(general("99991231235959Z"), Some(253_402_300_799));
        for bad in ["", "240229120001", "2402291200010", "24022912000xZ", "241329120001Z", "240200120001Z"] {
            assert_eq!(utc(bad), None, "{bad}");
        }
        assert_eq!(general("2"), None);
    }

    fn element(tag: u8, contents: &[Vec<u8>]) -> Vec<u8> {
        let content = contents.concat();
        let mut bytes = vec![tag];
        match u8::try_from(content.len()) {
            Ok(length) if length < 128 => bytes.push(length),
            _ => bytes.extend([0x82, (content.len() >> 8) as u8, content.len() as u8]),
        }
        [bytes, content].concat()
    }

    fn attribute(kind: &[u8], tag: u8, text: &[u8]) -> Vec<u8> {
        let pair = [element(IDENTIFIER, &[kind.to_vec()]), element(tag, &[text.to_vec()])];
        element(SET, &[element(SEQUENCE, &pair)])
    }

    fn made(subject: &[Vec<u8>], uris: &[&[u8]]) -> Vec<u8> {
        let empty = || element(SEQUENCE, &[]);
        let until = |text: &str| element(UTC_TIME, &[text.as_bytes().to_vec()]);
        let names: Vec<Vec<u8>> = uris.iter().map(|uri| element(URI, &[uri.to_vec()])).collect();
        let value = element(OCTETS, &[element(SEQUENCE, &names)]);
        let extension = element(SEQUENCE, &[element(IDENTIFIER, &[ALTERNATIVE_NAMES.to_vec()]), value]);
        let fields = [
            element(VERSION, &[element(INTEGER, &[vec![2]])]),
            element(INTEGER, &[vec![0, 0x8f, 1]]),
            empty(),
            empty(),
            element(SEQUENCE, &[until("200101000000Z"), until("300101000000Z")]),
            element(SEQUENCE, subject),
            empty(),
            element(EXTENSIONS, &[element(SEQUENCE, &[extension])]),
        ];
        element(SEQUENCE, &[element(SEQUENCE, &fields)])
    }

    #[test]
    fn facts_are_found() {
        let organization = attribute(&[85, 4, 10], 0x13, b"Works, Ltd\n");
        let der = made(&[organization, attribute(COMMON_NAME, 0x0c, b"alice")], &[b"urn:a", b"urn:b"]);
        let read = Certificate::read(&der).unwrap();
        assert_eq!((&*read.serial, read.not_after), ("8F01", 1_893_456_000));
        assert_eq!(read.subject, "O=Works, Ltd\\n,CN=alice");
        assert_eq!(read.common_names, [b"alice"]);
        assert_eq!(read.uris, [b"urn:a", b"urn:b"]);
    }

    #[test]
    fn a_name_in_another_encoding_is_there_and_empty() {
        let der = made(&[attribute(COMMON_NAME, 0x1e, b"\0a"), attribute(COMMON_NAME, 0x0c, b"b")], &[]);
        assert_eq!(Certificate::read(&der).unwrap().common_names, [&b""[..], b"b"]);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let der = made(&[attribute(COMMON_NAME, 0x0c, b"alice")], &[b"urn:a"]);
        for end in 0..der.len() {
            assert_eq!(Certificate::read(&der[..end]), None, "cut at {end}");
        }
        for at in 0..der.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut other = der.clone();
                other[at] = byte;
                // Whatever it says now, it is read or not.
                let _ = Certificate::read(&other);
            }
        }
    }
}
