//! Enough SMTP (RFC 5321) to hand over one mail and know that it was accepted.

use std::net::SocketAddrV4;

use super::talk::Talk;

/// Where it listens.
pub(super) const PORT: u16 = 25;

/// Hands over a mail with `id` as its subject. `Ok` only when the server took responsibility for it.
pub(super) async fn send(target: SocketAddrV4, id: &str) -> Result<(), String> {
    let mut talk = Talk::to(target).await?;
    answer(&mut talk, "220").await?;
    for (line, code) in [
        ("EHLO client.lab.test", "250"),
        ("MAIL FROM:<probe@lab.test>", "250"),
        ("RCPT TO:<probe@lab.test>", "250"),
        ("DATA", "354"),
    ] {
        talk.say(line).await?;
        answer(&mut talk, code).await?;
    }
    let mail =
        format!("From: probe@lab.test\r\nTo: probe@lab.test\r\nSubject: {id}\r\n\r\nA mail of the lab.\r\n.");
    talk.say(&mail).await?;
    answer(&mut talk, "250").await?;
    // Accepted; whether the farewell gets through makes no difference.
    let _ = talk.say("QUIT").await;
    Ok(())
}

/// Hears one answer, of one line or several (`250-…`), and compares its code.
async fn answer(talk: &mut Talk, code: &str) -> Result<(), String> {
    loop {
        let line = talk.hear().await?;
        if !line.starts_with(code) {
            return Err(format!("SMTP said: {line}"));
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
}
