//! The signature of a request to AWS: Signature Version 4, for a request without a query.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The keys that a request is signed with. They have no `Debug`.
pub struct Credentials {
    /// The ID of the access key, which is not secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Zeroizing<String>,
    /// The token of temporary credentials, such as those of a role.
    pub session_token: Option<Zeroizing<String>>,
}

/// The parts of a request that are signed.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method of HTTP.
    pub method: &'a str,
    /// The query, in canonical form. It is empty for KMS.
    pub query: &'a str,
    /// The headers, in the order of their names, which are in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// The region and the service.
    pub place: (&'a str, &'a str),
}

/// A moment, as a request has it: `20150830T123600Z`.
pub struct Timestamp(String);

impl Timestamp {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        Self::from_unix(seconds)
    }

    /// A moment as seconds since 1970.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        let (mut days, second) = (seconds / 86_400, seconds % 86_400);
        let is_leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let mut year = 1970;
        while days >= 365 + u64::from(is_leap(year)) {
            days -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let months = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while days >= months[month] {
            days -= months[month];
            month += 1;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let (month, day) = (month + 1, days + 1);
        Self(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Credentials {
    /// Returns the value of the header `authorization`.
    #[must_use]
    pub fn sign(&self, request: &Request<'_>, timestamp: &Timestamp) -> String {
        let (region, service) = request.place;
        let day = &timestamp.0[..8];
        let names: Vec<_> = request.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut canonical = format!("{}\n/\n{}\n", request.method, request.query);
        for (name, value) in request.headers {
            canonical += &format!("{name}:{value}\n");
        }
        canonical += &format!("\n{names}\n{}", hex(&Sha256::digest(request.body)));

        let scope = format!("{day}/{region}/{service}/aws4_request");
        let hash = hex(&Sha256::digest(&canonical));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", timestamp.0);
        let secret = Zeroizing::new(format!("AWS4{}", self.secret_access_key.as_str()));
        let mut key = mac(secret.as_bytes(), day);
        for part in [region, service, "aws4_request"] {
            key = mac(key.as_slice(), part);
        }
        let signature = hex(mac(key.as_slice(), &text).as_slice());
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        )
    }
}

fn mac(key: &[u8], message: &str) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}
