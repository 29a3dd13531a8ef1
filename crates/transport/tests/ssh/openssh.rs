//! Commands over a real OpenSSH server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kaketsugi_transport::ssh::{Client, Target};
use kaketsugi_transport::{Command, Error, Exit, Host};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sshd::{Agent, Site, Sshd, available, run};

/// The process of the server that serves this connection: the parent of the shell that it started.
async fn session_of(host: &impl Host) -> Pid {
    let output = host.run(&Command::new("echo $PPID")).await.unwrap();
    Pid::from_raw(output.stdout_text().trim().parse().unwrap())
}

#[tokio::test]
async fn a_command_comes_back_with_output_and_exit_code() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = site.host(&server);
    let output = host.run(&Command::new("echo out; echo err >&2; exit 7")).await.unwrap();
    assert_eq!(output.exit, Exit::Code(7));
    assert_eq!((output.stdout_text().as_str(), output.stderr_text().as_str()), ("out\n", "err\n"));
    assert!(!output.truncated);
    assert_eq!(host.run(&Command::new("kill -KILL $$")).await.unwrap().exit, Exit::Signal("KILL".into()));
    // OpenSSH itself cuts a code to 8 bits; see `embedded` for what arrives of more.
    assert_eq!(host.run(&Command::new("exit 3010")).await.unwrap().exit, Exit::Code(3010 & 0xff));
    assert_eq!(server.log().matches("Accepted publickey").count(), 1, "one connection serves them all");
}

#[tokio::test]
async fn a_script_and_large_input_go_in() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = site.host(&server);
    let output =
        host.run(&Command::shell("set -eu\nfor i in 1 2 3; do echo $i; done\ncat\nexit 4")).await.unwrap();
    assert_eq!((output.stdout_text().as_str(), output.exit), ("1\n2\n3\n", Exit::Code(4)));
    // More than a window of SSH, both ways at once.
    let big: Vec<u8> = (0..8 << 20).map(|i: u32| (i % 251) as u8).collect();
    let output = host.run(&Command::new("cat").stdin(big.clone()).output_bytes_max(16 << 20)).await.unwrap();
    assert!(output.stdout == big && !output.truncated);
    // A command that doesn't read its input.
    let output = host.run(&Command::new("exit 5").stdin(big)).await.unwrap();
    assert_eq!(output.exit, Exit::Code(5));
}

#[tokio::test]
async fn big_output_is_bounded_and_the_exit_code_kept() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = site.host(&server);
    let command = Command::new("head -c 50000000 /dev/zero; echo x >&2; exit 3").output_bytes_max(1000);
    let output = host.run(&command).await.unwrap();
    assert_eq!((output.stdout.len(), output.truncated, &output.exit), (1000, true, &Exit::Code(3)));
    assert_eq!(output.stderr_text(), "x\n", "the other stream has its own bound");
}

#[tokio::test]
async fn fifty_commands_at_once_over_one_connection() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = Arc::new(site.host(&server));
    let tasks: Vec<_> = (0..50)
        .map(|i| {
            let host = Arc::clone(&host);
            tokio::spawn(async move { (i, host.run(&Command::new(format!("sleep 0.1; exit {i}"))).await) })
        })
        .collect();
    for task in tasks {
        let (i, output) = task.await.unwrap();
        assert_eq!(output.unwrap().exit, Exit::Code(i));
    }
    assert_eq!(server.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test]
async fn fifty_hosts_at_once() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let client = Client::new(site.settings()).unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|i| {
            let host = client.host(&server.target()).unwrap();
            tokio::spawn(async move { (i, host.run(&Command::new(format!("exit {i}"))).await) })
        })
        .collect();
    for task in tasks {
        let (i, output) = task.await.unwrap();
        assert_eq!(output.unwrap().exit, Exit::Code(i));
    }
}

#[tokio::test]
async fn a_command_given_up_by_the_caller_leaves_no_session_behind() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = site.host(&server);
    let forever = Command::new("sleep 30");
    // More than MaxSessions (10) of them.
    for _ in 0..15 {
        let given_up = tokio::time::timeout(Duration::from_millis(100), host.run(&forever)).await;
        assert!(given_up.is_err(), "it was over before we gave it up: {given_up:?}");
    }
    assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
}

#[tokio::test]
async fn a_connection_lost_amid_a_command_is_told_and_the_command_not_run_again() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = Arc::new(site.host(&server));
    let session = session_of(&*host).await;
    let count = site.path("count");
    let command = Command::new(format!("echo x >>{}; sleep 30", count.display()));
    let running = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.run(&command).await }
    });
    while !count.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill(session, Signal::SIGKILL).unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    assert!(!error.certainly_not_begun());
    // The host is used again over a new connection.
    assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
}

#[tokio::test]
async fn a_connection_lost_between_commands_is_opened_anew() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = site.host(&server);
    for _ in 0..5 {
        kill(session_of(&host).await, Signal::SIGKILL).unwrap();
        // No pause: the loss may not have been noticed yet.
        assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
    }
}

