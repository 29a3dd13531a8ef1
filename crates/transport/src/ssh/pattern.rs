//! The patterns of ssh_config and known_hosts (`PATTERNS` in ssh_config(5)): `*`, `?`, and `!` in lists.

/// Whether the text matches one pattern, in which `*` stands for any characters and `?` for one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut pos) = (0, 0);
    // Where the last `*` stood, and how far the text was then: the place to come back to.
    let mut star: Option<(usize, usize)> = None;
    while pos < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, pos));
                at += 1;
            }
            Some(&c) if c == '?' || c == text[pos] => {
                at += 1;
                pos += 1;
            }
            _ => match star {
                Some((star_at, star_pos)) => {
                    star = Some((star_at, star_pos + 1));
                    at = star_at + 1;
                    pos = star_pos + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

/// Whether the text matches a list: one pattern at least matches, and none that begins with `!`.
pub(super) fn list_matches<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(negated, text) => return false,
            Some(_) => {}
            None => found |= matches(pattern, text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "a.b", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.example.com", "x.example.com", true),
            ("*.example.com", "example.com", false),
            ("*a*b", "xaybzb", true),
            ("*a*b", "xaybz", false),
            ("", "", true),
            ("", "a", false),
            ("[db]:2222", "[db]:2222", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_negated_pattern_only_takes_away() {
        assert!(list_matches(["*.lab", "!db.lab"], "web.lab"));
        assert!(!list_matches(["*.lab", "!db.lab"], "db.lab"));
        assert!(!list_matches(["!db.lab", "*.lab"], "db.lab"));
        assert!(!list_matches(["!db.lab"], "web.lab"), "a list of negations alone matches nothing");
    }
}
