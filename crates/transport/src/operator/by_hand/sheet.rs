//! One batch file with commands for a person to run on a node, and the answer file that it leaves there. Pure text.
//!
//! Each command is run by an interpreter of its own (`cmd /s /c`), so that an `exit` in it ends only that one. On the
//! line of the batch file every sign with a meaning is written with a caret before it, quotes too: the outer
//! interpreter then never is inside quotes, takes one caret off each, and hands the inner one exactly the command
//! line, between the two quotes that `/s` takes off. Percent signs are written twice for the same reason.
//!
//! Each output goes into a file of its own, and `type` adds it to the answer: WMIC writes UTF-16 when it writes to a file
//! (own knowledge), and `type` gives that back in the console's code page.
//!
//! Markers carry the sheet's tag: an answer to another sheet, or a part of one, is never taken for an answer to this. On
//! a computer of another name than the server's a sheet does nothing and leaves no answer.
//!
//! A command whose output can't be opened isn't run, and the interpreter leaves the exit code of the one before (own
//! knowledge; tests that were published say so of newer Windows). So each begins with a code that none ends with.

use std::fmt::Write as _;

use crate::{Command, Exit};

/// Longest line that every `cmd.exe` takes (Microsoft, KB 830473: 2047 characters on Windows 2000, 8191 since Windows XP; a
/// batch file's line has the same bound).
const LINE_CHARS_MAX: usize = 2000;

/// The exit code that stands before each command: one that still stands after it was not run.
const NOT_RUN: u32 = 987_654_321;

/// What every marker begins with.
const MARK: &str = "kaketsugi-sheet";

/// Why a command can't stand on a sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// It has no place in a line, or nobody knows how it is written in the node's code page.
    #[error("it holds `{0}`, which can't be written on a sheet")]
    Character(char),
    /// The interpreter would cut it off.
    #[error("with {0} characters it is longer than cmd.exe takes")]
    Long(usize),
    /// `echo` writes whole lines.
    #[error("its input doesn't end with a line's end")]
    OpenEnd,
}

/// Why an answer file isn't the answer to a sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It is of another sheet, or of none.
    #[error("it is not the answer to this sheet: it holds no marker {0}")]
    Foreign(String),
    /// The sheet hasn't come to its end, or the copying hasn't.
    #[error("it is cut off, or the sheet still runs: the marker `{0}` is missing")]
    CutOff(String),
    /// Markers where none can be.
    #[error(
        "it was changed on its way: there is something where the marker `{0}` has to be, or it is there twice"
    )]
    Garbled(String),
    /// A file of the sheet's was held by another program.
    #[error(
        "its command {0} was not run, because a file of the sheet's was in use; remove the .txt file on the server and run \
         the sheet once more"
    )]
    NotRun(usize),
}

/// What one command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// How it ended.
    pub exit: Exit,
    /// Standard output, byte by byte.
    pub stdout: Vec<u8>,
    /// Standard error, byte by byte.
    pub stderr: Vec<u8>,
}

/// How a sheet may be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// It only looks: running it again gives a new answer.
    Again,
    /// It changes something: a second run refuses to do anything.
    Once,
}

