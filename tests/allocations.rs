//! The number of allocations has a small limit that does not depend on the number of keys.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/probe.rs"]
mod probe;
#[allow(dead_code, reason = "benches use the rest")]
#[path = "support/shapes.rs"]
mod shapes;

use std::fmt::Write;

use secrets_toml::Document;
#[cfg(feature = "vault")]
use secrets_toml::{
    seal::{Keyring, Scope},
    store::{MemoryStore, Store},
    vault::{Expected, Observer, Vault},
};

#[global_allocator]
static PROBE: probe::Probe = probe::Probe::new();

/// Makes a document of short keys, at the root.
fn flat(keys: usize) -> String {
    (0..keys).fold(String::new(), |mut text, i| {
        writeln!(text, "K{i}=\"{i}\"").unwrap();
        text
    })
}

/// Makes a document of keys of every kind, in sections and arrays.
fn mixed(keys: usize) -> String {
    (0..keys.div_ceil(5)).fold(String::new(), |mut text, i| {
        writeln!(text, "[[s.t{}]]\na = \"\\t{i}\"\nb.c = {i}\nl = [1.5, {{ k = ''}}]", i % 7)
            .unwrap();
        text
    })
}

/// Makes a document of one array.
fn elements(count: usize) -> String {
    format!("l = [{}]", "1, ".repeat(count))
}

/// Makes a document of short keys, and many empty lines: they look like keys at first.
fn empty_lines(keys: usize) -> String {
    flat(keys) + &"\n".repeat((10 * keys).min(100_000))
}

/// Reading an author's file takes five blocks at most: the text, the second buffer, the nodes, their
/// children, and the table of names.
#[test]
fn a_usual_file_takes_five_blocks_and_four_times_its_length() {
    for shape in shapes::SHAPES {
        for variables in [5, 48, 1_300, 1_500] {
            let text = shape.document(variables);
            let (document, report) = probe::during(|| Document::parse(text.as_str()).unwrap());
            let what = format!("{} with {variables} variables: {report:?}", shape.name());
            // All keys of a plain file are in one table, whose size is known from the first.
            let most = if shape == shapes::Shape::Plain { 4 } else { 5 };
            assert!(report.allocations <= most, "{what}");
            assert!(report.peak <= 4 * text.len(), "{what}, {} bytes of text", text.len());
            drop(document);
        }
    }
}

/// A text and its second buffer are as long as the text. A node takes 64 bytes at most beside them, and
/// each doubling of the nodes one allocation more.
#[test]
fn any_text_takes_64_bytes_a_node() {
    /// The root, some tables of `mixed`, and a few nodes that are left unused.
    const FIXED: usize = 1024;
    type Shape = fn(usize) -> String;
    const SHAPES: [(Shape, f64); 4] =
        [(flat, 1.0), (mixed, 8.0 / 5.0), (elements, 1.0), (empty_lines, 1.0)];
    for (shape, nodes_per_key) in SHAPES {
        for keys in [5, 33, 48, 97, 100, 1_500, 1_537, 60_000] {
            let text = shape(keys);
            let nodes = (keys as f64 * nodes_per_key) as usize;
            let (document, report) = probe::during(|| Document::parse(text.as_str()).unwrap());
            let most = 2 * text.len() + 64 * nodes + FIXED;
            assert!(report.live as usize <= most, "{keys} keys: {report:?}, at most {most}");
            let blocks = report.allocations + report.reallocations;
            assert!(blocks <= 6 + nodes.ilog2() as usize, "{keys} keys: {report:?}");
            drop(document);
        }
    }
}

/// A document has a second buffer only if the text of a key or a value differs from its content.
#[test]
fn verbatim_text_needs_no_second_buffer() {
    let allocations = |text: &str| probe::during(|| Document::parse(text).unwrap()).1.allocations;
    let content = "some words, for each block of sixteen bytes: \t~";
    let least = allocations("k = 1");
    for verbatim in [
        format!("k = \"{content}\"\n'{content}' = 1"),
        format!("k = '{content}\\n'\n\"{content}\" = 1"),
        format!("k = \"\"\"\n{content}\n{content}\"\"\""),
        format!("k = '''\n{content}\\n\n{content}'''"),
        "k = 1_000".to_owned(),
        "k = 1.5".to_owned(),
    ] {
        assert_eq!(allocations(&verbatim), least, "{verbatim}");
    }
    for decoded in ["k = \"\\n\"", "k = \"\"\"\r\n\"\"\"", "k = '''a\r\n'''", "k = 1_0.5"] {
        assert_eq!(allocations(decoded), least + 1, "{decoded:?}");
    }
}

#[test]
fn env_allocates_at_most_four_times() {
    for keys in [5, 48, 1_500, 60_000] {
        let document = Document::parse(flat(keys)).unwrap();
        let (env, report) = probe::during(|| document.env().unwrap());
        assert_eq!(env.len(), keys);
        assert!(report.allocations + report.reallocations <= 4, "{keys} keys: {report:?}");
    }
}

/// A call of a store that blocks is done at once, so no waker is made for it.
#[cfg(feature = "vault")]
#[test]
fn a_call_that_blocks_allocates_no_more_than_its_future() {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use secrets_toml::seal::{Keyring, Scope};
    use secrets_toml::store::{Blocking, MemoryStore};
    use secrets_toml::vault::{AsyncVault, Expected, Vault};

    let (store, chat) = (MemoryStore::new(), Scope::module("chat").unwrap());
    let keyring = || Keyring::from_bytes([7; 32]);
    let vault = Vault::new(&store, keyring());
    let secrets = Document::parse("A = 1").unwrap().validate().unwrap();
    vault.put(&chat, &secrets, Expected::Absent).unwrap();
    let polled = AsyncVault::new(Blocking(&store), keyring());
    let poll = || {
        let mut get = pin!(polled.get(&chat));
        assert!(get.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    };
    poll();
    let ((), polled) = probe::during(poll);
    let (_, blocked) = probe::during(|| vault.get(&chat).unwrap());
    assert_eq!(blocked.allocations, polled.allocations);
}

/// A read through a vault allocates what the store and the keyring do, also if it is observed.
#[cfg(feature = "vault")]
#[test]
fn a_vault_and_its_observer_allocate_nothing_of_their_own() {
    struct Silent;
    impl Observer for Silent {}

    let ring = || Keyring::from_bytes([7; 32]);
    let (store, keyring, chat) = (MemoryStore::new(), ring(), Scope::module("chat").unwrap());
    let secrets = Document::parse("TOKEN = 'hunter2'").unwrap().validate().unwrap();
    Vault::new(&store, ring()).put(&chat, &secrets, Expected::Absent).unwrap();
    let (_, bare) = probe::during(|| {
        let record = store.get(chat.as_bytes()).unwrap().unwrap();
        keyring.open(&chat, &record).unwrap()
    });
    for vault in [Vault::new(&store, ring()), Vault::new(&store, ring()).observed_by(Silent)] {
        vault.get(&chat).unwrap(); // the watermark of the scope
        let (_, get) = probe::during(|| vault.get(&chat).unwrap().unwrap());
        assert_eq!(get.allocations, bare.allocations);
        assert_eq!(get.reallocations, bare.reallocations);
    }
}
