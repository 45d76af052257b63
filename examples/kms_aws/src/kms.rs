//! Two calls of AWS KMS: `GenerateDataKey` and `Decrypt`.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use secrets_toml::seal::KmsKey;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;
use zeroize::Zeroizing;

use crate::signature::{Credentials, Request, Timestamp};

/// The longest answer that is read: a few hundred bytes are expected.
const MAX_ANSWER_LEN: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The context of a call, as a keyring gives it.
type Context<'a> = [(&'a str, &'a str); 2];

/// A key of AWS KMS, and what it takes to use it. `Debug` shows no credentials.
pub struct Kms {
    agent: Agent,
    endpoint: String,
    region: String,
    credentials: Credentials,
    key: KmsKey,
}

/// A key that locks a keyring, in clear and wrapped.
pub struct DataKey {
    /// The key itself. It is wiped on drop.
    pub kek: Zeroizing<[u8; 32]>,
    /// The key as KMS wrapped it.
    pub wrapped: Vec<u8>,
}

/// The reason why KMS gave no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KmsError {
    /// No answer came.
    #[error("KMS did not answer")]
    Http(#[from] ureq::Error),
    /// KMS refused: the credentials, the key, the context, or the wrapped key is wrong.
    #[error("KMS refused with status {status}: {code}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The code of the error, such as `InvalidCiphertextException`.
        code: String,
    },
    /// KMS has used another key than the pinned one.
    #[error("KMS has used another key than the pinned one")]
    OtherKey,
    /// The answer is not one of KMS.
    #[error("the answer of KMS is malformed")]
    Malformed,
}

impl Kms {
    /// Names a key by its ARN.
    ///
    /// An alias would not do: it can be moved to another key, and then nothing opens. `endpoint` is
    /// `https://kms.REGION.amazonaws.com`, or that of a VPC.
    ///
    /// # Errors
    ///
    /// Returns an error if the ARN is not valid in a keyring.
    pub fn new(
        endpoint: &str,
        region: &str,
        arn: &str,
        credentials: Credentials,
    ) -> Result<Self, secrets_toml::seal::LockError> {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        Ok(Self {
            agent: config.timeout_global(Some(TIMEOUT)).build().into(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            credentials,
            key: KmsKey::new("aws", arn)?,
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
    /// Returns [`KmsError`] if KMS does not answer, refuses, or answers something else.
    pub fn generate(&self, context: Context<'_>) -> Result<DataKey, KmsError> {
        let body = json!({
            "KeyId": self.key.key_ref(),
            "KeySpec": "AES_256",
            "EncryptionContext": map(context),
        });
        let answer = self.call("GenerateDataKey", &body)?;
        let answer = self.read(&answer)?;
        let wrapped = answer.wrapped.ok_or(KmsError::Malformed)?;
        let wrapped = Base64::decode_vec(wrapped).map_err(|_| KmsError::Malformed)?;
        Ok(DataKey { kek: kek(answer.plaintext)?, wrapped })
    }

    /// Asks for a data key that was wrapped earlier.
    ///
    /// # Errors
    ///
    /// Returns [`KmsError`] if KMS does not answer, refuses, or answers something else.
    pub fn unwrap(
        &self,
        wrapped: &[u8],
        context: Context<'_>,
    ) -> Result<Zeroizing<[u8; 32]>, KmsError> {
        let body = json!({
            "KeyId": self.key.key_ref(),
            "CiphertextBlob": Base64::encode_string(wrapped),
            "EncryptionContext": map(context),
        });
        kek(self.read(&self.call("Decrypt", &body)?)?.plaintext)
    }

    /// Calls KMS. The answer has a key in it, so it is wiped on drop.
    fn call(&self, action: &str, body: &Value) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let (body, timestamp) = (body.to_string(), Timestamp::now());
        let host = self.endpoint.split_once("://").map_or("", |(_, host)| host);
        let target = format!("TrentService.{action}");
        let token = self.credentials.session_token.as_ref().map(|token| token.as_str());
        let mut headers = vec![
            ("content-type", CONTENT_TYPE),
            ("host", host),
            ("x-amz-date", timestamp.as_str()),
        ];
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers.push(("x-amz-target", &target));
        let authorization = self.credentials.sign(
            &Request {
                method: "POST",
                query: "",
                headers: &headers,
                body: body.as_bytes(),
                place: (&self.region, "kms"),
            },
            &timestamp,
        );
        let mut request = self.agent.post(format!("{}/", self.endpoint));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = request.header("authorization", authorization).send(&body)?;
        let limited = response.body_mut().with_config().limit(MAX_ANSWER_LEN as u64);
        // It has room for the longest answer. A buffer that grows would leave copies of the key behind.
        let mut answer = Zeroizing::new(Vec::with_capacity(MAX_ANSWER_LEN));
        limited.reader().read_to_end(&mut answer).map_err(ureq::Error::from)?;
        if response.status().is_success() {
            return Ok(answer);
        }
        let refusal: Refusal = serde_json::from_slice(&answer).unwrap_or_default();
        Err(KmsError::Refused { status: response.status().as_u16(), code: refusal.code })
    }

    /// Reads an answer, and refuses one that another key has made.
    fn read<'a>(&self, answer: &'a [u8]) -> Result<Answer<'a>, KmsError> {
        let answer: Answer<'_> = serde_json::from_slice(answer).map_err(|_| KmsError::Malformed)?;
        if answer.key == self.key.key_ref() { Ok(answer) } else { Err(KmsError::OtherKey) }
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kms").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The answer to both calls. It borrows, so that no second copy of the key is made.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "KeyId")]
    key: &'a str,
    #[serde(rename = "Plaintext")]
    plaintext: &'a str,
    #[serde(rename = "CiphertextBlob")]
    wrapped: Option<&'a str>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    code: String,
}

fn map(context: Context<'_>) -> Value {
    context.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

fn kek(plaintext: &str) -> Result<Zeroizing<[u8; 32]>, KmsError> {
    let mut kek = Zeroizing::new([0; 32]);
    let len = Base64::decode(plaintext, kek.as_mut_slice()).map(<[u8]>::len);
    if len == Ok(32) { Ok(kek) } else { Err(KmsError::Malformed) }
}
