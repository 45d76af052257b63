//! The signature, against the examples that AWS publishes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kms_aws::{Credentials, Request, Timestamp};
use zeroize::Zeroizing;

/// The credentials of the examples.
fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
        session_token: None,
    }
}

/// 30 August 2015, 12:36:00.
const MOMENT: u64 = 1_440_938_160;

#[test]
fn a_moment_is_written_in_utc() {
    for (seconds, text) in [
        (0, "19700101T000000Z"),
        (951_782_399, "20000228T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (951_868_800, "20000301T000000Z"),
        (MOMENT, "20150830T123600Z"),
        (1_735_689_599, "20241231T235959Z"),
        (4_107_542_400, "21000301T000000Z"),
    ] {
        assert_eq!(Timestamp::from_unix(seconds).as_str(), text);
    }
    assert!(Timestamp::now().as_str() > "20260101T000000Z");
}

#[test]
fn the_signature_is_that_of_the_examples() {
    // From "Create a signed AWS API request", the request `ListUsers`.
    let list_users = Request {
        method: "GET",
        query: "Action=ListUsers&Version=2010-05-08",
        headers: &[
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ],
        body: b"",
        place: ("us-east-1", "iam"),
    };
    // From the test suite of Signature Version 4, `get-vanilla` and `post-vanilla`.
    let vanilla = |method| Request {
        method,
        query: "",
        headers: &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")],
        body: b"",
        place: ("us-east-1", "service"),
    };
    for (request, signature) in [
        (list_users, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
        (vanilla("GET"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (vanilla("POST"), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ] {
        let value = credentials().sign(&request, &Timestamp::from_unix(MOMENT));
        let (rest, found) = value.rsplit_once(", Signature=").unwrap();
        assert_eq!(found, signature);
        let (region, service) = request.place;
        let scope = format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/{region}/{service}/");
        assert!(rest.starts_with(&scope), "{rest}");
    }
}
