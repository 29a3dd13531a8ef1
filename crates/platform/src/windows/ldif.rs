//! Objects of a directory as text: LDIF (RFC 2849), so that any directory tool can read what was saved.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap3::SearchEntry;
use sha2::{Digest, Sha256};

/// The longest line, its end not counted; longer ones go on after a blank.
const LINE_MAX: usize = 76;

/// An object, as far as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its distinguished name.
    pub dn: String,
    /// Its attributes by name, each with its values, byte for byte.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl From<SearchEntry> for Object {
    fn from(entry: SearchEntry) -> Self {
        let text = entry
            .attrs
            .into_iter()
            .map(|(name, values)| (name, values.into_iter().map(String::into_bytes).collect::<Vec<_>>()));
        let mut attributes: Vec<(String, Vec<Vec<u8>>)> = text.chain(entry.bin_attrs).collect();
        attributes.sort();
        Self { dn: entry.dn, attributes }
    }
}

/// Objects as LDIF.
#[must_use]
pub fn text(objects: &[Object]) -> String {
    let mut text = "version: 1\n".to_owned();
    for object in objects {
        text.push('\n');
        line(&mut text, "dn", object.dn.as_bytes());
        for (name, values) in &object.attributes {
            for value in values {
                line(&mut text, name, value);
            }
        }
    }
    text
}

/// SHA-256 of a text, hexadecimal.
#[must_use]
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn line(text: &mut String, name: &str, value: &[u8]) {
    let whole = match plain(value) {
        Some(value) => format!("{name}: {value}"),
        None => format!("{name}:: {}", STANDARD.encode(value)),
    };
    let mut rest = whole.as_str();
    let mut width = LINE_MAX;
    let mut blank = "";
    while !rest.is_empty() {
        // Everything is ASCII: a plain value is, and base 64 is.
        let (now, later) = rest.split_at(width.min(rest.len()));
        let _ = writeln!(text, "{blank}{now}");
        (rest, width, blank) = (later, LINE_MAX - 1, " ");
    }
}

/// A value that may stand as it is: printable ASCII that doesn't begin like something else, nor end with a blank.
fn plain(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
    let safe = !text.starts_with([' ', ':', '<']) && !text.ends_with(' ');
    (printable && safe).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(values: &[&[u8]]) -> Object {
        let values = values.iter().map(|value| value.to_vec()).collect();
        Object { dn: "CN=a,DC=b".into(), attributes: vec![("map".into(), values)] }
    }

    #[test]
    fn what_is_no_plain_text_is_encoded() {
        let values: &[&[u8]] =
            &[b"one", b" blank", b"blank ", b":colon", b"<", "日".as_bytes(), b"a\nb", &[0xff, 0]];
        let expected = "version: 1\n\ndn: CN=a,DC=b\nmap: one\nmap:: IGJsYW5r\nmap:: Ymxhbmsg\nmap:: OmNvbG9u\nmap:: PA==\n\
                        map:: 5pel\nmap:: YQpi\nmap:: /wA=\n";
        assert_eq!(text(&[object(values)]), expected);
    }

    #[test]
    fn long_lines_are_folded_and_lose_nothing() {
        let value = "x".repeat(500);
        let folded = text(&[object(&[value.as_bytes()])]);
        assert!(folded.lines().all(|line| line.len() <= LINE_MAX), "{folded}");
        assert!(folded.replace("\n ", "").contains(&format!("map: {value}\n")));
    }
}
