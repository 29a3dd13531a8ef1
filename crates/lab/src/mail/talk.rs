//! A line at a time over TCP, as SMTP and IMAP talk.

use std::net::SocketAddrV4;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// How long a connection may take to be made. The servers' kernels answer at once or not at all.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(1);

/// A connection. Errors are words: they are kept for people, not acted on.
pub(super) struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    /// Connects.
    pub(super) async fn to(target: SocketAddrV4) -> Result<Talk, String> {
        let connected = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(target)).await;
        let stream = connected
            .map_err(|_| "no connection within 1 s".to_owned())?
            .map_err(|e| format!("connect: {e}"))?;
        // Lines are small and answered one by one; nothing is gained by holding them back.
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Talk { stream: BufReader::new(stream) })
    }

    /// Says a line.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), String> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await.map_err(|e| format!("send: {e}"))
    }

    /// Hears a line, without its end.
    pub(super) async fn hear(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        let length = self.stream.read_until(b'\n', &mut line).await.map_err(|e| format!("receive: {e}"))?;
        if length == 0 {
            return Err("the server hung up".into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}
