//! The list of revisions, the page that asks before one is restored, and the page of what was
//! deleted.

use maud::{Markup, html};
use secrets_toml::seal::Revision;
use secrets_toml::vault::{HistoryEntry, VaultError};

use crate::host::HISTORY;
use crate::versions::{Current, Place};
use crate::web::chain;
use crate::web::pages::{
    Ask, Installs, Trail, asked, contents, install_lists, signature, token, url, written,
};
use crate::web::visit::Visit;

/// The revisions of a place, the current one first.
pub(in crate::web) type Entries = [Result<HistoryEntry, VaultError>];

/// Renders the list of revisions. Each earlier one that has secrets has a link to restore it.
pub(super) fn history(place: &Place, entries: &Entries) -> Markup {
    html! {
        section #history {
            h2 { "History" }
            p { "The last " (HISTORY) " revisions before the current one are kept." }
            table {
                thead { tr {
                    th scope="col" { "Revision" }
                    th scope="col" { "Change" }
                    th scope="col" { span .sr { "Restore" } }
                } }
                tbody {
                    @for (i, entry) in entries.iter().enumerate() {
                        @match entry {
                            Ok(entry) => (row(place, entry, i == 0)),
                            Err(error) => tr .gone {
                                th scope="row" { "–" }
                                td colspan="2" { "cannot be opened: " (chain(error)) }
                            },
                        }
                    }
                }
            }
        }
    }
}

fn row(place: &Place, entry: &HistoryEntry, current: bool) -> Markup {
    let (revision, deleted) = (entry.revision(), entry.is_tombstone());
    html! {
        tr .gone[deleted] {
            th scope="row" { (revision) @if current { " " span .optional { "current" } } }
            td { (change(deleted, entry.author(), entry.time())) }
            td {
                @if !current && !deleted {
                    a href={ (url(place)) "/restore/" (revision) } {
                        "Restore" span .sr { " revision " (revision) } "…"
                    }
                }
            }
        }
    }
}

fn change(deleted: bool, author: Option<&str>, time: Option<i64>) -> Markup {
    written(if deleted { "deleted" } else { "stored" }, author, time)
}

/// The page that asks before it restores a revision.
pub(in crate::web) struct Restore<'a> {
    pub(in crate::web) place: &'a Place,
    /// The secrets of the earlier revision.
    pub(in crate::web) earlier: &'a Current,
    /// The revision that is current now, and whether the secrets are deleted by it.
    pub(in crate::web) current: Revision,
    pub(in crate::web) deleted: bool,
    pub(in crate::web) ask: Ask,
}

pub(in crate::web) fn restore(visit: &Visit, restore: &Restore<'_>) -> Markup {
    let Restore { place, earlier, current, deleted, ask } = *restore;
    let Current { secrets, template, revision, author, time, .. } = earlier;
    let name = place.install.as_deref().unwrap_or(&place.version);
    Trail::to(place, true).layout(&format!("Restore revision {revision}"), &html! {
        h1 { "Restore revision " (revision) " of " (name) "?" }
        (asked(ask, "Nothing was restored", &html! {
            @if deleted { "Somebody deleted the secrets in the meantime, as revision " }
            @else { "Somebody stored revision " }
            (current) @if !deleted { " in the meantime" } ". Restore revision " (revision) " over it?"
        }))
        h2 { "This happens" }
        ul {
            li {
                "The secrets of revision " (revision) ", "
                (change(false, author.as_deref(), *time)) ", are stored as the next revision."
            }
            @if deleted {
                li { "They are deleted now, as revision " (current) ". Afterwards they can be used again." }
            } @else {
                li { "The current revision " (current) " stays in the history." }
            }
        }
        form method="post" action={ (url(place)) "/restore/" (revision) } {
            (token(visit))
            input type="hidden" name="revision" value=(current);
            (signature(visit))
            div .actions {
                button { "Restore revision " (revision) }
                a .button .quiet href=(url(place)) { "Leave it as it is" }
            }
        }
        section {
            h2 { "Variables of revision " (revision) }
            (contents(secrets, template.as_ref()))
        }
    })
}

/// The page of a version or an install that was deleted.
pub(in crate::web) fn deleted(place: &Place, entries: &Entries, installs: &Installs) -> Markup {
    let name = place.install.as_deref().unwrap_or(&place.version);
    let what = if place.install.is_some() { "install" } else { "version" };
    Trail::to(place, false).layout(
        name,
        &html! {
            h1 { (name) " " small { (what) " of " (place.module) } }
            p .note {
                "The secrets of this " (what) " were deleted. An earlier revision can be restored."
                @if !installs.stored.is_empty() { " The installs still have theirs." }
            }
            @if !installs.is_empty() {
                section { h2 { "Installs" } (install_lists(place, installs)) }
            }
            (history(place, entries))
        },
    )
}
