//! Names of secrets: `api_key`, `DB_PASSWORD`, `contraseña`, and every name below `[passwords]`.
//!
//! A name is split into words at separators and changes of case, and the words are compared with
//! [`RULES`]. English names end with what they mean: `token_uri` is a URI. So the last word is asked
//! first.

use crate::document::Document;
use crate::document::index::Kind;

/// The part of a name that the words of a rule are compared with.
#[derive(Clone, Copy)]
enum At {
    /// The first words.
    Start,
    /// The last words.
    End,
    /// Any single word.
    Any,
    /// The end of any single word, which may be a compound: `authtoken`, `管理者パスワード`.
    WordEnd,
}

/// A rule. Words are in lower case, with one space between them and no digits after them.
struct Rule {
    is_secret: bool,
    at: At,
    words: &'static [&'static str],
}

const fn secret(at: At, words: &'static [&'static str]) -> Rule {
    Rule { is_secret: true, at, words }
}

const fn plain(at: At, words: &'static [&'static str]) -> Rule {
    Rule { is_secret: false, at, words }
}

/// The rules. The first one that matches a name decides.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    plain(At::Start, &[
        "max", "min", "num", "enable", "disable", "use", "is", "has", "show", "require", "allow",
    ]),
    secret(At::End, &["key id", "secret id", "webhook url", "webhook uri", "signed url", "sas url"]),
    // The last word says that the value is a fact about a secret, or something else.
    plain(At::End, &[
        "uri", "url", "urls", "endpoint", "host", "hostname", "port", "file", "filename", "path",
        "dir", "directory", "folder", "location", "name", "username", "user", "email", "id", "ids",
        "type", "mode", "method", "format", "scheme", "encoding", "limit", "count", "max", "min",
        "ttl", "age", "lifetime", "interval", "expire", "expires", "expiry", "expiration", "days",
        "hours", "minutes", "seconds", "timeout", "threshold", "rate", "rounds", "iterations",
        "enabled", "disabled", "required", "algorithm", "length", "size", "bits", "prefix", "suffix",
        "header", "column", "field", "label", "description", "region", "bucket", "arn", "vault",
        "model", "version", "scope", "scopes", "issuer", "audience", "provider", "domain", "env",
        "variable", "policy", "hint", "template", "alg", "symbol", "address", "manager", "ref",
        "backend", "source", "leeway", "color", "strategy", "budget", "rules", "nombre", "nome",
        "nom",
    ]),
    plain(At::Any, &[
        "public", "publishable", "publica", "pública", "publico", "público", "publique", "pubblica",
        "publiczny", "publik", "publieke", "openbare", "öffentlicher", "oeffentlicher",
        "публичный", "публічний",
    ]),
    // Keys of tables and caches, keys for search, and keys on a keyboard.
    plain(At::End, &[
        "sort key", "primary key", "foreign key", "partition key", "range key", "row key",
        "cache key", "s3 key", "object key", "state key", "map key", "index key", "shortcut key",
        "site key", "palabra clave", "palabras clave", "palavra chave", "palavras chave",
        "parola chiave", "parole chiave", "anahtar kelime", "clave primaria", "lookup key",
        "join key", "group key", "commit hash", "git hash", "content hash", "file hash", "map pin",
        "application credentials", "palabras claves", "kata kunci", "anahtar kelimeler", "unique key",
        "answer key", "translation key", "dict key", "主キー", "ショートカットキー", "기본키",
    ]),
    // Tokens of a language model's text.
    plain(At::End, &[
        "pad token", "eos token", "bos token", "unk token", "sep token", "cls token", "mask token",
        "stop token", "special token",
    ]),
    secret(At::End, &[
        "access tokens", "api tokens", "auth tokens", "bearer tokens", "bot tokens",
        "refresh tokens", "user tokens",
    ]),
    plain(At::Any, &["tokens"]),
    secret(At::Any, &[
        "key", "apikey", "apikeys", "token", "secret", "secrets", "password", "passwords", "passwd",
        "pwd", "pass", "passphrase", "passcode", "pat", "credential", "credentials", "cred", "creds",
        "dsn", "jwt", "bearer", "mpin", "mnemonic", "totp", "pw", "hmac", "keypair",
    ]),
    secret(At::End, &[
        "api keys", "access keys", "private keys", "connection string", "conn string",
        "access signature", "access code", "recovery code", "recovery codes", "seed phrase",
        "recovery phrase", "conn str", "authorization", "basic auth", "private", "sas", "door code",
        "pin code", "code acces", "semnatura", "semnătura", "соль", "pin", "salt", "hash", "cookie",
        "webhook",
    ]),
    secret(At::WordEnd, &[
        "token", "secret", "password", "passwd", "apikey", "accesskey", "privatekey", "secretkey",
        "authkey", "masterkey", "connectionstring", "pwd", "dbpass", "aikey",
    ]),
    // Passwords, keys, secrets and tokens in other languages, also within compound names.
    secret(At::Any, &[
        // German, Dutch, Swedish, Danish, Norwegian, Finnish.
        "geheimnis", "geheimwort", "geheim", "hemlighet", "losen", "nyckel", "adgangskode", "nøgle",
        "nøkkel", "salasana", "avain",
        // French, Spanish, Catalan, Portuguese, Italian, Romanian.
        "mdp", "motdepasse", "passe", "clé", "cle", "clef", "jeton", "secrète", "secrete", "clave",
        "llave", "contraseña", "contrasena", "contrasenya", "secreto", "senha", "chave", "segredo",
        "claves", "chiave", "parola", "segreto", "cheie",
        // Polish, Czech, Hungarian.
        "hasło", "haslo", "klucz", "sekret", "heslo", "klíč", "klic", "jelszó", "jelszo", "kulcs",
        // Turkish, Indonesian.
        "şifre", "sifre", "şifresi", "sifresi", "anahtar", "anahtarı", "anahtari", "sandi", "kunci",
        // Russian, Ukrainian, in letters of either kind.
        "пароль", "ключ", "токен", "секрет", "parol", "kluch", "klyuch",
    ]),
    // Access codes.
    secret(At::End, &[
        "zugangscode", "toegangscode", "codigo acceso", "código acceso", "codigo de acceso",
        "código de acceso", "codigo acesso", "código acesso", "codigo de acesso", "código de acesso",
        "codice accesso", "codice di accesso", "code d accès", "code accès", "frase secreta",
        "frase segreta", "kode akses", "kod dostępu", "kod dostepu", "gizli kod",
        "код доступа", "код доступу", "認証コード", "授权码", "授權碼", "인증번호",
    ]),
    secret(At::End, &["mật khẩu", "mat khau", "khóa", "khoa bi mat"]),
    secret(At::WordEnd, &[
        "passwort", "kennwort", "schlüssel", "schluessel", "wachtwoord", "sleutel", "lösenord",
        "losenord", "passord", "пароль",
        "パスワード", "暗証番号", "合言葉", "秘密", "秘密鍵", "鍵", "キー", "トークン",
        "비밀번호", "암호", "비밀", "토큰", "키",
        "密码", "密碼", "密钥", "密鑰", "秘钥", "私钥", "口令", "令牌",
    ]),
];