#[tokio::test]
async fn the_time_out_says_that_the_command_may_still_run() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let host = site.host(&server);
    let begun = Instant::now();
    let error = host.run(&Command::new("sleep 30").timeout(Duration::from_millis(500))).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(!error.certainly_not_begun());
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success(), "the connection stays in use");
}

#[tokio::test]
async fn a_frozen_peer_is_noticed_in_bounded_time() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let mut settings = site.settings();
    (settings.alive_interval, settings.alive_count_max) = (Duration::from_millis(300), 3);
    let host = Arc::new(site.host_with(&server, settings));
    let session = session_of(&*host).await;
    let running = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.run(&Command::new("sleep 60").timeout(Duration::from_secs(60))).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    kill(session, Signal::SIGSTOP).unwrap();
    let begun = Instant::now();
    let error = running.await.unwrap().unwrap_err();
    let noticed = begun.elapsed();
    kill(session, Signal::SIGCONT).unwrap();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    assert!(error.to_string().contains("no sign of life"), "{error}");
    assert!(noticed < Duration::from_secs(5), "{noticed:?}");
    assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
}

#[tokio::test]
async fn a_key_with_a_passphrase_is_used_through_the_agent() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    run("ssh-keygen", &["-q", "-p", "-P", "", "-N", "secret", "-f", site.key().to_str().unwrap()]);
    let error = site.host(&server).run(&Command::new("true")).await.unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, Error::Auth { .. }) && text.contains("passphrase") && text.contains("ssh-add"),
        "{text}"
    );

    let agent = Agent::start(&site);
    agent.add(&site, &site.key(), "secret");
    let mut settings = site.settings();
    settings.agent = Some(agent.socket.clone());
    assert!(site.host_with(&server, settings).run(&Command::new("true")).await.unwrap().exit.is_success());
}

#[tokio::test]
async fn with_identities_only_other_keys_of_the_agent_stay_unused() {
    if !available() {
        return;
    }
    let site = Site::new();
    let server = Sshd::start(&site, "a");
    let agent = Agent::start(&site);
    agent.add(&site, &site.key(), "");
    let other = site.path("other_key");
    site.keygen(&other, "");
    let mut settings = site.settings();
    settings.agent = Some(agent.socket.clone());
    site.write_config(&format!("IdentityFile {}\nIdentitiesOnly yes\n", other.display()));
    let error = site.host_with(&server, settings.clone()).run(&Command::new("true")).await.unwrap_err();
    assert!(matches!(error, Error::Auth { .. }), "{error}");
    // Without it the agent's key gets in.
    site.write_config(&format!("IdentityFile {}\n", other.display()));
    assert!(site.host_with(&server, settings).run(&Command::new("true")).await.unwrap().exit.is_success());
}

#[tokio::test]
async fn hosts_behind_a_jump_host_share_its_connection() {
    if !available() {
        return;
    }
    let site = Site::new();
    let (jump, inner) = (Sshd::start(&site, "jump"), Sshd::start(&site, "inner"));
    site.write_config(&format!(
        "Host gate\n HostName 127.0.0.1\n Port {}\nHost inner*\n HostName 127.0.0.1\n Port {}\n ProxyJump gate\n",
        jump.port, inner.port
    ));
    let client = Client::new(site.settings()).unwrap();
    for name in ["inner1", "inner2"] {
        let host = client.host(&Target::new(name, name)).unwrap();
        assert!(host.address().contains("by way of"), "{}", host.address());
        assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
    }
    assert_eq!(jump.log().matches("Accepted publickey").count(), 1);
    assert_eq!(inner.log().matches("Accepted publickey").count(), 2);
    assert!(jump.log().contains("direct-tcpip"), "{}", jump.log());
    // The same way, given by the estate.
    let target = Target { jump: Some(vec![format!("127.0.0.1:{}", jump.port)]), ..inner.target() };
    let host = client.host(&target).unwrap();
    assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
}

#[tokio::test]
async fn a_jump_host_lost_amid_a_command_is_told_and_opened_anew() {
    if !available() {
        return;
    }
    let site = Site::new();
    let (jump, inner) = (Sshd::start(&site, "jump"), Sshd::start(&site, "inner"));
    let gate = format!("127.0.0.1:{}", jump.port);
    let client = Client::new(site.settings()).unwrap();
    let host = Arc::new(client.host(&Target { jump: Some(vec![gate]), ..inner.target() }).unwrap());
    assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
    let log = jump.log();
    let begun = site.path("begun");
    let running = tokio::spawn({
        let (host, command) =
            (Arc::clone(&host), Command::new(format!("touch {}; sleep 30", begun.display())));
        async move { host.run(&command).await }
    });
    while !begun.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // With the jump host's session no shell tells its process: the log does.
    let child = log.lines().rev().find_map(|line| line.split("User child is on pid ").nth(1));
    let child = child.or_else(|| log.lines().rev().find_map(|line| line.split("Forked child ").nth(1)));
    let pid: i32 = child.unwrap_or_else(|| panic!("{log}")).trim_end_matches('.').trim().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    assert!(host.run(&Command::new("true")).await.unwrap().exit.is_success());
}
