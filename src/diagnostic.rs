//! Feature `miette`: findings and syntax errors as diagnostics. They carry no source text, since
//! a reporter prints what it is given.
//!
//! A reporter heads its report with what `Display` says, which is all of it, and shows each related
//! one behind that: it names each twice. The related ones are what a program asks for codes.

use std::fmt::{self, Display};

use miette::Diagnostic;

use crate::document::error::{ParseError, SyntaxError};
use crate::validate::{Finding, Invalid, Severity};

impl Diagnostic for ParseError {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new("secrets_toml::parse"))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Error)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.errors().iter().map(|error| error as &dyn Diagnostic)))
    }
}

impl Diagnostic for SyntaxError {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(format!("secrets_toml::{}", self.code())))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Error)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.hint().map(|hint| Box::new(hint) as Box<dyn Display>)
    }
}

impl Diagnostic for Invalid {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new("secrets_toml::invalid"))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Error)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.related().iter().map(|related| related as &dyn Diagnostic)))
    }
}

/// A finding that owns its words, as `miette` wants to borrow it.
#[derive(Debug)]
pub(crate) struct Related {
    code: String,
    severity: miette::Severity,
    message: String,
    help: String,
}

impl From<&Finding<'_>> for Related {
    fn from(finding: &Finding<'_>) -> Self {
        Self {
            code: format!("secrets_toml::{}", finding.kind().code()),
            severity: match finding.severity() {
                Severity::Warning => miette::Severity::Warning,
                Severity::Error => miette::Severity::Error,
            },
            message: finding.to_string(),
            help: finding.help().into_owned(),
        }
    }
}

impl Display for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Related {}

impl Diagnostic for Related {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(&self.help))
    }
}
