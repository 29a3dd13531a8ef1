//! Whom we don't trust, and who doesn't let us in.

use std::fs;
use std::time::{Duration, Instant};

use kaketsugi_transport::ssh::{Client, Target};
use kaketsugi_transport::{Command, Error, Host, HostKeyProblem};

use crate::sshd::{Site, Sshd, available, free_port, run};

async fn refused(host: &impl Host) -> Error {
    let error = host.run(&Command::new("true")).await.unwrap_err();
    assert!(error.certainly_not_begun(), "{error}");
    error
}

fn problem(error: Error) -> HostKeyProblem {
    match error {
        Error::HostKey { problem, .. } => *problem,
        other => panic!("{other}"),
    }
}

/// The fingerprint as the administrator gets it at the console.
fn fingerprint(server: &Sshd) -> String {
    let output =
        std::process::Command::new("ssh-keygen").arg("-lf").arg(&server.host_key_file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_host_key_is_refused_and_never_learned() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start_with(&site, "a", "");
    for _ in 0..2 {
        match problem(refused(&site.host(&server)).await) {
            HostKeyProblem::Unknown { name, fingerprint: shown, .. } => {
                assert_eq!((name, shown), (server.name(), fingerprint(&server)));
            }
            other => panic!("{other}"),
        }
    }
    assert!(!site.known_hosts().exists());
    assert!(!server.log().contains("Accepted"), "nobody logged in");
}

#[tokio::test]
async fn a_wrong_host_key_is_refused_with_its_line() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start_with(&site, "a", "");
    let other = Sshd::start_with(&site, "b", "");
    site.know("# a comment");
    site.know(&format!("{} {}", server.name(), other.host_key));
    match problem(refused(&site.host(&server)).await) {
        HostKeyProblem::Changed { file, line, fingerprint: shown, .. } => {
            assert_eq!((file, line, shown), (site.known_hosts(), 2, fingerprint(&server)));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_revoked_host_key_is_refused() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    site.know(&format!("@revoked * {}", server.host_key));
    assert!(matches!(problem(refused(&site.host(&server)).await), HostKeyProblem::Revoked { line: 2, .. }));
}

#[tokio::test]
async fn names_hashed_by_openssh_itself_are_found() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    run("ssh-keygen", &["-q", "-H", "-f", site.known_hosts().to_str().unwrap()]);
    let text = fs::read_to_string(site.known_hosts()).unwrap();
    assert!(text.starts_with("|1|") && !text.contains("127.0.0.1"), "{text}");
    assert!(site.host(&server).run(&Command::new("true")).await.unwrap().exit.is_success());
}

#[tokio::test]
async fn a_host_with_several_keys_is_asked_for_the_one_that_is_known() {
    if !available() {
        return;
    }
    let site = Site::new();
    let rsa = site.path("rsa_key");
    run("ssh-keygen", &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa.to_str().unwrap()]);
    let server = Sshd::start_with(&site, "a", &format!("HostKey {}", rsa.display()));
    let public = fs::read_to_string(site.path("rsa_key.pub")).unwrap();
    site.know(&format!("{} {public}", server.name()));
    assert!(site.host(&server).run(&Command::new("true")).await.unwrap().exit.is_success());
}

