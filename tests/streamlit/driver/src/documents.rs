//! Generates realistic documents in TOML 1.1, with mutations, and queries.

use secrets_toml::{Document, Overrides, Parameter};

/// A pseudo-random generator (SplitMix64). The same seed gives the same numbers.
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("less than n")
    }

    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Root variables. Each `@` is replaced by a random word that any kind of string can hold.
const VARIABLES: [&str; 44] = [
    "CLARIFAI_PAT = \"@\"",
    "CLARIFAI_PAT = [\"@\", \"@\"]",
    "CLARIFAI_PAT = { value = \"@\" }",
    "CLARIFAI_SESSION_TOKEN = '@'",
    "CLARIFAI_USER_ID = \"owner\"   # who pays",
    "CLARIFAI_APP_ID = \"\"\"\n@\n\"\"\"",
    "CLARIFAI_API_BASE = 'https://private.example/@'",
    "CLARIFAI_UI = \"https://clarifai.com\"",
    "OPENAI_API_KEY = \"sk-@\"",
    "DATABASE_URL = \"postgres://app:@@db.example:5432/app?sslmode=require#x\"",
    "PORT = 5_432",
    "PORT = 0x1F",
    "WORKERS = 0o17",
    "MASK = 0b1010",
    "OFFSET = -9_223_372_036_854_775_808",
    "ZERO = -0",
    "TEMPERATURE = 0.70",
    "TOP_P = 1e-7",
    "BUDGET = 1_000_000.000_1",
    "HUGE = 1e16",
    "LIMIT = inf",
    "UNKNOWN = -nan",
    "MINUS = -0.0",
    "DEBUG = true",
    "KEY = '''-----BEGIN PRIVATE KEY-----\nMIIEvQ@+/=\n-----END PRIVATE KEY-----\n'''",
    "GREETING = \"\"\"\\\n   Grüße, \\\"@\\\"   \\\n   \\u00e9 \\U0001F600\"\"\"",
    "MATCH = '\\d+\\s[a-z]*#@'",
    "QUOTED = \"say \\\"@\\\" \\\\ \\t'x'\"",
    "\"with space\" = \"@\"",
    "\"dotted.name\" = '@'",
    "\"größe\" = 1.5",
    "'quo\"te' = 'a\"b'",
    "HOSTS = [\"a.example\", 'b.example', \"@\"]",
    "SCORES = [1, 2, 3,]",
    "MIXED = [1, \"two\", 3.0, [true, \"]\"], { four = 4 }]",
    "USERS = [{ name = \"alice\", pw = \"@\" }, { name = \"bob\", pw = '@' }]",
    "STARTED = 1979-05-27T07:32:00.25-07:00",
    "ENDED = 2024-02-29 23:59:59Z",
    "BIRTHDAY = 1979-05-27",
    "LOCAL = 1979-05-27T07:32:00.999999999",
    "mail.host = \"smtp.example\"\nmail.port = 587",
    "mail.\"from.address\" = \"@\"",
    "EMPTY = \"\"",
    "NOTHING = {}",
];

/// Syntax that TOML 1.1 added. Each document has one of these.
const NEWER: [&str; 9] = [
    "ESCAPED = \"\\e[1m@\\e[0m\"",
    "HEX = \"\\x41\\xe9@\"",
    "AT = 10:00",
    "SINCE = 1979-05-27T07:32",
    "WHEN = [2024-01-31 23:59Z, 2024-01-31T00:00+05:30,]",
    "INLINE = {\n  user = \"@\", # who\n  pw = '@',\n}",
    "TRAILING = { a = 1, b = { c = \"\\e\", }, }",
    "NESTED = [ {\n  x = 07:32,\n}, { y = [\n 1, # one\n 2 ] } ]",
    "EMPTYISH = {\n# nothing\n}",
];

const SECTIONS: [&str; 13] = [
    "[connections.sql]\ntype = \"sql\"\nurl = \"postgresql://u:@@h/db\"\npool = { size = 5 }",
    "[gcp_service_account]\ntype = \"service_account\"\nprivate_key = \"-----BEGIN\\n@\\n-----END\\n\"\nn = 7",
    "[[users]]\nname = \"alice\"\npw = \"@\"\n[[users]]\nname = 'bob'\n  [[users.keys]]\n  id = 1\n  [[users.keys]]",
    "[passwords]\nalice = \"@\"\n\"bob@example.com\" = '@'",
    "[auth]\nredirect_uri = \"http://localhost:8501/oauth2callback\"\n[auth.google]\nclient_id = \"@\"",
    "[\"a.b\".c]\nCLARIFAI_PAT = \"@\"\nat = 10:00",
    "[CLARIFAI_SESSION_TOKEN]\nvalue = \"@\"",
    "[[CLARIFAI_PAT]]\nvalue = \"@\"",
    "[empty]",
    "[deep.er.est]\nx = [[1, 2], [\"a\", \"b\"]]\n[deep]\ny = {\n  z = \"\\x7e\",\n}",
    "[times]\na = 07:32\nb = 07:32:00.5\nc = 1979-05-27\nd = [1979-05-27T00:32-07:00]",
    "[strings]\na = '''\nit's # no comment\n'''\nb = \"\"\"a \"quoted\" = [x]\n[y]\n\"\"\"\nc = ',]}'",
    "[dotted]\na.b.c = 1\na.b.d = \"@\"\n'e.f'.g = 0.5",
];

