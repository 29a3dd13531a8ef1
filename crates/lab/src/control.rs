//! How orders reach the supervisor: one JSON line each way over a Unix socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::network::Cut;

/// How long an order may take; the longest is a power cut, which waits until no process is left.
const PATIENCE: Duration = Duration::from_secs(60);

/// An order to the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub(crate) enum Order {
    Status,
    PowerOff { node: String },
    Unplug { node: String },
    PowerOn { node: String },
    Freeze { node: String, frozen: bool },
    Cut { node: String, cut: Option<Cut> },
    Down,
}

/// The supervisor's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Done,
    Status(LabStatus),
    Refused(String),
}

/// What the supervisor sees from outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LabStatus {
    /// The nodes, in order.
    pub nodes: Vec<NodeStatus>,
    /// Who had the shared store mounted, seen from outside the nodes, in order of time.
    pub mounts: Vec<MountSpan>,
    /// Times (milliseconds since the epoch) at which two nodes had the shared store mounted at once, with their names.
    pub double_mounts: Vec<(u64, Vec<String>)>,
    /// What fence agents asked for: time (milliseconds since the epoch), action, node.
    pub fencings: Vec<(u64, String, String)>,
}

/// One node from outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Whether it has power.
    pub powered: bool,
    /// Process id of its init, while there is one.
    pub leader: Option<u32>,
    /// How often it was booted.
    pub boots: u32,
    /// How its last boot ended: `reboot`, `poweroff`, `power cut` or what `systemd-nspawn` said.
    pub last_end: Option<String>,
    /// Whether it is frozen.
    pub frozen: bool,
    /// What of its network is cut.
    pub cut: Option<Cut>,
    /// Memory in use, bytes, where the kernel counts it.
    pub memory_bytes: Option<u64>,
}

/// A time in which a node had the shared store mounted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MountSpan {
    /// The node.
    pub node: String,
    /// First seen, milliseconds since the epoch.
    pub from_ms: u64,
    /// First seen gone; none while it lasts.
    pub to_ms: Option<u64>,
}

/// Sends one order and waits for its answer.
pub(crate) fn send(socket: &Path, order: &Order) -> Result<Answer> {
    let io = |what| LabError::io(what, socket);
    let mut stream = UnixStream::connect(socket).map_err(io("reach the lab's supervisor at"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(io("talk to"))?;
    stream.write_all(&line(order)?).map_err(io("talk to"))?;
    let mut text = String::new();
    BufReader::new(stream).read_line(&mut text).map_err(io("hear from"))?;
    match parse(&text)? {
        Answer::Refused(why) => Err(LabError::Refused { why }),
        answer => Ok(answer),
    }
}

/// Reads one order from a connection and answers it with what `act` says.
pub(crate) fn serve(stream: UnixStream, act: impl FnOnce(Order) -> Result<Answer>) -> Result<()> {
    let io = |what| LabError::io(what, "the control socket");
    // An accepted socket inherits nothing of the listener's non-blocking mode on Linux, but be sure.
    stream.set_nonblocking(false).map_err(io("talk on"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(io("talk on"))?;
    let mut text = String::new();
    BufReader::new(&stream).read_line(&mut text).map_err(io("read from"))?;
    let answer = parse(&text).and_then(act).unwrap_or_else(|error| Answer::Refused(error.to_string()));
    (&stream).write_all(&line(&answer)?).map_err(io("answer on"))
}

fn line<T: Serialize>(message: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(message)
        .map_err(|e| LabError::Unexpected { what: "the control protocol".into(), detail: e.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn parse<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| LabError::Unexpected {
        what: "the control socket".into(),
        detail: format!("{e}: {text:?}"),
    })
}
