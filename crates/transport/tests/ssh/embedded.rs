//! A server of our own, for exit codes of 32 bits and for answers that OpenSSH never gives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kaketsugi_transport::ssh::{Client, SshHost, Target};
use kaketsugi_transport::{Command, Error, Exit, Host};
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId, Disconnect};
use tokio::net::TcpListener;

use crate::sshd::Site;

/// Each command line is an order to the server.
struct Server;

impl server::Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let line = String::from_utf8_lossy(line).into_owned();
        let (order, argument) = line.split_once(' ').unwrap_or((&line, ""));
        if order == "refuse" {
            return session.channel_failure(channel);
        }
        session.channel_success(channel)?;
        match order {
            "exit" => {
                session.data(channel, b"out".to_vec())?;
                session.exit_status_request(channel, argument.parse().unwrap())?;
                session.eof(channel)?;
                session.close(channel)?;
            }
            // The end of the session, and not a word about how the command ended.
            "mute" => session.close(channel)?,
            // A process left behind holds the stream open.
            "hold" => session.exit_status_request(channel, 0)?,
            "hang-up" => session.disconnect(Disconnect::ByApplication, "maintenance \x1b[31mnow", "")?,
            other => panic!("unknown order {other}"),
        }
        Ok(())
    }
}

/// Starts a server that is known to the site.
async fn start(site: &Site) -> SshHost {
    let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    let file = site.path("embedded_key");
    site.keygen(&file, "");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(pem));
    let key = PrivateKey::from_openssh(text).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let public: &PublicKey = key.public_key();
    site.know(&format!("[127.0.0.1]:{} {}", address.port(), public.to_openssh().unwrap()));
    let config = Arc::new(server::Config {
        keys: vec![key],
        auth_rejection_time_initial: Some(Duration::ZERO),
        ..server::Config::default()
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let session = server::run_stream(Arc::clone(&config), stream, Server).await.unwrap();
            tokio::spawn(session);
        }
    });
    let target = Target { port: Some(address.port()), ..Target::new("win", "127.0.0.1") };
    Client::new(site.settings()).unwrap().host(&target).unwrap()
}

#[tokio::test]
async fn exit_codes_arrive_whole() {
    let site = Site::new();
    let host = start(&site).await;
    for code in [0, 256, 3010, 1641, 0x8007_0005, u32::MAX] {
        let output = host.run(&Command::new(format!("exit {code}"))).await.unwrap();
        assert_eq!((&output.exit, output.stdout_text().as_str()), (&Exit::Code(code), "out"));
    }
}

#[tokio::test]
async fn a_refused_command_certainly_did_not_begin() {
    let site = Site::new();
    let error = start(&site).await.run(&Command::new("refuse")).await.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }), "{error}");
    assert!(error.certainly_not_begun());
}

#[tokio::test]
async fn an_end_without_an_exit_code_is_no_success_and_no_failure() {
    let site = Site::new();
    let error = start(&site).await.run(&Command::new("mute")).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    assert!(!error.certainly_not_begun());
}

#[tokio::test]
async fn the_hosts_last_words_are_told_without_their_escape_sequences() {
    let site = Site::new();
    let host = start(&site).await;
    let error = host.run(&Command::new("hang-up")).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("maintenance \\x1b[31mnow"), "{text}");
    // The next command gets a new connection.
    assert_eq!(host.run(&Command::new("exit 1")).await.unwrap().exit, Exit::Code(1));
}

#[tokio::test]
async fn a_stream_held_open_after_the_end_does_not_hold_us() {
    let site = Site::new();
    let output =
        start(&site).await.run(&Command::new("hold").timeout(Duration::from_secs(30))).await.unwrap();
    assert_eq!((output.exit, output.truncated), (Exit::Code(0), true));
    assert!(output.duration < Duration::from_secs(10));
}
