//! Variables: `%NAME%` everywhere, `%1` and `%%` in batch files.

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// On the command line: what isn't set stays as it is written.
    CommandLine,
    /// In a batch file: what isn't set is left out.
    Batch {
        /// `%0` and on.
        arguments: &'a [String],
        /// Whether `%~dpn0` is known: drive, path and name of an argument, without its ending.
        paths: bool,
    },
}

/// Puts values in for variables.
pub(super) fn expand(line: &str, place: Place<'_>, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        rest = after;
        if let Place::Batch { arguments, paths } = place {
            if let Some(after) = rest.strip_prefix("~dpn").filter(|_| paths)
                && let Some(digit) = after.chars().next().and_then(|c| c.to_digit(10))
            {
                let path = arguments.get(digit as usize).map_or("", String::as_str);
                out.push_str(without_ending(path));
                rest = &after[1..];
                continue;
            }
            if let Some(after) = rest.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            if let Some(digit) = rest.chars().next().and_then(|c| c.to_digit(10)) {
                out.push_str(arguments.get(digit as usize).map_or("", String::as_str));
                rest = &rest[1..];
                continue;
            }
        }
        match rest.split_once('%') {
            Some((name, after)) if !name.is_empty() => match (value(name), place) {
                (Some(value), _) => {
                    out.push_str(&value);
                    rest = after;
                }
                (None, Place::Batch { .. }) => rest = after,
                // The closing sign may open the next name.
                (None, Place::CommandLine) => {
                    out.push('%');
                    out.push_str(name);
                    rest = &rest[name.len()..];
                }
            },
            _ => {
                if matches!(place, Place::CommandLine) {
                    out.push('%');
                }
            }
        }
    }
    out.push_str(rest);
    out
}

/// A path up to the last dot of its name.
fn without_ending(path: &str) -> &str {
    let name = path.rfind('\\').map_or(0, |at| at + 1);
    path[name..].rfind('.').map_or(path, |dot| &path[..name + dot])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(arguments: &[String]) -> Place<'_> {
        Place::Batch { arguments, paths: true }
    }

    #[test]
    fn a_path_s_ending_is_taken_off() {
        let arguments = ["C:\\a.b\\N1-7.cmd".to_owned(), "C:\\a.b\\c".to_owned()];
        let out = |text: &str| expand(text, batch(&arguments), value);
        assert_eq!(out("\"%~dpn0.txt\" %~dpn1."), "\"C:\\a.b\\N1-7.txt\" C:\\a.b\\c.");
    }

    fn value(name: &str) -> Option<String> {
        match name.to_lowercase().as_str() {
            "windir" => Some("C:\\WINDOWS".into()),
            "errorlevel" => Some("3010".into()),
            _ => None,
        }
    }

    #[test]
    fn the_command_line_keeps_what_is_not_set_and_a_batch_file_drops_it() {
        assert_eq!(expand("%WINDIR%\\x %nope% 5%", Place::CommandLine, value), "C:\\WINDOWS\\x %nope% 5%");
        assert_eq!(expand("a%nope%b %%x%%", batch(&[]), value), "ab %x%");
    }

    #[test]
    fn batch_arguments_and_the_error_level_are_put_in() {
        let arguments = ["run.cmd".to_owned(), "work".to_owned()];
        assert_eq!(expand("%0 %1 %2 %errorlevel%;", batch(&arguments), value), "run.cmd work  3010;");
    }
}
