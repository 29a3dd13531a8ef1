//! Enough IMAP (RFC 3501) to log in, look at the mailbox, and list the subjects in it.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;

use super::talk::Talk;

/// Where it listens.
pub(super) const PORT: u16 = 143;

/// Logs in and reads the newest mail's subject, as a user who looks for mail.
pub(super) async fn look(target: SocketAddrV4) -> Result<(), String> {
    let (mut talk, mails) = open(target).await?;
    if mails > 0 {
        command(&mut talk, &format!("FETCH {mails} (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")).await?;
    }
    let _ = talk.say("z LOGOUT").await;
    Ok(())
}

/// The subjects of all mails whose subject begins with `mark`.
pub(super) async fn subjects(target: SocketAddrV4, mark: &str) -> Result<BTreeSet<String>, String> {
    let (mut talk, mails) = open(target).await?;
    if mails == 0 {
        return Ok(BTreeSet::new());
    }
    let lines = command(&mut talk, "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await?;
    let subjects = lines.iter().filter_map(|line| line.strip_prefix("Subject: "));
    Ok(subjects.filter(|s| s.starts_with(mark)).map(str::to_owned).collect())
}

/// Logs in and opens the mailbox for reading; tells how many mails it holds.
async fn open(target: SocketAddrV4) -> Result<(Talk, u64), String> {
    let mut talk = Talk::to(target).await?;
    let greeting = talk.hear().await?;
    if !greeting.starts_with("* OK") {
        return Err(format!("IMAP said: {greeting}"));
    }
    command(&mut talk, "LOGIN probe probe").await?;
    let lines = command(&mut talk, "EXAMINE INBOX").await?;
    let exists = lines.iter().find_map(|l| l.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok());
    let mails = exists.ok_or_else(|| format!("IMAP told no size: {}", lines.join("; ")))?;
    Ok((talk, mails))
}

/// Gives one command and returns the lines before its tagged answer, which must be OK.
async fn command(talk: &mut Talk, command: &str) -> Result<Vec<String>, String> {
    talk.say(&format!("a {command}")).await?;
    let mut lines = Vec::new();
    loop {
        let line = talk.hear().await?;
        match line.strip_prefix("a ") {
            Some(answer) if answer.starts_with("OK") => return Ok(lines),
            Some(_) => return Err(format!("IMAP said: {line}")),
            None => lines.push(line),
        }
    }
}
