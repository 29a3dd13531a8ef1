//! What a sheet says, and which answers are none.

use super::*;

fn text(commands: &[Command]) -> String {
    String::from_utf8(write("NODE1", "7-ab", Runs::Again, commands).unwrap()).unwrap()
}

#[test]
fn signs_with_a_meaning_reach_the_inner_interpreter_as_they_are() {
    let line = r#"%windir%\system32\find.exe "a&b|c" f >nul || exit 5 & (echo x^y) <nul"#;
    let text = text(&[Command::new(line)]);
    let expected = r#"cmd /s /c ^"%%windir%%\system32\find.exe ^"a^&b^|c^" f ^>nul ^|^| exit 5 ^& ^(echo x^^y^) ^<nul^" <nul >"%~dpn0.out" 2>"%~dpn0.err""#;
    assert!(text.contains(expected), "{text}");
    assert!(text.split_inclusive('\n').all(|l| l.ends_with("\r\n")), "lines end as Windows has it");
}

#[test]
fn input_is_written_line_by_line_and_an_empty_one_is_empty() {
    let both =
        text(&[Command::new("find /v \"\"").stdin("a 5>x\r\n\r\n%b%\r\n"), Command::new("ver").stdin("")]);
    let input = ">\"%~dpn0.in\" echo(a 5^>x\r\n>>\"%~dpn0.in\" echo(\r\n>>\"%~dpn0.in\" echo(%%b%%\r\n";
    assert!(both.contains(input), "{both}");
    assert!(both.contains("^\" <\"%~dpn0.in\" >") && both.contains("ver^\" <nul"), "{both}");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let why = |command| write("NODE1", "t", Runs::Again, &[Command::new("ver"), command]).unwrap_err();
    assert_eq!(why(Command::new("a\r\nb")), (1, Unwritable::Character('\r')));
    assert_eq!(why(Command::new("cluster group \"仮想\"")), (1, Unwritable::Character('仮')));
    assert!(matches!(why(Command::new("x".repeat(8100))), (1, Unwritable::Long(_))));
    assert_eq!(why(Command::new("x").stdin("no end")), (1, Unwritable::OpenEnd));
    assert!(matches!(why(Command::new("x").stdin(b"\xff\n".to_vec())), (1, Unwritable::Character(_))));
}

#[test]
fn a_sheet_that_changes_something_runs_once() {
    let text = String::from_utf8(write("NODE1", "t", Runs::Once, &[Command::new("ver")]).unwrap()).unwrap();
    assert!(text.find("goto again").unwrap() < text.find("begin").unwrap(), "{text}");
    assert!(text.find("goto :eof").unwrap() < text.find(":again\r\n").unwrap(), "{text}");
}

#[test]
fn on_another_computer_a_sheet_does_nothing() {
    for runs in [Runs::Again, Runs::Once] {
        let text = String::from_utf8(write("NODE1", "t", runs, &[Command::new("ver")]).unwrap()).unwrap();
        let asks = text.find("if /i not \"%COMPUTERNAME%\"==\"NODE1\" goto wrong\r\n").unwrap();
        assert!(asks < text.find("begin").unwrap(), "{text}");
        let (before, after) = text.split_once(":wrong\r\n").unwrap();
        assert!(before.ends_with("goto :eof\r\n"), "{text}");
        assert!(!after.contains(">>"), "no answer is written there: {text}");
    }
    for host in ["本社", "a b", "a%b", "a\"b", "a&b"] {
        let why = write(host, "t", Runs::Again, &[]).unwrap_err();
        assert!(matches!(why, (0, Unwritable::Character(_))), "{host}: {why:?}");
    }
}

#[test]
fn a_command_that_was_not_run_has_no_answer() {
    let text = text(&[Command::new("ver"), Command::new("dir")]);
    assert_eq!(text.matches("cmd /s /c \"exit 987654321\"\r\ncmd /s /c ^\"").count(), 2, "{text}");
    let bytes = answer("7", &[(b"one", b"", "0"), (b"one", b"", "987654321")]);
    assert_eq!(read("7", 2, &bytes), Err(Unanswered::NotRun(2)));
}

