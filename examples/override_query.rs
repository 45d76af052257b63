//! What a visitor's link may do to a module's variables, and what it may not.
//!
//! `cargo run --example override_query`

use std::error::Error;

use secrets_toml::{Document, Env, Overrides, Parameter};

/// What the owner of the module entered.
const SECRETS: &str = r#"
CLARIFAI_PAT = "0123456789abcdef"
CLARIFAI_USER_ID = "owner"
CLARIFAI_API_BASE = "https://api.clarifai.com"
GREETING = "Hello"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    // The preset for the authentication variables, and a parameter of this module's own.
    let greeting = Parameter::new("greeting", "GREETING").accept(|text| text.len() <= 40);
    let overrides = Overrides::clarifai().allow(greeting);
    let secrets = Document::parse(SECRETS)?;

    println!("An honest link changes what it names, and nothing else:");
    show(secrets.env()?, &overrides, "?user_id=alice&greeting=Hi%21&utm_source=mail");

    println!("\nA visitor's own token takes the place of the owner's:");
    show(secrets.env()?, &overrides, "?user_id=alice&pat=fedcba9876543210");

    println!("\nA link that sends the owner's token to a stranger is refused:");
    show(secrets.env()?, &overrides, "?base=https://evil.example");
    show(secrets.env()?, &overrides, "?base=https%3A%2F%2Fapi.clarifai.com%40evil.example");

    println!("\nAn endpoint of the visitor's choice, though a good one, never meets it:");
    show(secrets.env()?, &overrides, "?base=https://api.clarifai.com/v2");

    println!("\nA blank value blanks nothing:");
    show(secrets.env()?, &overrides, "?pat=");
    Ok(())
}

/// Applies a query, and prints what became of each variable: names and places, never a value.
fn show(env: Env, overrides: &Overrides, query: &str) {
    println!("  {query}");
    match env.override_with(overrides, query) {
        Ok(env) => env.explain().for_each(|explanation| println!("    {explanation}")),
        Err(error) => println!("    {error}"),
    }
}
