//! Exit codes, and the errors that lead to them. Scripts rely on the codes.

use std::process::ExitCode;

use kaketsugi_plan::Finding;
use miette::Diagnostic;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done.
    Done = 0,
    /// Can't: usage, unreadable, unreachable.
    Cannot = 1,
    /// Refused as unsafe.
    Refused = 2,
    /// Stopped at a failed step, safe.
    Stopped = 3,
    /// Waits for a person.
    Waits = 4,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        // The codes are one byte by definition.
        ExitCode::from(code as u8)
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum Failure {
    /// Something can't be done.
    #[error("{what}")]
    Cannot {
        /// What, and where.
        what: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// The estate file has mistakes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Estate(#[from] kaketsugi_estate::file::Mistakes),
    /// A person has to bring answers first.
    #[error("{why}")]
    #[diagnostic(help("Sheets that only look are good for half an hour."))]
    Waits {
        /// Which, and how.
        why: String,
    },
    /// Refused as unsafe.
    #[error("refused: nothing was changed on any server")]
    Refused {
        /// Every reason.
        findings: Vec<Finding>,
    },
}

impl Failure {
    /// Something can't be done, and why in one sentence.
    pub(crate) fn cannot(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Cannot { what: what.into(), source: None, help: Some(help.into()) }
    }

    /// Something can't be done because of an error below.
    pub(crate) fn because(
        what: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
        help: impl Into<String>,
    ) -> Self {
        let help = help.into();
        Self::Cannot {
            what: what.into(),
            source: Some(Box::new(source)),
            help: (!help.is_empty()).then_some(help),
        }
    }

    /// The exit code it leads to.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Cannot { .. } | Self::Estate(_) => Code::Cannot,
            Self::Refused { .. } => Code::Refused,
            Self::Waits { .. } => Code::Waits,
        }
    }
}
