//! Variables: `%NAME%` everywhere, `%1` and `%%` in batch files.

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// On the command line: what isn't set stays as it is written.
    CommandLine,
    /// In a batch file with these arguments: what isn't set is left out.
    Batch(&'a [String]),
}

/// Puts values in for variables.
pub(super) fn expand(line: &str, place: Place<'_>, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        rest = after;
        if let Place::Batch(arguments) = place {
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
                (None, Place::Batch(_)) => rest = after,
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(expand("a%nope%b %%x%%", Place::Batch(&[]), value), "ab %x%");
    }

    #[test]
    fn batch_arguments_and_the_error_level_are_put_in() {
        let arguments = ["run.cmd".to_owned(), "work".to_owned()];
        assert_eq!(expand("%0 %1 %2 %errorlevel%;", Place::Batch(&arguments), value), "run.cmd work  3010;");
    }
}
