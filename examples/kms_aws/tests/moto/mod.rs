//! `moto_server`, a simulation of AWS from PyPI. It is installed below the target folder, once.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The version, so that a new one changes nothing on its own. `moto[server]` would bring twice as much, for
/// services other than KMS.
const PACKAGES: [&str; 3] = ["moto==5.2.5", "flask", "flask-cors"];

pub(crate) struct Moto {
    server: Child,
    endpoint: String,
}

impl Moto {
    /// Starts a server on a free port.
    pub(crate) fn start() -> Self {
        let mut server = Command::new(install().join("bin/moto_server"))
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
        let endpoint = log.by_ref().map_while(Result::ok).find_map(|line| {
            let address = line.split_once("Running on ")?.1;
            Some(address.split_whitespace().next()?.trim_end_matches('/').to_owned())
        });
        // A pipe that nobody reads would stop the server.
        std::thread::spawn(move || log.for_each(drop));
        Self { server, endpoint: endpoint.expect("the server prints its address") }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a symmetric key, and returns its ARN. The simulation does not check signatures.
    pub(crate) fn create_key(&self) -> String {
        let scope = "AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request";
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=, Signature=");
        let mut response = ureq::post(&self.endpoint)
            .header("x-amz-target", "TrentService.CreateKey")
            .header("authorization", authorization)
            .content_type("application/x-amz-json-1.1")
            .send("{}")
            .unwrap();
        let answer = response.body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// Installs the packages, unless they are there.
fn install() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let done = folder.join(PACKAGES[0]);
    // Two runs at the same time do not install at the same time.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if done.exists() {
        return folder;
    }
    let run = |command: &mut Command| {
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(PACKAGES));
    std::fs::write(done, "").unwrap();
    folder
}