/// The batch file for the computer of this name. `tag` holds letters, digits and hyphens.
///
/// # Errors
/// The number of the first command that can't be written, from 0, and why.
pub fn write(
    host: &str,
    tag: &str,
    runs: Runs,
    commands: &[Command],
) -> Result<Vec<u8>, (usize, Unwritable)> {
    let mark = format!("{MARK} {tag}");
    let out = r#""%~dpn0.txt""#;
    let name = quotable(host).map_err(|why| (0, why))?;
    let mut text = format!(
        "@echo off\r\nrem {mark}: {} commands\r\nif /i not \"%COMPUTERNAME%\"==\"{name}\" goto wrong\r\n",
        commands.len()
    );
    if runs == Runs::Once {
        let _ = write!(text, "if exist {out} goto again\r\n");
    }
    let _ = write!(text, ">{out} echo {mark} begin\r\n");
    for (index, command) in commands.iter().enumerate() {
        let number = index + 1;
        let unwritable = |why| (index, why);
        let line = escaped(&command.line, &command.spelled).map_err(unwritable)?;
        let input = input(command).map_err(unwritable)?;
        let from = if input.is_empty() { "nul" } else { r#""%~dpn0.in""# };
        text.push_str(&input);
        let line = format!(r#"cmd /s /c ^"{line}^" <{from} >"%~dpn0.out" 2>"%~dpn0.err""#);
        if line.len() > LINE_CHARS_MAX {
            return Err((index, Unwritable::Long(line.len())));
        }
        let _ = write!(
            text,
            "cmd /s /c \"exit {NOT_RUN}\"\r\n{line}\r\nset KAKETSUGI_CODE=%errorlevel%\r\n\
             >>{out} echo {mark} out {number}\r\n>>{out} type \"%~dpn0.out\"\r\n>>{out} echo.\r\n>>{out} echo {mark} err {number}\r\n>>{out} type \"%~dpn0.err\"\r\n\
             >>{out} echo.\r\n>>{out} echo {mark} code {number} %KAKETSUGI_CODE%\r\n"
        );
    }
    let _ = write!(
        text,
        "del \"%~dpn0.out\"\r\ndel \"%~dpn0.err\"\r\nif exist \"%~dpn0.in\" del \"%~dpn0.in\"\r\n>>{out} echo {mark} end\r\n\
         echo The answer is in %~dpn0.txt: bring it back as it is.\r\n\
         goto :eof\r\n:wrong\r\n\
         echo This sheet is for {name}, and this is %COMPUTERNAME%; nothing was done. Run it on {name}.\r\n"
    );
    if runs == Runs::Once {
        let _ = write!(
            text,
            "goto :eof\r\n:again\r\n\
             echo This sheet was run before; nothing was done now. Bring back %~dpn0.txt as it is.\r\n"
        );
    }
    // The interpreter reads a batch file in the node's code page, before it looks for signs with a meaning.
    let spelled =
        |c: char| commands.iter().flat_map(|command| &command.spelled).find(|(known, _)| *known == c);
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match spelled(c) {
            Some((_, there)) => bytes.extend(there),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Ok(bytes)
}

/// A line as a batch file has it outside of quotes.
fn escaped(line: &str, spelled: &[(char, Vec<u8>)]) -> Result<String, Unwritable> {
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            ' '..='~' => {}
            c if spelled.iter().any(|(known, _)| *known == c) => {}
            other => return Err(Unwritable::Character(other)),
        }
        match c {
            '%' => text.push_str("%%"),
            '"' | '&' | '|' | '<' | '>' | '^' | '(' | ')' => text.extend(['^', c]),
            c => text.push(c),
        }
    }
    Ok(text)
}

/// A computer's name as it stands between quotes.
fn quotable(host: &str) -> Result<&str, Unwritable> {
    let plain = |c: &char| c.is_ascii_graphic() && !"\"%^&|<>()!".contains(*c);
    host.chars().find(|c| !plain(c)).map_or(Ok(host), |c| Err(Unwritable::Character(c)))
}

/// Lines that write a command's input into a file; none for an empty one.
fn input(command: &Command) -> Result<String, Unwritable> {
    let bytes = command.stdin.as_deref().unwrap_or_default();
    if bytes.is_empty() {
        return Ok(String::new());
    }
    let foreign = |bytes: &[u8]| bytes.iter().find(|b| !b.is_ascii()).map(|b| char::from(*b));
    let input = std::str::from_utf8(bytes)
        .map_err(|_| Unwritable::Character(foreign(bytes).unwrap_or(char::REPLACEMENT_CHARACTER)))?;
    let input = input.strip_suffix('\n').ok_or(Unwritable::OpenEnd)?;
    let mut text = String::new();
    for (index, line) in input.split('\n').enumerate() {
        let to = if index == 0 { ">" } else { ">>" };
        let line = escaped(line.strip_suffix('\r').unwrap_or(line), &[])?;
        let line = format!("{to}\"%~dpn0.in\" echo({line}\r\n");
        if line.len() > LINE_CHARS_MAX {
            return Err(Unwritable::Long(line.len()));
        }
        text.push_str(&line);
    }
    Ok(text)
}

/// Reads the answer file of a sheet with this tag and so many commands.
///
/// # Errors
/// Why it is none: nothing of it is an answer then.
pub fn read(tag: &str, count: usize, answer: &[u8]) -> Result<Vec<Answered>, Unanswered> {
    let mark = format!("{MARK} {tag}");
    let mut rest = answer;
    let begin = format!("{mark} begin\r\n");
    rest = rest.strip_prefix(begin.as_bytes()).ok_or_else(|| match begin.as_bytes().starts_with(answer) {
        true => Unanswered::CutOff(begin.trim().into()),
        false => Unanswered::Foreign(mark.clone()),
    })?;
    let end = format!("{mark} end\r\n");
    let body = rest.strip_suffix(end.as_bytes()).ok_or_else(|| Unanswered::CutOff(end.trim().into()))?;
    // No output of a command may hold a marker of this very sheet: where one ends could not be told then.
    if occurrences(body, mark.as_bytes()) != 3 * count {
        return Err(Unanswered::Garbled(mark));
    }
    rest = body;
    let mut answers = Vec::new();
    for number in 1..=count {
        let garbled = |what: &str| Unanswered::Garbled(format!("{mark} {what} {number}"));
        let begins = format!("{mark} out {number}\r\n");
        rest = rest.strip_prefix(begins.as_bytes()).ok_or_else(|| garbled("out"))?;
        let (stdout, after) =
            split(rest, format!("\r\n{mark} err {number}\r\n").as_bytes()).ok_or_else(|| garbled("err"))?;
        let (stderr, after) =
            split(after, format!("\r\n{mark} code {number} ").as_bytes()).ok_or_else(|| garbled("code"))?;
        let (code, after) = split(after, b"\r\n").ok_or_else(|| garbled("code"))?;
        let code = std::str::from_utf8(code).ok().and_then(exit_code).ok_or_else(|| garbled("code"))?;
        if code == NOT_RUN {
            return Err(Unanswered::NotRun(number));
        }
        answers.push(Answered { exit: Exit::Code(code), stdout: stdout.to_vec(), stderr: stderr.to_vec() });
        rest = after;
    }
    if rest.is_empty() { Ok(answers) } else { Err(Unanswered::Garbled(end.trim().into())) }
}

/// Codes above 31 bits are written as negative numbers; they come back as the 32 bits that they are.
fn exit_code(text: &str) -> Option<u32> {
    let number: i64 = text.trim().parse().ok()?;
    match number {
        0.. => u32::try_from(number).ok(),
        _ => i32::try_from(number).ok().map(i32::cast_unsigned),
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|w| w == at)?;
    Some((&bytes[..place], &bytes[place + at.len()..]))
}

fn occurrences(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|w| *w == what).count()
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
