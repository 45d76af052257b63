//! Two calls of the transit engine: making a data key, and unwrapping one.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use secrets_toml::seal::KmsKey;
use serde::Deserialize;
use serde_json::json;
use ureq::Agent;
use zeroize::Zeroizing;

/// The longest answer that is read: a few hundred bytes are expected.
const MAX_ANSWER_LEN: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// A key of a transit engine, and what it takes to use it. `Debug` does not show the token.
pub struct Transit {
    agent: Agent,
    mount: String,
    token: Zeroizing<String>,
    key: KmsKey,
    name: String,
}

/// A key that locks a keyring, in clear and wrapped.
pub struct DataKey {
    /// The key itself. It is wiped on drop.
    pub kek: Zeroizing<[u8; 32]>,
    /// The key as Vault wrapped it: text such as `vault:v1:…`.
    pub wrapped: Vec<u8>,
}

/// The reason why Vault gave no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransitError {
    /// No answer came.
    #[error("Vault did not answer")]
    Http(#[from] ureq::Error),
    /// Vault refused: the token, the key, the context, or the wrapped key is wrong.
    #[error("Vault refused with status {status}: {reasons}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The reasons that Vault gave.
        reasons: String,
    },
    /// The answer is not one of the transit engine.
    #[error("Vault's answer is malformed")]
    Malformed,
}

impl Transit {
    /// Names a key: `address` is Vault's, `mount` the path of the engine, mostly `transit`.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is not valid in a keyring.
    pub fn new(
        address: &str,
        mount: &str,
        name: &str,
        token: &str,
    ) -> Result<Self, secrets_toml::seal::LockError> {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        Ok(Self {
            agent: config.timeout_global(Some(TIMEOUT)).build().into(),
            mount: format!("{}/v1/{mount}", address.trim_end_matches('/')),
            token: Zeroizing::new(token.to_owned()),
            key: KmsKey::new("vault", &format!("{mount}/{name}"))?,
            name: name.to_owned(),
        })
    }

    /// Returns the name of the key, as a keyring has it.
    #[must_use]
    pub fn key(&self) -> &KmsKey {
        &self.key
    }

    /// Asks for a new data key.
    ///
    /// # Errors
    ///
    /// Returns [`TransitError`] if Vault does not answer, refuses, or answers something else.
    pub fn generate(&self, context: &[u8]) -> Result<DataKey, TransitError> {
        let body = json!({ "bits": 256, "context": Base64::encode_string(context) });
        let answer = self.call("datakey/plaintext", &body)?;
        let data = read(&answer)?;
        let wrapped = data.ciphertext.ok_or(TransitError::Malformed)?;
        Ok(DataKey { kek: kek(data.plaintext)?, wrapped: wrapped.as_bytes().to_vec() })
    }

    /// Asks for a data key that was wrapped earlier.
    ///
    /// # Errors
    ///
    /// Returns [`TransitError`] if Vault does not answer, refuses, or answers something else.
    pub fn unwrap(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, TransitError> {
        let wrapped = std::str::from_utf8(wrapped).map_err(|_| TransitError::Malformed)?;
        let body = json!({ "ciphertext": wrapped, "context": Base64::encode_string(context) });
        kek(read(&self.call("decrypt", &body)?)?.plaintext)
    }

    /// Calls the engine. The answer has a key in it, so it is wiped on drop.
    fn call(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Zeroizing<Vec<u8>>, TransitError> {
        let request = self.agent.post(format!("{}/{path}/{}", self.mount, self.name));
        let request = request.header("X-Vault-Token", self.token.as_str());
        let mut response = request.content_type("application/json").send(body.to_string())?;
        let limited = response.body_mut().with_config().limit(MAX_ANSWER_LEN as u64);
        // It has room for the longest answer. A buffer that grows would leave copies of the key behind.
        let mut answer = Zeroizing::new(Vec::with_capacity(MAX_ANSWER_LEN));
        limited.reader().read_to_end(&mut answer).map_err(ureq::Error::from)?;
        if response.status().is_success() {
            return Ok(answer);
        }
        let refusal: Refusal = serde_json::from_slice(&answer).unwrap_or_default();
        let (status, reasons) = (response.status().as_u16(), refusal.errors.join("; "));
        Err(TransitError::Refused { status, reasons })
    }
}

impl fmt::Debug for Transit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transit").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The answer to both calls. It borrows, so that no second copy of the key is made.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    plaintext: &'a str,
    ciphertext: Option<&'a str>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    errors: Vec<String>,
}

fn read(answer: &[u8]) -> Result<Data<'_>, TransitError> {
    let answer: Answer<'_> = serde_json::from_slice(answer).map_err(|_| TransitError::Malformed)?;
    Ok(answer.data)
}

fn kek(plaintext: &str) -> Result<Zeroizing<[u8; 32]>, TransitError> {
    let mut kek = Zeroizing::new([0; 32]);
    let len = Base64::decode(plaintext, kek.as_mut_slice()).map(<[u8]>::len);
    if len == Ok(32) { Ok(kek) } else { Err(TransitError::Malformed) }
}
