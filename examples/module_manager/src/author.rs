//! The author and the time of a revision: a name that the visitor gives, and this machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use secrets_toml::seal::{By, ScopeError};

/// The name of a visitor. Nobody checks that it is true.
#[derive(Clone, PartialEq, Eq)]
pub struct Author(String);

impl Author {
    /// Reads a name by the rules of [`By::author`], after removing white space around it.
    pub fn new(name: &str) -> Result<Self, ScopeError> {
        let name = name.trim();
        By::author(name).map(|_| Self(name.to_owned()))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Signs a write that happens now.
    pub fn by(&self) -> Result<By, ScopeError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(By::author(&self.0)?.time(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// Returns the date and the time of day in UTC, such as `2026-11-27` and `19:58`.
///
/// The date is that of the Gregorian calendar, by Howard Hinnant's `civil_from_days`: a year begins
/// in March, so that the leap day is its last one.
pub fn date(seconds: i64) -> (String, String) {
    let minutes = seconds.rem_euclid(86_400) / 60;
    let days = seconds.div_euclid(86_400) + 719_468; // since 0000-03-01
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097)); // eras of 400 years
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // 0 is March
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (400 * era + year, month + 3),
        _ => (400 * era + year + 1, month - 9),
    };
    (format!("{year:04}-{month:02}-{day:02}"), format!("{:02}:{:02}", minutes / 60, minutes % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (951_868_800, "2000-03-01 00:00"),
            (1_709_164_800, "2024-02-29 00:00"),
            (1_735_689_599, "2024-12-31 23:59"),
            (1_795_809_480, "2026-11-27 19:58"),
            (4_107_542_400, "2100-03-01 00:00"),
            (253_402_300_799, "9999-12-31 23:59"),
            (-62_135_596_800, "0001-01-01 00:00"),
            (i64::MAX, "292277026596-12-04 15:30"),
            (i64::MIN, "-292277022657-01-27 08:29"),
        ] {
            let (day, time) = date(seconds);
            assert_eq!(format!("{day} {time}"), expected, "{seconds}");
        }
    }

    #[test]
    fn names_have_the_rules_of_authors() {
        let name = |name: &str| Author::new(name).ok().map(|author| author.0);
        assert_eq!(name(" Ada L. \u{e9}\n").as_deref(), Some("Ada L. \u{e9}"));
        assert_eq!(name(&"a".repeat(255)).map(|name| name.len()), Some(255));
        for wrong in ["", " \t", "a\nb", "a\u{0}", &"a".repeat(256)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }
}
