//! What comes from outside is shown, never obeyed: no escape sequence, no line break where none belongs, no character
//! that turns the order of letters around.

/// Text for one line: control characters and what hides or reorders letters become a visible mark.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { visible(c) }).collect()
}

/// Text of several lines: the same, but for line ends. A carriage return alone ends a line as well, so that nothing
/// is written over.
pub(super) fn lines(text: &str) -> Vec<String> {
    let text = text.trim_end().replace("\r\n", "\n");
    text.split(['\n', '\r']).map(|l| l.replace('\t', "    ").chars().map(visible).collect()).collect()
}

fn visible(c: char) -> char {
    let hides = matches!(c,
        // Zero-width and directional characters: with them text reads otherwise than it is (CVE-2021-42574).
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}' | '\u{00ad}'
        // Line ends that only some programs take for one.
        | '\u{2028}' | '\u{2029}');
    if hides || c.is_control() { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    #[test]
    fn escape_sequences_and_hidden_letters_are_seen() {
        assert_eq!(super::line("a\u{1b}[2Jb\nc\u{202e}d\te"), "a\u{fffd}[2Jb c\u{fffd}d e");
        let lines = super::lines("10%\r100%\r\nende\u{7}\n\n\tx\n");
        assert_eq!(lines, ["10%", "100%", "ende\u{fffd}", "", "    x"]);
    }
}
