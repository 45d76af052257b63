//! Feature `miette`: findings and syntax errors as diagnostics.
//!
//! The diagnostics have no source text, since a reporter would print it, values included. They have
//! no related diagnostics either: `Display` of [`ParseError`] and [`Invalid`] already shows each
//! one, and a reporter would print it a second time.

use std::fmt::Display;

use miette::Diagnostic;

use crate::document::error::{ParseError, SyntaxError};
use crate::validate::Invalid;

impl Diagnostic for ParseError {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new("secrets_toml::parse"))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Error)
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
}
