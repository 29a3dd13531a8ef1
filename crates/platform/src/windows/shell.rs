//! Commands on one node: sent, answered, decoded.

use std::sync::Arc;
use std::time::Duration;

use kaketsugi_estate::{Product, Server, ServerId};
use kaketsugi_transport::{Command, Host, Output};
use tokio::sync::OnceCell;

use super::text::{decode, encode, last_number, registry_shows};
use super::tools::Tools;
use crate::Error;

/// A looking command that takes longer counts as not answered.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a question to the registry ends with when there is no such key or value.
const NOT_REGISTERED: u32 = 1;

/// A node, its tools, and the code page of what it prints.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) id: ServerId,
    pub(super) product: Product,
    pub(super) tools: Tools,
    host: Arc<dyn Host>,
    page: OnceCell<u32>,
    /// Once what its tools need lies there.
    ready: OnceCell<()>,
}

/// What a command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) code: u32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// Standard output, if the command succeeded.
    pub(super) fn good(&self) -> Option<&str> {
        (self.code == 0).then_some(self.out.as_str())
    }

    /// Of a question to the registry: whether what was asked for is there. None: that was no answer. A script that fails can
    /// end with 0 and say nothing, so an answer must show the key.
    pub(super) fn is_registered(&self) -> Option<bool> {
        match self.code {
            0 => registry_shows(&self.out).then_some(true),
            NOT_REGISTERED => Some(false),
            _ => None,
        }
    }

    /// Both streams, for a message.
    pub(super) fn all(&self) -> String {
        kaketsugi_transport::sanitize(format!("{}\n{}", self.out.trim(), self.err.trim()).trim())
    }
}

impl Shell {
    pub(super) fn new(id: ServerId, server: &Server, host: Arc<dyn Host>) -> Self {
        let tools = Tools::of(server.os);
        Self { id, product: server.product, tools, host, page: OnceCell::new(), ready: OnceCell::new() }
    }

    /// Runs a command line; input is encoded in the node's code page.
    pub(super) async fn run(&self, line: &str) -> Result<Said, Error> {
        self.send(Command::new(line)).await
    }

    /// The same with text on its standard input.
    pub(super) async fn feed(&self, line: &str, input: &str) -> Result<Said, Error> {
        let page = self.page().await?;
        let bytes = encode(input, page).ok_or_else(|| Error::Failed {
            host: self.id.clone(),
            what: "writing a batch file".into(),
            why: format!("a name in it has a character that code page {page} hasn't"),
        })?;
        self.send(Command::new(line).stdin(bytes)).await
    }

    async fn send(&self, command: Command) -> Result<Said, Error> {
        let first = match self.page().await {
            Ok(page) => self.make_ready().await.map(|()| page),
            // A look that a person carries has room for all of it on its first sheet.
            Err(why) if waits(&why) => self.make_ready().await.and(Err(why)),
            Err(why) => Err(why),
        };
        match first {
            Ok(page) => self.once(command, page).await,
            Err(why) if waits(&why) => self.host_runs(command).await.and(Err(why)),
            Err(why) => Err(why),
        }
    }

    /// Has what the node's tools need written there, once.
    async fn make_ready(&self) -> Result<(), Error> {
        let Some((line, input)) = self.tools.prelude() else { return Ok(()) };
        let write = || async {
            let output = self.host_runs(Command::new(line).stdin(input.as_bytes().to_vec())).await?;
            let said = self.said(&output, 437)?;
            match said.code {
                0 => Ok(()),
                _ => Err(Error::Failed {
                    host: self.id.clone(),
                    what: "writing the script that it is looked at with".into(),
                    why: said.all(),
                }),
            }
        };
        self.ready.get_or_try_init(write).await.copied()
    }

    async fn once(&self, mut command: Command, page: u32) -> Result<Said, Error> {
        let foreign = command.line.chars().filter(|c| !c.is_ascii());
        command.spelled = foreign.filter_map(|c| Some((c, encode(&c.to_string(), page)?))).collect();
        let output = self.host_runs(command).await?;
        self.said(&output, page)
    }

    async fn host_runs(&self, command: Command) -> Result<Output, Error> {
        let command = command.timeout(TIMEOUT);
        self.host.run(&command).await.map_err(|source| Error::Host { host: self.id.clone(), source })
    }

    fn said(&self, output: &Output, page: u32) -> Result<Said, Error> {
        let code = output.exit.code().ok_or_else(|| Error::Unreadable {
            host: self.id.clone(),
            what: "a command's exit code".into(),
            why: format!("it ended with {}", output.exit),
        })?;
        Ok(Said { code, out: decode(&output.stdout, page), err: decode(&output.stderr, page) })
    }

    /// The node's code page, asked for once. A page that can't be told is read as 437.
    async fn page(&self) -> Result<u32, Error> {
        let ask = || async {
            let said = self.once(Command::new("chcp"), 437).await?;
            Ok(said.good().and_then(last_number).unwrap_or(437))
        };
        self.page.get_or_try_init(ask).await.copied()
    }
}

/// Whether a look waits for an answer that a person has yet to bring.
pub(super) fn waits(why: &Error) -> bool {
    matches!(why, Error::Host { source: kaketsugi_transport::Error::Awaited { .. }, .. })
}
