//! Overrides a module's variables with the query of a visitor's link, as far as that is safe.
//!
//! `cargo run --example override_query`

use std::error::Error;

use secrets_toml::{Document, Env, Overrides, Parameter};

/// The secrets that the owner of the module entered.
const SECRETS: &str = r#"
CLARIFAI_PAT = "0123456789abcdef"
CLARIFAI_USER_ID = "owner"
CLARIFAI_API_BASE = "https://api.clarifai.com"
GREETING = "Hello"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    // The preset for authentication variables, and a parameter of this module.
    let greeting = Parameter::new("greeting", "GREETING").accept(|text| text.len() <= 40);
    let overrides = Overrides::clarifai().allow(greeting);
    let secrets = Document::parse(SECRETS)?;

    println!("A link overrides the allowed variables that it names, and nothing else:");
    show(secrets.env()?, &overrides, "?user_id=alice&greeting=Hi%21&utm_source=mail");

    println!("\nA visitor's token replaces the owner's:");
    show(secrets.env()?, &overrides, "?user_id=alice&pat=fedcba9876543210");

    println!("\nA link with an endpoint on another host is refused:");
    show(secrets.env()?, &overrides, "?base=https://evil.example");
    show(secrets.env()?, &overrides, "?base=https%3A%2F%2Fapi.clarifai.com%40evil.example");

    println!("\nIf the link sets an allowed endpoint, the owner's token is removed:");
    show(secrets.env()?, &overrides, "?base=https://api.clarifai.com/v2");

    println!("\nA blank value is ignored:");
    show(secrets.env()?, &overrides, "?pat=");
    Ok(())
}

/// Applies a query and prints the source of each variable, but no value.
fn show(env: Env, overrides: &Overrides, query: &str) {
    println!("  {query}");
    match env.override_with(overrides, query) {
        Ok(env) => env.explain().for_each(|explanation| println!("    {explanation}")),
        Err(error) => println!("    {error}"),
    }
}
