//! Acts on Debian nodes in Pacemaker clusters.
//!
//! | question | file |
//! |---|---|
//! | what does a step do on its node? | [`work`] |
//! | how is it begun, and how far is it? | [`detached`] |
//! | who holds the locks? | [`locks`] |

mod detached;
mod locks;
mod work;

use std::time::Duration;

use kaketsugi_estate::ServerId;
use kaketsugi_transport::{Command, Exit, Output, quote, sanitize_bytes};

use super::cluster::{LinuxCluster, NAME};
use crate::Error;

/// A script of ours that answers at once takes no longer, however busy the node is.
const TIMEOUT: Duration = Duration::from_secs(120);
/// What a node may answer: the end of an installer's output, and some.
const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// `NAME='value'` lines before a script.
fn with(variables: &[(&str, &str)], script: &str) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        text.push_str(&format!("{name}={}\n", quote(value)));
    }
    text.push_str(script);
    text
}

impl LinuxCluster {
    /// Runs a short script of ours on a node.
    async fn tell(&self, node: &ServerId, script: String, stdin: Option<Vec<u8>>) -> Result<Output, Error> {
        let host = self.hosts.get(node).ok_or_else(|| Error::NoSuchAction {
            what: format!("work on {node}, which isn't a Debian server of this estate"),
            platform: NAME,
        })?;
        let mut command = Command::new(script).timeout(TIMEOUT);
        command.output_bytes_max = OUTPUT_BYTES_MAX;
        command.stdin = Some(stdin.unwrap_or_default());
        host.run(&command).await.map_err(|source| Error::Host { host: node.clone(), source })
    }
}

/// The output of a script of ours that has to end with 0.
fn text(node: &ServerId, what: &str, output: &Output) -> Result<String, Error> {
    if output.exit == Exit::Code(0) {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = sanitize_bytes(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    let last = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it said nothing").to_owned();
    Err(Error::Failed {
        host: node.clone(),
        what: what.to_owned(),
        why: format!("{:?}: {last}", output.exit),
    })
}
