//! Names in command lines and batch files. What can't be quoted safely is refused.

use super::work::HANDLE_CHARS_MAX;

/// A name that `cmd.exe` would not take as one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unquotable(pub(super) String);

impl std::fmt::Display for Unquotable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the name `{}` holds a character that can't stand in a command line; rename it", self.0)
    }
}

/// In quotes. Inside them only quotes and percent signs still mean something to the interpreter.
pub(super) fn quoted(name: &str) -> Result<String, Unquotable> {
    let bad = |c: char| c == '"' || c == '%' || c.is_control();
    // A backslash before the closing quote would be taken for its escape by the program.
    if name.is_empty() || name.chars().any(bad) || name.ends_with('\\') {
        return Err(Unquotable(name.to_owned()));
    }
    Ok(format!("\"{name}\""))
}

/// Whether a run's id can stand in a token, a path and a task's name.
pub(super) fn id_is_plain(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A handle as it names a directory and a task: long ones are shortened, by a digest, the same way every time.
pub(super) fn short(handle: &str) -> String {
    use sha2::{Digest, Sha256};
    if handle.len() <= HANDLE_CHARS_MAX {
        return handle.to_owned();
    }
    let digest = hex::encode(Sha256::digest(handle));
    let head: String = handle.chars().take(HANDLE_CHARS_MAX - 17).collect();
    format!("{head}-{}", &digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_interpreter_would_take_apart_are_refused() {
        assert_eq!(quoted("Cluster Group").unwrap(), "\"Cluster Group\"");
        assert_eq!(quoted("a & b").unwrap(), "\"a & b\"");
        for bad in ["", "a\"b", "%windir%", "a\r\nb", "C:\\"] {
            assert!(quoted(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn long_handles_stay_apart_when_shortened() {
        let long = |last: char| format!("kaketsugi-{}-{last}", "x".repeat(200));
        assert_eq!(short(&long('1')).len(), HANDLE_CHARS_MAX);
        assert_ne!(short(&long('1')), short(&long('2')));
        assert_eq!(short("kaketsugi-r-1"), "kaketsugi-r-1");
    }
}
