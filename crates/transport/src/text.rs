//! Text for shells and text for terminals.

use std::fmt::Write as _;

/// One word of a POSIX shell that stands for exactly this text.
///
/// Harmless words stay as they are, so that logged commands read well; everything else goes into single quotes. A NUL
/// can't stand in a command line at all: it is left out.
pub fn quote(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./:,@+=%".contains(c);
    // A leading `=` or an assignment would be read differently in the first word (zsh, `name=value`).
    if !text.is_empty() && text.chars().all(harmless) && !text.contains('=') {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\0' => {}
            '\'' => quoted.push_str(r"'\''"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// Text from outside, made safe for a terminal: line ends and tabs stay, every other control character is written out.
///
/// Written out (as `\x1b` or `\u{202e}`) are the C0 and C1 controls with ESC and CSI among them, DEL, and the characters
/// that turn the direction of writing, with which a line can be made to look like another.
pub fn sanitize(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => safe.push(c),
            // The line end of Windows; a lone CR would let the line overwrite itself.
            '\r' if chars.peek() == Some(&'\n') => {}
            c if c.is_control() && u32::from(c) < 0x100 => {
                // Writing to a String can't fail.
                let _ = write!(safe, "\\x{:02x}", u32::from(c));
            }
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// [`sanitize`] for bytes; what isn't UTF-8 becomes U+FFFD.
pub fn sanitize_bytes(bytes: &[u8]) -> String {
    sanitize(&String::from_utf8_lossy(bytes))
}

/// Text from outside as one short, safe line for an error message.
pub(crate) fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 400;
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" / ");
    let mut line = sanitize(&line);
    if let Some((cut, _)) = line.char_indices().nth(CHARS_MAX) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(sanitize("a\x1b[31mred\x07"), "a\\x1b[31mred\\x07");
        assert_eq!(sanitize("\u{9b}2J"), "\\x9b2J");
        assert_eq!(sanitize("fine\rforged"), "fine\\x0dforged");
        assert_eq!(sanitize("one\r\ntwo\n\tthree"), "one\ntwo\n\tthree");
        assert_eq!(sanitize("user\u{202e}txt.exe"), "user\\u{202e}txt.exe");
        assert_eq!(sanitize("掛け継ぎ"), "掛け継ぎ");
        assert_eq!(sanitize_bytes(b"\xffok"), "\u{fffd}ok");
    }

    #[test]
    fn words_that_need_no_quotes_keep_none() {
        assert_eq!(quote("/usr/bin/apt-get"), "/usr/bin/apt-get");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("A=b"), "'A=b'");
        assert_eq!(quote("~root"), "'~root'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// The judge is a real shell, not a second opinion of ours.
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\0]{0,40}") {
            let output = std::process::Command::new("/bin/sh")
                .arg("-c").arg(format!("printf %s {}", quote(&text))).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }

        #[test]
        fn nothing_unsafe_survives(text in any::<String>()) {
            prop_assert!(sanitize(&text).chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        }
    }
}
