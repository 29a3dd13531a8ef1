//! Files of a release on a node: compared with their digests, installed.

use kaketsugi_estate::{ReleaseId, ServerId};
use kaketsugi_knowledge::releases;
use kaketsugi_plan::{Content, Media, Payload};

use super::super::cluster::{NAME, WindowsCluster};
use super::super::lock::{FIND, HOME};
use super::super::probe;
use super::super::script::{Lines, WRONG_DIGEST, directory, literal};
use super::Work;
use crate::{Error, Order};

impl WindowsCluster {
    pub(super) fn part<'a>(
        &self,
        order: &Order<'a>,
        node: &ServerId,
        release: &ReleaseId,
    ) -> Result<(&'a Payload, &'a [Media]), Error> {
        let part = order.plan.payload.find(release).ok_or_else(|| Error::Failed {
            host: node.clone(),
            what: format!("looking {release} up"),
            why: "the plan's payload has no such release".into(),
        })?;
        match &part.content {
            Content::Media(media) => Ok((part, media)),
            Content::Packages(_) => Err(Error::NoSuchAction {
                what: format!("{release}, which is made of packages,"),
                platform: NAME,
            }),
        }
    }

    /// Each file is compared with its digest where it lies; a record of it is written last.
    pub(super) fn stage(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        release: &ReleaseId,
    ) -> Result<Work, Error> {
        let (_, media) = self.part(order, node, release)?;
        let mut lines = Lines::default();
        self.compare(&mut lines, node, media)?;
        lines.raw(format!("if not exist {HOME}\\staged mkdir {HOME}\\staged"));
        let record = probe::record_path(release);
        for (index, file) in media.iter().enumerate() {
            let to = if index == 0 { ">" } else { ">>" };
            let line = probe::record_line(&file.sha256, &file.path);
            // The path was quotable, so nothing in it means anything to the interpreter but these.
            let line: String = line
                .chars()
                .flat_map(|c| if "&|<>^()".contains(c) { vec!['^', c] } else { vec![c] })
                .collect();
            lines.raw(format!("{to}{record} echo {line}"));
        }
        Ok(Work { node: node.clone(), lines })
    }

    /// Windows Server 2003 has no tool of its own for SHA-256: the administrator puts a `sha256sum` into the search path.
    /// A wrong one can only say no.
    pub(super) fn compare(&self, lines: &mut Lines, node: &ServerId, media: &[Media]) -> Result<(), Error> {
        for file in media {
            let path = self.name(node, &file.path)?;
            lines.raw(format!(
                "sha256sum {} | {FIND} /i \"{}\" >nul || exit /b {WRONG_DIGEST}",
                literal(&path),
                file.sha256
            ));
        }
        Ok(())
    }

    /// The digests once more, then the installer; its log is part of the output, its exit code the action's.
    pub(super) fn install(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        release: &ReleaseId,
    ) -> Result<Work, Error> {
        let (part, media) = self.part(order, node, release)?;
        let failed =
            |why: String| Error::Failed { host: node.clone(), what: format!("installing {release}"), why };
        let command = part.command.as_ref().ok_or_else(|| failed("a person does it".into()))?;
        let known =
            releases().resolve(release.as_str()).ok_or_else(|| failed("it isn't in the catalogue".into()))?;
        let installer = media.first().ok_or_else(|| {
            failed("the estate file names no media for it; add a [[media]] entry with path and sha256".into())
        })?;
        let path = self.name(node, &installer.path)?;
        let log = format!("{}\\install.log", directory(&order.handle()));
        let command = command.replace(&format!("\"{}\"", known.installer.path), &path).replace("{log}", &log);
        if command.contains('{') {
            return Err(failed(format!("`{command}` has a placeholder that nothing is known for")));
        }
        let mut lines = Lines::default();
        self.compare(&mut lines, node, media)?;
        lines.raw(literal(&command));
        lines.raw("set KAKETSUGI_CODE=%errorlevel%");
        lines.raw(format!("if exist {log} type {log}"));
        lines.raw("exit /b %KAKETSUGI_CODE%");
        Ok(Work { node: node.clone(), lines })
    }
}