/// Last words of a table in which every name is a person's and every value a password.
const PASSWORDS: &[&str] = &[
    "passwords",
    "passwörter",
    "passwoerter",
    "kennwörter",
    "wachtwoorden",
    "mots de passe",
    "contraseñas",
    "contrasenas",
    "senhas",
    "hasła",
    "logins",
    "passord",
    "lösenord",
    "losenord",
    "adgangskoder",
    "salasanat",
    "hesla",
    "jelszavak",
    "şifreler",
    "sifreler",
    "пароли",
    "паролі",
    "パスワード",
    "비밀번호",
    "密码",
];

/// Last words of a table in which a name says which secret it is: `[api_keys] openai = ""`.
const SECRETS: &[&str] = &[
    "keys",
    "tokens",
    "secrets",
    "apikeys",
    "schlüssel",
    "schluessel",
    "clés",
    "cles",
    "claves",
    "chaves",
    "chiavi",
    "sleutels",
    "nycklar",
    "klucze",
    "ключи",
    "ключі",
];

/// The meaning of the tables around a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// Nothing: the variable's own name decides.
    Nothing,
    /// The nearest table is called `secrets` or alike: the values are secrets if their names are
    /// not those of something else.
    Secrets,
    /// One of the tables is called `passwords` or alike: all values are secrets.
    Passwords,
}

