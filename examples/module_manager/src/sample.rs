//! The sample module. It prints the names that it receives and the lengths of their values.
//!
//! The variables are in its environment; the section is on its standard input.

use std::collections::BTreeMap;
use std::io::{self, Write};

/// Prints the names of the variables and of the section's keys, with the lengths of the values.
pub fn main() -> io::Result<()> {
    let section: BTreeMap<String, String> = serde_json::from_reader(io::stdin().lock())?;
    let mut out = io::stdout().lock();
    let mut variables: Vec<_> = std::env::vars_os().collect();
    variables.sort();
    writeln!(out, "{} environment variables", variables.len())?;
    for (name, value) in variables {
        writeln!(out, "  {}: {} bytes", name.display(), value.len())?;
    }
    writeln!(out, "{} strings in the section db_credentials", section.len())?;
    for (name, value) in section {
        writeln!(out, "  {name}: {} bytes", value.len())?;
    }
    Ok(())
}
