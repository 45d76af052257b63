//! The messages and the help for mistakes in the comments of a template.

use std::borrow::Cow;
use std::fmt::{self, Write};

use crate::template::annotations::{Annotation, Mistake};
use crate::template::format::MAX_OPTIONS;
use crate::text::shown::Limited;

/// The most characters of an unknown marker that are shown.
const MAX_WORD: usize = 32;

/// Says which mistake is in a comment. `word` is the text at its place.
pub(super) fn write(f: &mut impl Write, mistake: Mistake, word: &str) -> fmt::Result {
    match mistake {
        Mistake::Unknown { .. } => {
            f.write_str("has a comment with `")?;
            Limited::new(f, MAX_WORD).write_str(word)?;
            f.write_str("`, which is not a marker")
        }
        Mistake::Joined(marker) => {
            write!(f, "has a comment with `{}` and no space after it", marker.word())
        }
        Mistake::Argument(marker) => {
            write!(
                f,
                "has a comment with `{}`, whose argument is missing or malformed",
                marker.word()
            )
        }
        Mistake::Repeated(marker) => {
            write!(f, "has a comment with two `{}`, of which the first counts", marker.word())
        }
        Mistake::SecretAndPublic => f.write_str(
            "has a comment with both `@secret` and `@public`, of which `@secret` counts",
        ),
        Mistake::OfSection(marker) => {
            write!(f, "is a section, and `{}` in its comment is for a variable", marker.word())
        }
        Mistake::OfKind(marker) => {
            write!(f, "has `{}` in its comment, which is for text and numbers", marker.word())
        }
        Mistake::InWords => f.write_str("has \"optional\" in its comment, and is required"),
        Mistake::Unmet => f.write_str("has formats in its comment that no value has"),
    }
}

/// Says how to correct a comment.
pub(super) fn help(mistake: Mistake) -> Cow<'static, str> {
    match mistake {
        Mistake::Unknown { similar: Some(marker) } => {
            format!("did you mean `{}`?", marker.word()).into()
        }
        Mistake::Unknown { similar: None } => {
            "remove the `@`, or write one of the markers that the documentation lists".into()
        }
        Mistake::Joined(marker) => {
            format!("write `{}`, with white space around it", marker.example()).into()
        }
        Mistake::Argument(Annotation::OneOf) => {
            format!("write at most {MAX_OPTIONS} options, as in `@one-of a|b|c`").into()
        }
        Mistake::Argument(Annotation::Docs) => {
            "write an `https` link, as in `@docs https://example.com/page`".into()
        }
        Mistake::Argument(marker) => format!("write it as in `{}`", marker.example()).into(),
        Mistake::Repeated(_) | Mistake::SecretAndPublic => "remove one of the two".into(),
        Mistake::OfSection(_) => "move it to the line above a variable".into(),
        Mistake::OfKind(_) => "remove it, or write the value as a string".into(),
        Mistake::InWords => "did you mean `@optional`?".into(),
        Mistake::Unmet => "correct or remove it: nobody can enter a value".into(),
    }
}