/// Texts that a mutation inserts.
const BITS: [&str; 26] = [
    "\"", "'", "\\", "#", "=", "[", "]", "{", "}", ",", ".", "\n", " ", "_", "0", "-", "\\e",
    "\\x41", "\\u000B", "\\n", "\\r", "é", "😀", "\t", "''", "\"\"",
];

const WORDS: [&str; 12] =
    ["hunter2", "0", "s3cr3t+/=", "a b", "x,y", "[z]", "{", "# no", "a=b", "ключ", "😀", "end."];

/// Generates a document that can be delivered, and its text. `refused` counts those that cannot.
pub fn document(dice: &mut Dice, refused: &mut usize) -> (String, Document) {
    loop {
        let text = text(dice);
        if let Ok(document) = Document::parse(text.clone())
            && let Ok(env) = document.env()
            && document.for_streamlit(&env).is_ok()
        {
            return (text, document);
        }
        *refused += 1;
    }
}

fn text(dice: &mut Dice) -> String {
    let mut lines = vec![dice.pick(&NEWER)];
    lines.extend((0..=dice.below(9)).map(|_| dice.pick(&VARIABLES)));
    let last = lines.len() - 1;
    lines.swap(0, dice.below(last));
    lines.extend((0..dice.below(4)).map(|_| dice.pick(&SECTIONS)));
    // A repeated key is an error, so such a document tests nothing.
    let mut keys = Vec::new();
    lines.retain(|line| {
        let key = line.split(['=', '\n', '.']).next().unwrap_or(line).trim_matches([' ', '[', ']']);
        !keys.contains(&key) && {
            keys.push(key);
            true
        }
    });
    let mut text = String::new();
    for piece in (lines.join("\n") + "\n").split_inclusive('@') {
        text += piece.trim_end_matches('@');
        if piece.ends_with('@') {
            text += dice.pick(&WORDS);
        }
    }
    for _ in 0..dice.below(4) {
        mutate(dice, &mut text);
    }
    if dice.below(4) == 0 {
        text = text.replace('\n', "\r\n");
    }
    if dice.below(4) == 0 {
        text.insert(0, '\u{FEFF}');
    }
    text
}

fn mutate(dice: &mut Dice, text: &mut String) {
    let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
    let place = places[dice.below(places.len())];
    match dice.below(5) {
        0 => drop(text.remove(place)),
        1 => text.insert_str(place, &text[place..].chars().take(3).collect::<String>()),
        2 => {
            text.remove(place);
            text.insert_str(place, dice.pick(&BITS));
        }
        _ => text.insert_str(place, dice.pick(&BITS)),
    }
}

/// The overrides that a module allows in a link.
pub fn overrides() -> Overrides {
    Overrides::clarifai()
        .allow(Parameter::new("port", "PORT"))
        .allow(Parameter::new("budget", "BUDGET"))
        .allow(Parameter::new("debug", "DEBUG"))
        .allow(Parameter::new("key", "OPENAI_API_KEY").displaces([
            "USERS",
            "HOSTS",
            "passwords",
            "mail",
        ]))
        .allow(Parameter::new("zero", "ZERO").displaces(["LIMIT", "EMPTY", "users", "AT"]))
}

const FIELDS: [&str; 16] = [
    "user_id=alice",
    "user_id=%C3%A9%22%27%5C%23",
    "app_id=7",
    "pat=mine",
    "token=mine",
    "base=https://api.clarifai.com",
    "ui=https://clarifai.com",
    "port=8080",
    "port=0x50",
    "budget=5",
    "budget=0.5",
    "budget=1e9",
    "key=sk-visitor",
    "zero=00",
    "zero=-1",
    "utm=x",
];

pub fn query(dice: &mut Dice) -> String {
    let fields: Vec<_> = (0..=dice.below(4)).map(|_| dice.pick(&FIELDS)).collect();
    fields.join("&")
}
