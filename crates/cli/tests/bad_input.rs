//! Bad input: a clear message, the documented exit code, nothing changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

fn kaketsugi(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kaketsugi"))
        .args(arguments)
        .current_dir(root())
        .env("HOME", state)
        .env("KAKETSUGI_STATE", state.join("runs"))
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The exit code, and all that was said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // The fancy report breaks lines; words are what counts.
    (output.status.code(), text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn in_a_room(test: impl FnOnce(&Path)) {
    let room = tempfile::tempdir().unwrap();
    test(room.path());
    assert!(!room.path().join("runs").exists(), "nothing was begun, so nothing is kept");
}

fn estate(room: &Path, port: u16) -> PathBuf {
    let file = room.join("estate.toml");
    let mut text = String::from("name = \"x\"\n");
    for (name, host) in [("n1", "127.0.0.2"), ("n2", "127.0.0.3")] {
        text.push_str(&format!(
            "[[server]]\nname = \"{name}\"\naddress = \"{host}:{port}\"\nuser = \"root\"\nproduct = \"debian\"\n"
        ));
    }
    text.push_str("[[cluster]]\nname = \"c\"\nkind = \"pacemaker\"\nnodes = [\"n1\", \"n2\"]\n");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn ten_mistakes_are_told_at_once() {
    in_a_room(|room| {
        let file = "crates/estate/tests/data/ten-mistakes.toml";
        let output = kaketsugi(room, &["plan", file, "--release", "debian-updates"]);
        let (code, text) = said(&output);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("10 mistakes"), "{text}");
        assert_eq!(text.matches("estate::").count(), 11, "ten, and the file's own: {text}");
    });
}

#[test]
fn a_host_that_does_not_answer() {
    in_a_room(|room| {
        // A port that was free a moment ago: nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
        let file = estate(room, port);
        let output = kaketsugi(room, &["plan", file.to_str().unwrap(), "--release", "debian-updates"]);
        let (code, text) = said(&output);
        assert_eq!(code, Some(1), "{text}");
        for word in ["n1:", "n2:", "refused", "Nothing is planned"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    });
}

#[test]
fn files_that_are_no_plans() {
    in_a_room(|room| {
        for (name, content) in
            [("empty", ""), ("text", "hello"), ("json", "{\"schema\": 1}"), ("list", "[1, 2]")]
        {
            let file = room.join(name);
            std::fs::write(&file, content).unwrap();
            for command in ["check", "apply"] {
                let (code, text) = said(&kaketsugi(room, &[command, file.to_str().unwrap()]));
                assert_eq!(code, Some(1), "{command} {name}: {text}");
                assert!(text.contains("is no plan"), "{text}");
            }
        }
        let (code, text) = said(&kaketsugi(room, &["check", "no/such/file"]));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("no/such/file") && text.contains("No such file"), "{text}");
    });
}

#[test]
fn wrong_usage_is_not_a_refusal() {
    in_a_room(|room| {
        for arguments in [&["plan"][..], &["apply", "--approve"], &["frobnicate"], &["unlock", "x"]] {
            assert_eq!(said(&kaketsugi(room, arguments)).0, Some(1), "{arguments:?}");
        }
        assert_eq!(said(&kaketsugi(room, &["--help"])).0, Some(0));
        assert_eq!(said(&kaketsugi(room, &["--version"])).0, Some(0));
    });
}

#[test]
fn runs_that_are_not_there() {
    in_a_room(|room| {
        for arguments in [
            &["resume", "20260101"][..],
            &["restore", "last"],
            &["report", "x"],
            &["status", "x"],
            &["unlock", "x", "--reason", "y"],
            &["status", "../../etc/passwd"],
        ] {
            let (code, text) = said(&kaketsugi(room, arguments));
            assert_eq!(code, Some(1), "{arguments:?}: {text}");
        }
        assert_eq!(said(&kaketsugi(room, &["status"])).0, Some(0));
    });
}

#[test]
fn what_is_not_known_is_said() {
    in_a_room(|room| {
        let (code, text) = said(&kaketsugi(room, &["explain", "E03-CLU-99"]));
        assert_eq!(code, Some(1), "{text}");
        let (code, text) = said(&kaketsugi(room, &["explain", "E03-CLU-06-OFFLINE"]));
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("offline"), "{text}");
        let example = "examples/exchange-2003-two-node.toml";
        let (code, text) = said(&kaketsugi(room, &["rehearse", example, "--release", "exchange-2003-sp9"]));
        assert_eq!(code, Some(1), "{text}");
        let example = "examples/pacemaker-three-node.toml";
        let (code, text) = said(&kaketsugi(room, &["rehearse", example, "--release", "debian-updates"]));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("lab"), "{text}");
    });
}

#[test]
fn json_says_the_same_in_every_language() {
    in_a_room(|room| {
        let of = |lang| {
            let asked = ["explain", "E03-CLU-06-OFFLINE", "--format", "json", "--lang", lang];
            serde_json::from_slice::<serde_json::Value>(&kaketsugi(room, &asked).stdout).unwrap()
        };
        assert_eq!(of("ja"), of("en"));
        assert!(of("ja")["text"].as_str().unwrap().is_ascii(), "{}", of("ja"));
        assert!(!of("en")["ja"].as_str().unwrap().is_ascii(), "{}", of("en"));
    });
}

#[test]
fn json_is_alone_on_stdout() {
    in_a_room(|room| {
        for arguments in
            [&["rules"][..], &["releases"], &["status"], &["explain", "E03-CLU-06-OFFLINE"], &["status", "x"]]
        {
            let mut all = arguments.to_vec();
            all.extend(["--format", "json"]);
            let output = kaketsugi(room, &all);
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(!text.trim().is_empty(), "{arguments:?}");
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line)
                    .unwrap_or_else(|e| panic!("{arguments:?}: {e}\n{line}"));
            }
        }
    });
}