impl Around {
    /// The meaning of a table for the variables in it.
    pub(super) fn inside(self, table: &str) -> Self {
        let words = split(table);
        let ends = |list: &[&str]| list.iter().any(|last| ends_with(&words, last));
        match self {
            Self::Passwords => self,
            _ if ends(PASSWORDS) => Self::Passwords,
            _ if ends(SECRETS) => Self::Secrets,
            _ => Self::Nothing,
        }
    }
}

/// Returns `true` if a template's variable is a secret by its names and its value.
pub(super) fn is_secret(document: &Document, node: u32, around: Around) -> bool {
    may_be_secret(document, node)
        && (around == Around::Passwords
            || has_password(document, node)
            || is_private_key(document, node)
            || match rule(&split(document.key(node))) {
                Some(rule) => RULES[rule].is_secret,
                None => around == Around::Secrets,
            })
}

/// Returns `true` for strings, and for arrays that may have strings in them. A secret that is a
/// number is written as a string, so that it keeps its zeros.
fn may_be_secret(document: &Document, node: u32) -> bool {
    let index = document.index();
    match index.node(node).kind {
        Kind::String => !matches!(document.content(node), "true" | "false"),
        Kind::Array => {
            let elements = index.children(node);
            let is_text = |&element: &u32| {
                let kind = index.node(element).kind;
                kind == Kind::String || kind.is_array() || kind.is_table()
            };
            elements.is_empty() || elements.iter().any(is_text)
        }
        _ => false,
    }
}

/// Returns `true` for a URL with a password, as `mongodb+srv://user:password@cluster.example.com`.
///
/// `postgres://postgres:postgres@localhost` is a default that works: the user's name is the password,
/// and the host is this machine or a container.
fn has_password(document: &Document, node: u32) -> bool {
    if document.index().node(node).kind != Kind::String {
        return false;
    }
    let Some((_, rest)) = document.content(node).split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((credentials, host)) = authority.rsplit_once('@') else { return false };
    let Some((user, password)) = credentials.split_once(':') else { return false };
    let is_local = !host.contains('.') || host.starts_with("127.0.0.1");
    let is_default = is_local && user == password;
    !password.is_empty() && !is_default
}

/// Returns `true` for a private key in PEM.
fn is_private_key(document: &Document, node: u32) -> bool {
    document.index().node(node).kind == Kind::String
        && document.content(node).trim_start().strip_prefix("-----BEGIN ").is_some_and(|rest| {
            rest.split_once("-----").is_some_and(|(label, _)| label.ends_with("PRIVATE KEY"))
        })
}

/// The first rule that matches a name, which `split` has split into words.
fn rule(words: &str) -> Option<usize> {
    RULES.iter().position(|rule| match rule.at {
        At::Start => rule.words.iter().any(|first| starts_with(words, first)),
        At::End => rule.words.iter().any(|last| ends_with(words, last)),
        At::Any => words.split(' ').any(|word| rule.words.contains(&word)),
        At::WordEnd => {
            words.split(' ').any(|word| rule.words.iter().any(|end| word.ends_with(end)))
        }
    })
}