#[tokio::test]
async fn host_certificates_are_judged() {
    if !available() {
        return;
    }
    let site = Site::new();
    let (ca, wrong_ca) = (site.path("ca"), site.path("wrong_ca"));
    site.keygen(&ca, "");
    site.keygen(&wrong_ca, "");
    let authority = |file: &str| fs::read_to_string(site.path(file)).unwrap();
    // Principal, validity, and whether it holds.
    for (i, (principal, validity, signer, holds)) in [
        ("127.0.0.1", "+1d", &ca, true),
        ("elsewhere", "+1d", &ca, false),
        ("127.0.0.1", "20200101:20200102", &ca, false),
        ("127.0.0.1", "+1d", &wrong_ca, false),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("server{i}");
        let certificate = site.path(&name).join("host_key-cert.pub");
        let server = Sshd::start_with(&site, &name, &format!("HostCertificate {}", certificate.display()));
        drop(server);
        // The server makes its key when it starts: sign it, and start a second one with the same key.
        let key = site.path(&name).join("host_key");
        run(
            "ssh-keygen",
            &[
                "-q",
                "-s",
                signer.to_str().unwrap(),
                "-I",
                "id",
                "-h",
                "-n",
                principal,
                "-V",
                validity,
                key.to_str().unwrap(),
            ],
        );
        let server = Sshd::restart(&site, &name);
        fs::write(site.known_hosts(), format!("@cert-authority 127.0.* {}", authority("ca.pub"))).unwrap();
        let result = site.host(&server).run(&Command::new("true")).await;
        if holds {
            assert!(result.unwrap().exit.is_success());
        } else {
            assert!(
                matches!(problem(result.unwrap_err()), HostKeyProblem::Unknown { note: Some(_), .. }),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_log_in_that_fails_says_what_was_tried() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    fs::write(site.path("a/authorized_keys"), "").unwrap();
    match refused(&site.host(&server)).await {
        Error::Auth { user, tried, .. } => {
            assert_eq!(user, site.user);
            assert!(
                tried.len() == 1 && tried[0].contains("id_ed25519") && tried[0].contains("refused"),
                "{tried:?}"
            );
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_key_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    fs::set_permissions(site.key(), fs::Permissions::from_mode(0o644)).unwrap();
    let text = refused(&site.host(&server)).await.to_string();
    assert!(text.contains("others can read it"), "{text}");
}

#[tokio::test]
async fn a_host_that_wants_more_than_a_key_is_told() {
    if !available() {
        return;
    }
    let site = Site::new();
    let more =
        "AuthenticationMethods publickey,keyboard-interactive\nKbdInteractiveAuthentication yes\nUsePAM yes";
    let server = Sshd::start_with(&site, "a", more);
    site.know(&server.known_line());
    let text = refused(&site.host(&server)).await.to_string();
    assert!(text.contains("keyboard-interactive"), "{text}");
}

#[tokio::test]
async fn an_unknown_jump_host_is_refused_by_its_own_name() {
    if !available() {
        return;
    }
    let site = Site::new();
    let inner = Sshd::start(&site, "inner");
    let jump = Sshd::start_with(&site, "jump", "");
    site.write_config(&format!("Host gate\n HostName 127.0.0.1\n Port {}\n", jump.port));
    let target = Target { jump: Some(vec!["gate".into()]), ..inner.target() };
    let host = Client::new(site.settings()).unwrap().host(&target).unwrap();
    let error = refused(&host).await;
    assert_eq!(error.host(), "gate");
    assert!(matches!(problem(error), HostKeyProblem::Unknown { .. }));
    // One connection: the one by which the test saw that the server is up.
    assert_eq!(inner.log().matches("Connection from").count(), 1, "{}", inner.log());
}

#[tokio::test]
async fn a_silent_host_is_waited_for_once() {
    let site = Site::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = site.settings();
    settings.connect_timeout = Duration::from_millis(500);
    let target =
        Target { port: Some(silent.local_addr().unwrap().port()), ..Target::new("silent", "127.0.0.1") };
    let host = Client::new(settings).unwrap().host(&target).unwrap();
    let begun = Instant::now();
    let command = Command::new("true");
    let (a, b, c) = tokio::join!(host.run(&command), host.run(&command), host.run(&command));
    assert!(begun.elapsed() < Duration::from_millis(1400), "{:?}", begun.elapsed());
    for error in [a, b, c].map(Result::unwrap_err) {
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        assert!(error.certainly_not_begun());
    }
}

#[tokio::test]
async fn a_closed_port_a_silent_port_and_a_port_that_is_no_ssh() {
    let site = Site::new();
    let mut settings = site.settings();
    settings.connect_timeout = Duration::from_millis(500);
    let client = Client::new(settings).unwrap();
    let at = |port| client.host(&Target { port: Some(port), ..Target::new("n", "127.0.0.1") }).unwrap();

    assert!(matches!(refused(&at(free_port())).await, Error::Unreachable { .. }));

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = refused(&at(silent.local_addr().unwrap().port())).await.to_string();
    assert!(text.contains("no connection after 0.5 s"), "{text}");

    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = web.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = web.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    assert!(matches!(refused(&at(port)).await, Error::Unreachable { .. }));
}

#[tokio::test]
async fn a_weak_host_key_is_refused_though_it_is_known() {
    if !available() {
        return;
    }
    let site = Site::new();
    let rsa = site.path("rsa_key");
    run("ssh-keygen", &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa.to_str().unwrap()]);
    let server = Sshd::start_with(&site, "a", &format!("HostKey {}", rsa.display()));
    let public = fs::read_to_string(site.path("rsa_key.pub")).unwrap();
    site.know(&format!("{} {public}", server.name()));
    site.write_config("RequiredRSASize 3072\n");
    assert!(matches!(problem(refused(&site.host(&server)).await), HostKeyProblem::Weak { .. }));
}
