//! What the writer of a file may have meant.

/// A name in backquotes, fit for a terminal: control characters escaped, long ones cut.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", shortened(name))
}

/// A text without control characters, and no longer than a line can show.
pub(super) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut out = String::new();
    for c in text.chars().take(CHARS_MAX) {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}

/// Names in backquotes, the last behind "and".
pub(super) fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    match quoted.split_last() {
        None => "none".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The known word that is nearest; none where none is near, or several are equally near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // What long text should have been can't be guessed, and comparing it would take its time.
    const BYTES_MAX: usize = 64;
    if word.len() > BYTES_MAX {
        return None;
    }
    let folded = fold(word);
    let near = known.into_iter().filter(|known| known.len() <= BYTES_MAX);
    let mut near: Vec<_> = near.filter_map(|known| Some((distance(&folded, known)?, known))).collect();
    near.sort_unstable();
    match near[..] {
        [(_, only)] => Some(only),
        [(nearest, word), (next, _), ..] if nearest < next => Some(word),
        _ => None,
    }
}

/// How far apart two words are; none: too far for a guess.
fn distance(folded: &str, known: &str) -> Option<usize> {
    let known_folded = fold(known);
    let edits = strsim::osa_distance(folded, &known_folded);
    let shorter = folded.chars().count().min(known_folded.chars().count());
    if shorter >= 3 && edits <= (shorter / 3).max(1) {
        return Some(edits);
    }
    // The beginning of a longer word (`timeout`), a word with more behind it (`servers`), or another usual name.
    let begins = shorter >= 4 && (known_folded.starts_with(folded) || folded.starts_with(&known_folded));
    (begins || alias(folded).contains(&known)).then_some(usize::MAX)
}

fn fold(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

/// What other tools call the keys of this file.
fn alias(word: &str) -> &'static [&'static str] {
    match word {
        "host" | "hostname" | "ip" | "fqdn" => &["address"],
        "sudo" => &["become"],
        "username" | "login" => &["user"],
        "members" => &["nodes", "servers"],
        "servers" => &["nodes"],
        "nodes" => &["servers"],
        "owners" | "owner" | "preferred-owners" => &["preferred"],
        "id" => &["name"],
        "type" => &["kind"],
        "date" | "time" | "when" => &["at"],
        "who" => &["by"],
        "why" | "because" => &["reason"],
        "platform" | "system" => &["os"],
        "version" | "build" => &["installed"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_guessed_when_it_is_near() {
        let known = ["name", "address", "user", "become", "product", "timeout-seconds", "nodes"];
        for (word, guess) in [
            ("adress", Some("address")),
            ("Product", Some("product")),
            ("timeout_seconds", Some("timeout-seconds")),
            ("timeout", Some("timeout-seconds")),
            ("hostname", Some("address")),
            ("sudo", Some("become")),
            ("members", Some("nodes")),
            ("servers", Some("nodes")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), guess, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(1 << 20), known), None);
    }

    #[test]
    fn nothing_is_guessed_where_several_are_equally_near() {
        assert_eq!(nearest("node4", ["node1", "node2"]), None);
        assert_eq!(nearest("node4", ["node1", "other"]), Some("node1"));
        assert_eq!(nearest("n4", ["n1"]), None, "half of it would be another");
    }

    #[test]
    fn names_are_shown_so_that_a_terminal_shows_them_too() {
        assert_eq!(quoted("a\u{1b}[2J"), "`a\\u{1b}[2J`");
        assert_eq!(quoted(&"仮".repeat(61)), format!("`{}…`", "仮".repeat(60)));
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