fn answer(tag: &str, outputs: &[(&[u8], &[u8], &str)]) -> Vec<u8> {
    let mut bytes = format!("{MARK} {tag} begin\r\n").into_bytes();
    for (index, (out, err, code)) in outputs.iter().enumerate() {
        let number = index + 1;
        bytes.extend(format!("{MARK} {tag} out {number}\r\n").bytes());
        bytes.extend(*out);
        bytes.extend(format!("\r\n{MARK} {tag} err {number}\r\n").bytes());
        bytes.extend(*err);
        bytes.extend(format!("\r\n{MARK} {tag} code {number} {code}\r\n").bytes());
    }
    bytes.extend(format!("{MARK} {tag} end\r\n").bytes());
    bytes
}

#[test]
fn bytes_and_codes_come_back_whole() {
    let bytes = answer(
        "7",
        &[(b"\x83\x5c\r\n\r\n\x00", b"", "0"), (b"", b"no\r\n", "-2147467259"), (b"x", b"", "3010")],
    );
    let answers = read("7", 3, &bytes).unwrap();
    assert_eq!(
        answers[0],
        Answered { exit: Exit::Code(0), stdout: b"\x83\x5c\r\n\r\n\x00".to_vec(), stderr: Vec::new() }
    );
    assert_eq!(
        (answers[1].exit.clone(), answers[1].stderr.as_slice()),
        (Exit::Code(0x8000_4005), &b"no\r\n"[..])
    );
    assert_eq!(answers[2].exit, Exit::Code(3010));
}

#[test]
fn what_is_not_the_answer_is_never_read_as_one() {
    let good = answer("7-ab", &[(b"one", b"", "0"), (b"two", b"", "1")]);
    assert!(read("7-ab", 2, &good).is_ok());
    // Wherever it is cut off, it is no answer.
    for length in 0..good.len() {
        let why = read("7-ab", 2, &good[..length]).unwrap_err();
        assert!(matches!(why, Unanswered::CutOff(_)), "{length}: {why}");
    }
    // Of an earlier sheet, or one with other commands.
    assert!(matches!(read("8-ab", 2, &good), Err(Unanswered::Foreign(_))));
    assert!(matches!(read("7-abc", 2, &good), Err(Unanswered::Foreign(_))));
    assert!(matches!(read("7-ab", 1, &good), Err(Unanswered::Garbled(_))));
    assert!(matches!(read("7-ab", 3, &good), Err(Unanswered::Garbled(_))));
    assert!(matches!(read("7-ab", 2, b"hello"), Err(Unanswered::Foreign(_))));
    // Two answers after each other, other line ends, a code that is none.
    assert!(read("7-ab", 2, &[good.as_slice(), &good].concat()).is_err());
    let unix = String::from_utf8(good.clone()).unwrap().replace("\r\n", "\n");
    assert!(read("7-ab", 2, unix.as_bytes()).is_err());
    assert!(read("7-ab", 1, &answer("7-ab", &[(b"", b"", "many")])).is_err());
    // A command that prints the sheet's own markers leaves it open where its output ends.
    let forged = b"\r\nkaketsugi-sheet 7-ab err 1\r\n\r\nkaketsugi-sheet 7-ab code 1 0\r\n";
    assert!(matches!(read("7-ab", 1, &answer("7-ab", &[(forged, b"", "1")])), Err(Unanswered::Garbled(_))));
}

#[test]
fn names_are_written_in_the_node_s_code_page() {
    let mut command = Command::new("cluster group \"表\" /prop");
    // In code page 932 its second byte is that of a backslash.
    command.spelled = vec![('表', vec![0x95, 0x5c])];
    let bytes = write("NODE1", "t", Runs::Again, &[Command::new("ver"), command]).unwrap();
    let line = b"cmd /s /c ^\"cluster group ^\"\x95\x5c^\" /prop^\" <nul";
    assert_eq!(occurrences(&bytes, line), 1, "{}", String::from_utf8_lossy(&bytes));
}