fn starts_with(words: &str, first: &str) -> bool {
    words.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn ends_with(words: &str, last: &str) -> bool {
    words.strip_suffix(last).is_some_and(|rest| rest.is_empty() || rest.ends_with(' '))
}

/// Returns the words of a name in lower case, with one space between two: `openai api key` for
/// `OPENAI_API_KEY_2` and for `openaiAPIKey`.
///
/// Digits at the end of a word are left out, unless there is only one letter before them, as in
/// `s3`.
fn split(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let end_word = |words: &mut String, start: usize| {
        let word = &words[start..];
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if word.chars().count() > 2 || letters == 0 {
            words.truncate(start + letters);
        }
        if words.len() > start {
            words.push(' ');
        }
        words.len()
    };
    let mut start = 0;
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let begins = c.is_uppercase()
            && (!before.is_uppercase() || chars.peek().is_some_and(|next| next.is_lowercase()));
        if begins || !c.is_alphanumeric() {
            start = end_word(&mut words, start);
        }
        if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
        }
        before = c;
    }
    end_word(&mut words, start);
    words.truncate(words.trim_end().len());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that each rule decides, in the order of the rules.
    const DECIDED: &[&[&str]] = &[
        &["MAX_TOKENS", "min_password", "useToken", "has-key", "enable_token_refresh"],
        &["AWS_ACCESS_KEY_ID", "awsAccessKeyId", "private-key-id", "SLACK_WEBHOOK_URL", "secretId"],
        &[
            "token_uri",
            "token_uri_2",
            "PRIVATE_KEY_PATH",
            "secret_name",
            "passwordMinLength",
            "PASSWORD.FIELD",
            "API_KEY_HEADER",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "JWT_ALGORITHM",
            "TOKEN_LIMIT",
            "cookie_expiry_days",
            "password_policy",
            "token_symbol",
            "jwt_alg",
        ],
        &["PUBLIC_KEY", "stripePublishableKey", "cle_publique", "clave_pública"],
        &["sort_key", "PRIMARY_KEY", "s3_key", "palavras_chave", "git-hash"],
        &["pad_token", "EOS_TOKEN", "stopToken"],
        &["BOT_TOKENS", "accessTokens"],
        &["stop_tokens", "tokens"],
        &[
            "key",
            "KEY_1",
            "key2",
            "OPENAI_API_KEY",
            "openaiAPIKey",
            "APIKey",
            "GitHubPAT",
            "token_openai",
            "secret webhook",
            "db.password",
            "gcp_credentials_json",
            "SENTRY_DSN",
            "MPIN",
        ],
        &[
            "ADMIN_PIN",
            "hash2.salt",
            "api_keys",
            "CONNECTION_STRING",
            "slack_webhook",
            "SQL_CONN_STR",
            "authorization",
            "ssh.private",
        ],
        &["AUTHTOKEN", "clientsecret", "dbpassword1", "myapikey", "MYSQLPWD", "OPENAIKEY"],
        &[
            "CONTRASEÑA",
            "clave_api",
            "correo.clave",
            "mot_de_passe",
            "MDP",
            "parola_chiave_admin",
            "LLAVE_API",
            "kata_sandi",
            "HASŁO_ADMINA",
            "пароль_бд",
        ],
        &["TOEGANGSCODE", "código_de_acceso", "код_доступа"],
        &["mat_khau", "Mật khẩu"],
        &["bind_passwort", "DBKennwort", "api_sleutel", "管理者パスワード", "APIキー", "비밀번호"],
    ];

    #[test]
    fn each_rule_decides_its_names() {
        assert_eq!(DECIDED.len(), RULES.len());
        for (i, names) in DECIDED.iter().enumerate() {
            for name in *names {
                assert_eq!(rule(&split(name)), Some(i), "{name}");
            }
        }
    }

    #[test]
    fn each_word_of_a_rule_has_an_effect() {
        for (i, Rule { is_secret, at, words }) in RULES.iter().enumerate() {
            for &word in *words {
                assert_eq!(split(word), word, "a name is never split into this");
                let name = match at {
                    At::Start => format!("{word} x"),
                    At::End => format!("x {word}"),
                    At::Any => format!("x {word} x"),
                    At::WordEnd => format!("x{word} x"),
                };
                assert_eq!(rule(&name), Some(i), "{name}: {is_secret}");
            }
        }
    }

    #[test]
    fn other_names_are_decided_by_the_tables_around_them() {
        for name in [
            "model",
            "monkey",
            "keyboard",
            "email_signature",
            "pinned",
            "cookie_consent",
            "hash_seed",
            "compass",
            "path",
            "pattern",
            "author",
            "tokenizer",
            "secretary",
            "キーワード",
            "_",
            "",
            "1",
        ] {
            assert!(rule(&split(name)).is_none_or(|rule| !RULES[rule].is_secret), "{name}");
        }
        for (tables, expected) in [
            (&["passwords"][..], Around::Passwords),
            (&["app_passwords", "admins", "keys"], Around::Passwords),
            (&["mots_de_passe"], Around::Passwords),
            (&["apiKeys"], Around::Secrets),
            (&["tokens"], Around::Secrets),
            (&["klucze"], Around::Secrets),
            (&["passord"], Around::Passwords),
            (&["secrets", "theme"], Around::Nothing),
            (&["keys_of_columns"], Around::Nothing),
            (&[], Around::Nothing),
        ] {
            let around = tables.iter().fold(Around::Nothing, |around, table| around.inside(table));
            assert!(around == expected, "{tables:?}");
        }
    }

    #[test]
    fn a_value_may_say_that_it_is_no_secret_or_that_it_is_one() {
        for (text, expected) in [
            ("[passwords]\npath = 'x'", true),
            ("[api_keys]\nopenai = 'x'", true),
            ("[api_keys]\nurl = 'x'", false),
            ("[passwords]\nada = 1815", false),
            ("token = true", false),
            ("token = 'true'", false),
            ("token = 'false'", false),
            ("token = 1.5", false),
            ("token = 2000-01-01", false),
            ("token = '1815'", true),
            ("token = []", true),
            ("token = ['']", true),
            ("token = [['']]", true),
            ("token = [1, 2]", false),
            ("url = 'mongodb+srv://ada:lovelace@db.example.com/?x=a@b'", true),
            ("url = 'https://:pw@example.com'", true),
            ("url = 'postgres://postgres:postgres@localhost:5432/db'", false),
            ("url = 'postgres://postgres:postgres@127.0.0.1'", false),
            ("url = 'postgres://db:db@postgres/db'", false),
            ("url = 'postgres://db:changed@postgres/db'", true),
            ("url = 'postgres://ada:lovelace@localhost/db'", true),
            ("url = 'postgres://ada:ada@db.example.com/db'", true),
            ("url = 'redis://:pw@localhost'", true),
            ("url = 'https://ada@example.com'", false),
            ("url = 'https://ada:@example.com'", false),
            ("url = 'https://example.com/ada:lovelace@example.com'", false),
            ("pem = '-----BEGIN PRIVATE KEY-----'", true),
            ("pem = '''\n-----BEGIN RSA PRIVATE KEY-----\n'''", true),
            ("pem = '-----BEGIN PUBLIC KEY-----'", false),
            ("pem = '-----BEGIN CERTIFICATE-----'", false),
        ] {
            let template = crate::Template::parse(text).unwrap();
            let variable = template.variables().next().unwrap();
            assert_eq!(variable.is_secret(), expected, "{text}");
        }
    }

    #[test]
    fn names_are_split_into_words() {
        for (name, words) in [
            ("OPENAI_API_KEY", "openai api key"),
            ("openaiApiKey", "openai api key"),
            ("OpenAIAPIKey", "open aiapi key"),
            ("--a..b c--", "a b c"),
            ("key_12", "key"),
            ("key12", "key"),
            ("s3Key", "s3 key"),
            ("X509Cert2", "x cert"),
            ("ÄPFEL", "äpfel"),
            ("12", ""),
            ("", ""),
        ] {
            assert_eq!(split(name), words, "{name}");
        }
    }
}
